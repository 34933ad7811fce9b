"""Projected gradient, accelerated EM, and the labels of the competing methods."""

import numpy as np
import pytest

from skcollision.pseudo_labels import solve_pseudo_labels

ORDERS = ["KL(u||y)", "KL(y||u)"]


def transport_cost(probs, labels):
    return float(-(labels * np.log(probs)).sum(1).mean())


@pytest.mark.parametrize("fairness", ORDERS)
@pytest.mark.parametrize("lam", [0.5, 10.0])
def test_projected_gradient_meets_the_exact_solver(predictions, objective, fairness, lam):
    probs = predictions(40, 4)
    prior = np.array([0.1, 0.2, 0.3, 0.4])
    common = {"lam": lam, "prior": prior, "fairness": fairness}
    exact = solve_pseudo_labels(probs, tol=1e-8, **common)
    pgd = solve_pseudo_labels(probs, solver="pgd", tol=1e-5, **common)
    assert pgd.converged
    assert pgd.objective == pytest.approx(exact.objective, abs=1.1e-5)
    actual = objective(probs, pgd.pseudo_labels, lam, prior, fairness=fairness)
    assert actual == pytest.approx(pgd.objective, abs=1e-9)
    # Unlike the interior point's, its labels reach the boundary: two clusters a point at most.
    assert ((pgd.pseudo_labels > 1e-3).sum(1) <= 3).all()


def test_projected_gradient_never_rises_however_long_its_step(predictions):
    probs = predictions(40, 4)
    values = [
        solve_pseudo_labels(
            probs, lam=10.0, solver="pgd", tol=0, step_size=10.0, max_iter=n
        ).objective
        for n in (5, 10, 20, 40, 80)
    ]
    assert np.diff(values).max() <= 1e-12
    assert values[-1] < values[0]


def test_the_other_newton_takes_the_same_em_steps(predictions):
    probs = predictions(50, 8)
    options = {"lam": 100.0, "tol": 0, "max_iter": 10}
    fast = solve_pseudo_labels(probs, solver="em", **options)
    paper = solve_pseudo_labels(probs, solver="em-newton", **options)
    np.testing.assert_allclose(fast.pseudo_labels, paper.pseudo_labels, rtol=1e-6, atol=1e-12)


def test_acceleration_is_monotone_and_ahead_of_plain_em(predictions):
    probs = predictions(300, 6, scale=1.5)
    start = np.full_like(probs, 1 / 6)
    options = {"lam": 50.0, "init": start, "tol": 0}
    values = [
        solve_pseudo_labels(probs, solver="em-squarem", max_iter=n, **options).objective
        for n in (1, 2, 3, 6, 12, 30, 60)
    ]
    assert np.diff(values).max() <= 1e-10
    plain = solve_pseudo_labels(probs, solver="em", max_iter=60, **options)
    exact = solve_pseudo_labels(probs, lam=50.0, tol=1e-8)
    assert values[-1] - exact.objective < 0.5 * (plain.objective - exact.objective)


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_sinkhorn_is_entropic_transport(predictions, sharpness):
    ot = pytest.importorskip("ot")
    probs = predictions(30, 4)
    prior = np.array([0.1, 0.2, 0.3, 0.4])
    result = solve_pseudo_labels(probs, lam=sharpness, prior=prior, solver="sinkhorn", tol=1e-8)
    plan = ot.sinkhorn(
        np.full(30, 1 / 30),
        prior,
        -np.log(probs),
        1 / sharpness,
        method="sinkhorn_log",
        stopThr=1e-12,
        numItermax=20_000,
    )
    assert result.converged
    np.testing.assert_allclose(result.pseudo_labels, plan * 30, atol=1e-5)
    np.testing.assert_allclose(result.pseudo_labels.mean(0), prior, atol=1e-12)


def test_miadm_at_infinite_lam_is_exact_transport(predictions):
    ot = pytest.importorskip("ot")
    probs = predictions(30, 4)
    prior = np.array([0.1, 0.2, 0.3, 0.4])
    result = solve_pseudo_labels(probs, lam=np.inf, prior=prior, solver="miadm")
    best = ot.emd2(np.full(30, 1 / 30), prior, -np.log(probs))
    assert result.converged
    assert transport_cost(probs, result.pseudo_labels) == pytest.approx(best, abs=2e-6)


@pytest.mark.parametrize("fairness", ORDERS)
def test_miadm_is_optimal(predictions, fairness):
    """Against projected gradient descent on eq. (5), written out here in NumPy."""
    probs, lam = predictions(40, 4), 2.0
    result = solve_pseudo_labels(probs, lam=lam, solver="miadm", fairness=fairness, tol=1e-8)

    def cost_and_slope(y):
        mean = y.mean(0)
        if fairness == "KL(u||y)":
            return lam * (np.log(1 / 4 / mean) / 4).sum(), -lam / 4 / mean
        return lam * (mean * np.log(mean * 4)).sum(), lam * (np.log(mean * 4) + 1)

    y = np.full_like(probs, 0.25)
    for step in np.geomspace(0.1, 3e-4, 1500):
        y = project(y - step * (cost_and_slope(y)[1] - np.log(probs)))
    value = transport_cost(probs, y) + cost_and_slope(y)[0]
    assert result.objective == pytest.approx(value, abs=1e-4)
    assert result.objective <= value + 1e-8
    assert result.objective - result.duality_gap <= value


def project(rows):
    ordered = -np.sort(-rows, axis=1)
    excess = (np.cumsum(ordered, axis=1) - 1) / np.arange(1, rows.shape[1] + 1)
    count = (ordered > excess).sum(1)
    return np.maximum(rows - np.take_along_axis(excess, count[:, None] - 1, axis=1), 0)


def test_the_closed_form_of_miadm_is_the_published_one(predictions):
    """sigma / sqrt(mean), near the optimum of the objective with entropy that it approximates."""
    probs = predictions(500, 4, scale=1.0)
    labels = solve_pseudo_labels(probs, lam=1.0, solver="miadm-approx").pseudo_labels
    expected = probs / np.sqrt(probs.mean(0))
    np.testing.assert_allclose(labels, expected / expected.sum(1, keepdims=True), rtol=1e-12)

    def value(y):
        mean = y.mean(0)
        return (y * np.log(y / probs)).sum(1).mean() + (mean * np.log(4 * mean)).sum()

    # the exact labels of that objective: y ~ sigma / mean(y), damped to converge
    optimum = labels
    for _ in range(300):
        target = probs / optimum.mean(0)
        optimum = np.sqrt(optimum * target / target.sum(1, keepdims=True))
        optimum /= optimum.sum(1, keepdims=True)
    assert value(optimum) <= value(labels) + 1e-12 < value(probs)
    assert value(labels) - value(optimum) < 0.1 * (value(probs) - value(optimum))


@pytest.mark.parametrize(
    ("solver", "bad"),
    [
        ("pgd", {"lam": np.inf}),
        ("sinkhorn", {"lam": 0}),
        ("sinkhorn", {"lam": np.inf}),
        ("dual", {"step_size": 0.1}),
        ("pgd", {"step_size": -1.0}),
        ("dual", {"init": np.full((4, 3), 1 / 3)}),
    ],
)
def test_what_a_solver_cannot_do_is_named(solver, bad):
    name = next(iter(bad))
    with pytest.raises(ValueError, match=name):
        solve_pseudo_labels(np.full((4, 3), 1 / 3), **{"lam": 1.0, "solver": solver, **bad})


@pytest.mark.parametrize("fairness", ORDERS)
@pytest.mark.parametrize("lam", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("init", [None, [[1.0, 0.0]], [[0.0, 1.0]]])
def test_projected_gradient_ends_where_a_cluster_has_no_label(lam, fairness, init):
    probs = np.array([[0.98, 0.02]])
    result = solve_pseudo_labels(
        probs, lam=lam, solver="pgd", fairness=fairness, init=init, max_iter=200
    )
    assert np.isfinite(result.objective)
    assert np.isfinite(result.duality_gap)
    np.testing.assert_allclose(result.pseudo_labels.sum(1), 1)


@pytest.mark.parametrize("lam", [0.1, 10.0, 1e6, np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_miadm_takes_predictions_of_exactly_zero(lam, dtype):
    price = -np.log(np.finfo(np.float32).tiny)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        n_points, n_clusters = rng.integers(1, 80), rng.integers(2, 12)
        # any clusters may be empty, and a prior or weights of any kind ask for others
        n_used = rng.integers(1, n_clusters + 1)
        probs = np.eye(n_clusters, dtype=dtype)[rng.integers(n_used, size=n_points)]
        prior = rng.dirichlet(np.full(n_clusters, 3.0)) + 1e-6
        weight = 10.0 ** rng.uniform(-3, 3, n_points)
        result = solve_pseudo_labels(
            probs, lam=lam, prior=prior, sample_weight=weight, solver="miadm"
        )
        assert result.converged, seed
        if lam < np.inf:
            continue
        prior, weight = prior / prior.sum(), weight / weight.sum()
        np.testing.assert_allclose(weight @ result.pseudo_labels, prior, atol=1e-6)
        # each point above its cluster's share has to move, at the price of a zero
        moved = np.maximum(weight @ probs - prior, 0).sum()
        assert result.objective == pytest.approx(price * moved, rel=1e-4)


def test_rounding_leaves_sinkhorn_no_negative_label(predictions):
    probs = predictions(12, 4, stack=100).astype(np.float32)
    result = solve_pseudo_labels(probs, lam=25.0, solver="sinkhorn", tol=1e-2)
    assert (result.pseudo_labels >= 0).all()
    assert np.isfinite(result.objective).all()
