"""EM: monotone, started at the predictions, safe where a plain implementation gives NaN."""

from functools import partial

import numpy as np
import pytest

from skcollision.pseudo_labels import solve_pseudo_labels, solve_stack

solve_em = partial(solve_pseudo_labels, solver="em")


@pytest.mark.parametrize("lam", [0.1, 1.0, 100.0, 1e4, 1e6])
@pytest.mark.parametrize("scale", [2.0, 40.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_sweep_lowers_the_objective(predictions, objective, lam, scale, weighted):
    probs = predictions(40, 7, scale=scale)
    prior = np.arange(1.0, 8.0) / 28 if weighted else None
    weights = np.arange(40.0) if weighted else None
    labels = np.maximum(probs, 1e-36)
    labels /= labels.sum(1, keepdims=True)
    values = [objective(probs, labels, lam, prior, weights)]
    for _ in range(15):
        result = solve_em(
            probs, lam=lam, prior=prior, sample_weight=weights, init=labels, tol=0, max_iter=1
        )
        labels = result.pseudo_labels
        values.append(objective(probs, labels, lam, prior, weights))
        assert values[-1] == pytest.approx(result.objective, rel=1e-9, abs=1e-12)
    slack = 1e-12 * max(1.0, lam, abs(values[0]))
    assert np.diff(values).max() <= slack
    assert values[-1] < values[0] - 1e-7


@pytest.mark.parametrize("lam", [0.1, 1.0, 3.0])
def test_em_converges_to_the_optimum_at_small_lam(predictions, lam):
    probs = predictions(60, 4)
    em = solve_em(probs, lam=lam, tol=1e-12, max_iter=20_000)
    exact = solve_pseudo_labels(probs, lam=lam, tol=1e-8)
    assert em.converged
    assert em.objective == pytest.approx(exact.objective, abs=1e-5)
    assert em.duality_gap < 1e-3


@pytest.mark.parametrize(("n_points", "n_clusters"), [(9, 5), (70, 5), (9, 80)])
def test_a_sweep_solves_the_m_step(predictions, n_points, n_clusters):
    """Stationarity on the simplex of -ln(sigma'y) - sum c ln y, at the responsibilities of y0."""
    probs, start = predictions(n_points, n_clusters), predictions(n_points, n_clusters, seed=1)
    c = 10.0 / n_clusters * start / start.mean(0)
    y = solve_em(probs, lam=10.0, init=start, max_iter=1, tol=0).pseudo_labels
    gradient = probs / (probs * y).sum(1, keepdims=True) + c / y
    np.testing.assert_allclose(gradient, np.repeat(1 + c.sum(1)[:, None], n_clusters, 1), rtol=1e-8)


@pytest.mark.parametrize("best", [0.2, 0.9])
def test_zero_responsibilities_follow_the_supplement(best):
    """Cluster 2 has no responsibility: it gets a label only where it is likely enough."""
    rest = (1 - best) * np.array([0.7, 0.3])
    probs = np.tile([*rest, best], (4, 1))
    init = np.tile([0.5, 0.5, 0.0], (4, 1))
    init[3] = [0.1, 0.1, 0.8]
    y = solve_em(probs, lam=1.0, init=init, max_iter=1, tol=0).pseudo_labels[0]
    c = init[0] / 3 / init.mean(0)
    gradient = probs[0] / (probs[0] @ y) + np.divide(c, y, out=np.zeros(3), where=c > 0)
    assert (y[2] > 0) == (best == 0.9)
    np.testing.assert_allclose(gradient[y > 0], gradient[0], rtol=1e-9)
    assert (gradient <= gradient[0] * (1 + 1e-9)).all()


def test_em_starts_from_the_predictions(predictions):
    probs = predictions(50, 6)
    default = solve_em(probs, lam=10.0, max_iter=3, tol=0)
    given = solve_em(probs, lam=10.0, max_iter=3, tol=0, init=probs)
    np.testing.assert_array_equal(default.pseudo_labels, given.pseudo_labels)
    stack = solve_stack(probs[None], lam=10.0, solver="em", max_iter=3, tol=0)
    np.testing.assert_array_equal(default.pseudo_labels, stack.pseudo_labels[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_thousands_of_sweeps_do_not_underflow(predictions, dtype):
    probs = predictions(20, 20, scale=6).astype(dtype)
    result = solve_em(probs, lam=100.0, max_iter=3000, tol=0)
    assert np.isfinite(result.pseudo_labels).all()
    assert np.isfinite(result.duality_gap)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_dead_cluster_comes_back(dtype):
    init = np.tile(np.array([0.5, 0.5, 0.0], dtype), (30, 1))
    probs = np.tile(np.array([0.5, 0.3, 0.2], dtype), (30, 1))
    result = solve_em(probs, lam=100.0, init=init)
    assert np.isfinite(result.objective)
    assert result.pseudo_labels[:, 2].mean() > 0.1


def test_converged_tells_whether_the_gap_met_the_tolerance(predictions):
    probs = predictions(100, 10)
    stopped = solve_em(probs, lam=1.0, tol=1e-9, max_iter=5)
    assert not stopped.converged
    loose = solve_em(probs, lam=1.0, tol=1e-2)
    assert loose.converged
    assert loose.duality_gap <= 1e-2 * max(1.0, loose.objective)
    assert 1 <= loose.n_iter < solve_em(probs, lam=1.0, tol=1e-3).n_iter


@pytest.mark.parametrize("lam", [5e-324, 1e-300, 1.0, 1e12, 1e30, 1e38, 1e300])
def test_both_newtons_give_the_same_labels_at_any_lam(lam):
    probs = np.random.default_rng(0).dirichlet(np.full(4, 0.3), size=20).clip(1e-6)
    probs /= probs.sum(1, keepdims=True)
    found, expected = (
        solve_pseudo_labels(probs, lam=lam, solver=solver, max_iter=1).pseudo_labels
        for solver in ("em-newton", "em")
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)
