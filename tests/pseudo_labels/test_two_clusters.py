"""Two clusters: whatever the proportions, weights and ties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from skcollision.pseudo_labels import solve_pseudo_labels

ORDERS = ["KL(u||y)", "KL(y||u)"]
shares = st.sampled_from([0.0, 1e-300, 1e-9, 0.2, 0.5, 0.7, 1 - 1e-9, 1.0])


@given(
    st.lists(st.one_of(shares, st.floats(0, 1)), min_size=1, max_size=12),
    st.sampled_from([0.1, 1.0, 100.0, 1e4, np.inf]),
    st.sampled_from([0.5, 0.1, 0.999]),
    st.sampled_from(ORDERS),
    st.integers(0, 5),
)
def test_solves_whatever_the_predictions(first, lam, prior, order, seed):
    probs = np.stack([first, 1 - np.array(first)], axis=1)
    weights = np.random.default_rng(seed).integers(1, 4, len(probs)).astype(float)
    prior = np.array([prior, 1 - prior])
    result = solve_pseudo_labels(
        probs, lam=lam, prior=prior, sample_weight=weights, fairness=order, tol=1e-6
    )
    assert result.converged
    assert result.n_iter < 100
    np.testing.assert_allclose(result.pseudo_labels.sum(axis=1), 1, rtol=1e-14)
    if np.isinf(lam):
        mean = np.average(result.pseudo_labels, axis=0, weights=weights)
        np.testing.assert_allclose(mean, prior, rtol=1e-12)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("lam", [0.3, 5.0])
def test_one_point_agrees_with_a_search(order, lam):
    q, u = np.array([0.8, 0.2]), np.array([0.3, 0.7])

    def objective(y):
        label = np.array([y, 1 - y])
        a, b = (u, label) if order == ORDERS[0] else (label, u)
        return -np.log(q @ label) + lam * (a * np.log(a / b)).sum()

    best = minimize_scalar(objective, bounds=(0, 1), method="bounded", options={"xatol": 1e-12})
    result = solve_pseudo_labels(q[None], lam=lam, prior=u, fairness=order, tol=1e-11)
    assert result.objective == pytest.approx(best.fun, rel=1e-10)
    assert result.pseudo_labels[0, 0] == pytest.approx(best.x, abs=1e-5)


def test_points_that_prefer_neither_make_up_the_proportions():
    probs = np.array([[0.9, 0.1], [0.5, 0.5], [0.5, 0.5], [0.2, 0.8]])
    result = solve_pseudo_labels(probs, lam=np.inf, prior=[0.4, 0.6])
    labels = result.pseudo_labels[:, 0]
    np.testing.assert_allclose(labels[[0, 3]], [1, 0], atol=1e-5)
    assert labels[1:3].mean() == pytest.approx(0.3, abs=1e-5)
    assert result.duality_gap < 1e-6


@pytest.mark.parametrize("lam", [100.0, np.inf])
def test_few_steps_are_not_called_converged(lam):
    probs = np.random.default_rng(0).dirichlet([0.3, 0.1], 500)
    prior = [0.05, 0.95]
    best = solve_pseudo_labels(probs, lam=lam, prior=prior)
    result = solve_pseudo_labels(probs, lam=lam, prior=prior, max_iter=1)
    assert best.converged
    assert not result.converged
    assert result.objective > best.objective + 1e-4
    assert result.objective - result.duality_gap <= best.objective
    if np.isinf(lam):
        np.testing.assert_allclose(result.pseudo_labels.mean(axis=0), prior, rtol=1e-12)


@pytest.mark.parametrize("lam", [1e-3, 1.0, 1e6, np.inf])
@pytest.mark.parametrize("lead", [2.0**-53, 1e-12, 1e-9, 1e-7])
@pytest.mark.parametrize("n_decided", [0, 1, 3])
def test_points_that_hardly_prefer_a_cluster(lam, lead, n_decided):
    """Their labels differ from 0 and 1 by what rounding leaves of t - h."""
    tied = np.full((2, 2), 0.5) + lead * np.array([[0.5, -0.5], [1.0, -1.0]])
    probs = np.vstack([tied, np.tile([0.7, 0.3], (n_decided, 1))])
    result = solve_pseudo_labels(probs, lam=lam, tol=1e-6)
    assert np.isfinite(result.objective)
    assert result.converged
    assert result.duality_gap < 1e-6
