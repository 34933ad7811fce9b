"""The dual certifies 1e-6 on predictions that break solvers (benchmarks/hard_suite.py, reduced)."""

import numpy as np
import pytest

from skcollision.pseudo_labels import solve_pseudo_labels

TOL = 1e-6


def softmax(logits):
    exp = np.exp(logits - logits.max(1, keepdims=True))
    return exp / exp.sum(1, keepdims=True)


def dead(n, k, rng):
    probs = softmax(2 * rng.normal(size=(n, k)))
    probs[:, : k // 2] = 0
    return probs / probs.sum(1, keepdims=True)


KINDS = {
    "soft": lambda n, k, rng: softmax(rng.normal(size=(n, k))),
    "nearly one-hot": lambda n, k, rng: softmax(40 * rng.normal(size=(n, k))),
    "one-hot": lambda n, k, rng: np.eye(k)[rng.integers(k, size=n)],
    "dead clusters": dead,
    "duplicated points": lambda n, k, rng: np.repeat(
        softmax(2 * rng.normal(size=(-(-n // 10), k))), 10, axis=0
    )[:n],
}
SHAPES = [
    *[(n, k) for n in (1, 50) for k in (2, 10, 77, 200)],
    pytest.param(1, 1000, marks=pytest.mark.slow),
    pytest.param(50, 1000, marks=pytest.mark.slow),
    pytest.param(5000, 10, marks=pytest.mark.slow),
    pytest.param(5000, 77, marks=pytest.mark.slow),
]


def check(objective, probs, lam, prior=None, fairness="KL(u||y)"):
    """Assert what every result must satisfy: a certified gap, and the truth about its labels."""
    result = solve_pseudo_labels(probs, lam=lam, prior=prior, fairness=fairness, tol=TOL)
    labels = result.pseudo_labels.astype(np.float64)
    assert np.isfinite(labels).all()
    assert labels.min() >= 0
    totals = labels.sum(1, keepdims=True)
    np.testing.assert_allclose(totals, 1, atol=2e-6)
    # float32 rows miss a sum of one by 1e-7, which lam multiplies
    labels /= totals
    scale = max(1.0, abs(result.objective))
    actual = objective(probs, labels, lam, prior, fairness=fairness)
    assert actual == pytest.approx(result.objective, abs=1e-6 * scale)
    assert result.converged
    assert result.duality_gap <= TOL * scale
    if np.isinf(lam):
        u = np.full(probs.shape[1], 1 / probs.shape[1]) if prior is None else prior
        np.testing.assert_allclose(labels.mean(0), u, atol=1e-6)
    return result


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "k"), SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gap_is_certified(objective, kind, n, k, dtype):
    probs = KINDS[kind](n, k, np.random.default_rng(n + k)).astype(dtype)
    for lam in (0, 0.1, 1.0, 10.0, 100.0, 1e4, np.inf):
        check(objective, probs, lam)


@pytest.mark.parametrize("fairness", ["KL(u||y)", "KL(y||u)"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_labels_that_step_alone_keep_their_balance(objective, fairness, dtype):
    """Large lam makes a small imbalance dear, and many points of a sharp problem step short."""
    rng = np.random.default_rng(0)
    for kind, n, lam in (("nearly one-hot", 1000, 1e4), ("duplicated points", 300, 1e6)):
        check(objective, KINDS[kind](n, 200, rng).astype(dtype), lam, None, fairness)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lam", [0.1, 10.0, np.inf])
def test_a_conic_solver_finds_no_better(objective, optimum, kind, lam):
    probs = KINDS[kind](20, 5, np.random.default_rng(1))
    result = check(objective, probs, lam)
    assert result.objective <= optimum(probs, lam) + 5e-6
    assert result.objective - result.duality_gap <= optimum(probs, lam) + 5e-6


@pytest.mark.parametrize("lam", [1.0, 1e6, np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_tolerance_below_rounding_spoils_neither_labels_nor_bound(objective, lam, dtype):
    gaps, iterations = [], []
    for seed in range(9):
        probs = KINDS["soft"](100, 5, np.random.default_rng(seed)).astype(dtype)
        good = check(objective, probs, lam)
        result = solve_pseudo_labels(probs, lam=lam, tol=1e-16)
        assert result.objective == pytest.approx(good.objective, abs=2e-6)
        assert result.objective - result.duality_gap <= good.objective + 1e-12
        gaps.append(result.duality_gap / max(1.0, abs(result.objective)))
        iterations.append(result.n_iter)
    # Rounding decides when a run stops; most get to the least barrier, 1e-12, and are done there.
    assert np.median(gaps) < 1e-10
    assert np.median(iterations) < 40


@pytest.mark.parametrize(("n", "k", "scale"), [(400, 130, 2.0), (300, 200, 5.0), (130, 130, 40.0)])
@pytest.mark.parametrize("fairness", ["KL(u||y)", "KL(y||u)"])
@pytest.mark.parametrize("lam", [1.0, 100.0])
def test_many_clusters_to_a_loose_tolerance(objective, n, k, scale, fairness, lam):
    """Another method than the interior point's, or both: the gap is that of the labels."""
    rng = np.random.default_rng(0)
    probs, prior = softmax(scale * rng.normal(size=(n, k))), rng.dirichlet(np.full(k, 5.0))
    given = {"lam": lam, "prior": prior, "fairness": fairness}
    best = solve_pseudo_labels(probs, tol=TOL, **given)
    result = solve_pseudo_labels(probs.astype(np.float32), tol=1e-2, **given)
    assert result.converged
    assert result.pseudo_labels.dtype == np.float32
    assert objective(probs, result.pseudo_labels, **{"weights": None, **given}) == pytest.approx(
        result.objective, abs=1e-4
    )
    assert result.objective - result.duality_gap <= best.objective + 1e-5
    assert result.objective >= best.objective - best.duality_gap - 1e-5
