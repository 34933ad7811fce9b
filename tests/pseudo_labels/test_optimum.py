"""Both solvers against a generic convex solver, the certificate, and known limits."""

import numpy as np
import pytest

from skcollision.pseudo_labels import solve_pseudo_labels

LAMBDAS = [0.1, 1.0, 10.0, 100.0, np.inf]


def assert_on_simplex(labels):
    assert np.isfinite(labels).all()
    assert labels.min() >= 0
    np.testing.assert_allclose(labels.sum(-1), 1, atol=2e-6)


@pytest.mark.parametrize("lam", LAMBDAS)
@pytest.mark.parametrize("case", ["plain", "prior", "weights", "both", "sharp"])
def test_dual_reaches_the_optimum(predictions, objective, optimum, lam, case):
    probs = predictions(12, 4, scale=20 if case == "sharp" else 2)
    prior = np.array([0.1, 0.2, 0.3, 0.4]) if case in ("prior", "both") else None
    weights = np.arange(12.0) if case in ("weights", "both") else None
    result = solve_pseudo_labels(probs, lam=lam, prior=prior, sample_weight=weights)
    best = optimum(probs, lam, prior, weights)
    assert result.converged
    assert_on_simplex(result.pseudo_labels)
    actual = objective(probs, result.pseudo_labels, lam, prior, weights)
    assert actual == pytest.approx(result.objective, abs=1e-7)
    assert result.objective == pytest.approx(best, abs=3e-6)
    assert result.objective - result.duality_gap <= best + 5e-6


@pytest.mark.parametrize("lam", [0.1, 1.0, 10.0, 100.0])
@pytest.mark.parametrize("prior", [None, [0.1, 0.2, 0.3, 0.4]])
def test_dual_reaches_the_optimum_of_the_other_order(predictions, objective, optimum, lam, prior):
    probs = predictions(12, 4)
    order = "KL(y||u)"
    result = solve_pseudo_labels(probs, lam=lam, prior=prior, fairness=order)
    assert result.converged
    actual = objective(probs, result.pseudo_labels, lam, prior, fairness=order)
    assert actual == pytest.approx(result.objective, abs=1e-7)
    assert result.objective == pytest.approx(optimum(probs, lam, prior, fairness=order), abs=3e-6)


@pytest.mark.parametrize("lam", [0.1, 1.0, 10.0, 100.0])
@pytest.mark.parametrize("solver", ["dual", "em"])
@pytest.mark.parametrize("max_iter", [1, 2, 4, 8])
def test_the_gap_bounds_the_optimum_wherever_a_solver_stops(
    predictions, objective, optimum, lam, solver, max_iter
):
    probs = predictions(15, 3)
    best = optimum(probs, lam)
    result = solve_pseudo_labels(probs, lam=lam, solver=solver, tol=0, max_iter=max_iter)
    actual = objective(probs, result.pseudo_labels, lam)
    assert actual == pytest.approx(result.objective, rel=1e-9)
    assert 0 <= result.duality_gap < np.inf
    assert result.objective - result.duality_gap <= best + 5e-6
    assert result.objective >= best - 5e-6
    assert result.n_iter <= max_iter


@pytest.mark.parametrize("solver", ["dual", "em"])
def test_lam_zero_gives_the_likeliest_clusters(predictions, solver):
    probs = predictions(30, 5)
    result = solve_pseudo_labels(probs, lam=0, solver=solver)
    np.testing.assert_array_equal(result.pseudo_labels, np.eye(5)[probs.argmax(1)])
    assert result.objective == pytest.approx(-np.log(probs.max(1)).mean())
    assert result.duality_gap == pytest.approx(0, abs=1e-12)
    assert result.converged


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("tol", [1e-6, 1e-2])
def test_lam_infinite_makes_the_labels_fair_at_any_tolerance(predictions, dtype, tol):
    prior = np.arange(1.0, 11.0) / 55
    weights = np.random.default_rng(0).uniform(0.5, 2, 200)
    probs = predictions(200, 10, scale=4).astype(dtype)
    result = solve_pseudo_labels(probs, lam=np.inf, prior=prior, sample_weight=weights, tol=tol)
    assert_on_simplex(result.pseudo_labels)
    mean = np.average(result.pseudo_labels.astype(float), axis=0, weights=weights)
    np.testing.assert_allclose(mean, prior, atol=1e-6)
    assert result.converged


def test_large_lam_approaches_the_hard_constraint(predictions):
    probs = predictions(100, 5)
    hard = solve_pseudo_labels(probs, lam=np.inf, tol=1e-8)
    soft = solve_pseudo_labels(probs, lam=1e6, tol=1e-8)
    assert soft.objective == pytest.approx(hard.objective, abs=1e-5)


@pytest.mark.parametrize("lam", [0.1, 1.0, 100.0, 1e4])
def test_a_single_point_is_stationary(predictions, lam):
    sigma = predictions(1, 6)
    y = solve_pseudo_labels(sigma, lam=lam, tol=1e-11).pseudo_labels[0]
    # minus the gradient of -ln(sigma'y) + lam KL(u||y): equal in all coordinates at the optimum
    gradient = sigma[0] / (sigma[0] @ y) + lam / 6 / y
    np.testing.assert_allclose(gradient, gradient.mean(), rtol=1e-2)


def test_a_certified_dual_solution_prices_the_labels(predictions):
    """Labels minimise -ln(sigma'y) - y'delta: with a price on a cluster, points prefer it."""
    probs = predictions(400, 3) * [0.8, 0.15, 0.05]
    probs /= probs.sum(1, keepdims=True)
    result = solve_pseudo_labels(probs, lam=100.0)
    prices = result.dual_variables
    assert prices.shape == (3,)
    assert prices[0] < prices[1] < prices[2]
