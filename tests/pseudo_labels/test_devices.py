"""The solvers in torch against those on the CPU: on a GPU where there is one.

Elsewhere tensors stay on the CPU and are taken for tensors on a device, so that the public entry
goes the whole way to the passes in torch.
"""

import math

import numpy as np
import pytest
import torch

from skcollision.criteria import CollisionCriterion
from skcollision.pseudo_labels import _solve, _torch_passes, solve_pseudo_labels
from skcollision.pseudo_labels._solve import SOLVERS

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
N = 37
ORDERS = ["KL(u||y)", "KL(y||u)"]
PRIOR = np.arange(1.0, 4.0) / 6
WEIGHTS = np.random.default_rng(1).uniform(0.5, 2, N)


@pytest.fixture(autouse=True)
def tensors_are_on_a_device(monkeypatch):
    monkeypatch.setattr(_solve, "is_on_device", lambda probs: isinstance(probs, torch.Tensor))
    # so that points go through in several chunks
    monkeypatch.setattr(_torch_passes, "CHUNK", 60)


def on_device(array):
    return torch.tensor(np.asarray(array), device=DEVICE)


def on_both(probs, **parameters):
    """Solve on the CPU and on the device, and return both with labels as NumPy arrays."""
    host = solve_pseudo_labels(probs, **parameters)
    device = solve_pseudo_labels(on_device(probs), **parameters)
    labels = device.pseudo_labels
    assert labels.device.type == DEVICE
    assert labels.dtype == on_device(probs).dtype
    assert labels.is_contiguous()
    return host, device, labels.cpu().numpy()


def assert_same_iterates(probs, atol=1e-9, **parameters):
    """Stopped together, both must be at the same labels: a stronger test than the same optimum."""
    host, device, labels = on_both(probs, **parameters)
    np.testing.assert_array_equal(device.n_iter, host.n_iter)
    np.testing.assert_allclose(labels, host.pseudo_labels, atol=atol)
    np.testing.assert_allclose(device.objective, host.objective, atol=atol)
    np.testing.assert_allclose(device.duality_gap, host.duality_gap, rtol=1e-5, atol=atol)
    np.testing.assert_allclose(device.dual_variables, host.dual_variables, rtol=1e-6, atol=atol)


def assert_optimal(result, labels, host):
    assert result.converged
    assert np.isfinite(labels).all()
    assert labels.min() >= 0
    np.testing.assert_allclose(labels.sum(-1), 1, atol=2e-6)
    assert result.objective - result.duality_gap <= host.objective + 1e-12
    assert host.objective - host.duality_gap <= result.objective + 1e-12


@pytest.mark.parametrize("n_clusters", [3, 10])
@pytest.mark.parametrize(("order", "lam"), [(0, 0.1), (0, 10.0), (1, 1e4), (0, np.inf)])
def test_the_dual_reaches_the_optimum(predictions, objective, n_clusters, order, lam):
    probs = predictions(N, n_clusters, scale=5)
    given = {"lam": lam, "fairness": ORDERS[order]}
    host, device, labels = on_both(probs, sample_weight=WEIGHTS, **given)
    assert_optimal(device, labels, host)
    assert device.n_iter <= 15
    actual = objective(probs, labels, weights=WEIGHTS, **given)
    assert actual == pytest.approx(device.objective, abs=1e-9)
    np.testing.assert_allclose(labels, host.pseudo_labels, atol=1e-2)


def test_labels_of_a_hard_constraint_have_the_prior_as_their_mean(predictions):
    probs = predictions(N, 3).astype(np.float32)
    given = {"lam": np.inf, "prior": PRIOR, "sample_weight": WEIGHTS, "tol": 1e-2}
    host, device, labels = on_both(probs, **given)
    assert_optimal(device, labels, host)
    np.testing.assert_allclose(np.average(labels, axis=0, weights=WEIGHTS), PRIOR, atol=1e-6)


HARD = {
    "one-hot": np.eye(3)[np.arange(N) % 3],
    "one cluster": np.tile([1.0, 0.0, 0.0], (N, 1)),
    "dead cluster": np.column_stack([np.tile([0.6, 0.4], (N, 1)), np.full(N, 1e-30)]),
}


@pytest.mark.parametrize("case", HARD)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_hard_predictions(case, dtype):
    host, device, labels = on_both(HARD[case].astype(dtype), lam=10.0)
    assert_optimal(device, labels, host)


def test_a_stack_is_solved_as_its_problems_are(predictions):
    probs = predictions(N, 3, stack=3)
    probs[1] = probs[1] ** 8 / (probs[1] ** 8).sum(1, keepdims=True)
    priors = np.array([PRIOR, PRIOR[::-1], np.full(3, 1 / 3)])
    host, device, labels = on_both(probs, lam=100.0, prior=priors, sample_weight=WEIGHTS)
    assert len(set(device.n_iter)) > 1  # one stops before another
    for r in range(3):
        alone = solve_pseudo_labels(
            on_device(probs[r]), lam=100.0, prior=priors[r], sample_weight=WEIGHTS
        )
        np.testing.assert_allclose(labels[r], alone.pseudo_labels.cpu().numpy(), atol=1e-5)
        assert device.objective[r] == pytest.approx(alone.objective, abs=1e-9)
        assert device.objective[r] == pytest.approx(host.objective[r], abs=2e-6)
        assert device.n_iter[r] == alone.n_iter


def test_the_best_iterate_is_kept_where_no_tolerance_stops_the_solver(predictions, objective):
    probs = predictions(9, 2)
    result = solve_pseudo_labels(on_device(probs), lam=10.0, tol=0, max_iter=100)
    assert result.n_iter < 100
    assert 0 <= result.duality_gap < 1e-9
    actual = objective(probs, result.pseudo_labels.cpu().numpy(), 10.0)
    assert actual == pytest.approx(result.objective, rel=1e-12)


@pytest.mark.parametrize("max_iter", [4, 5, 6])
def test_squarem_takes_the_steps_of_the_cpu(predictions, max_iter):
    probs = predictions(N, 3, stack=2)
    assert_same_iterates(
        probs, lam=10.0, sample_weight=WEIGHTS, solver="em-squarem", tol=0, max_iter=max_iter
    )


@pytest.mark.parametrize("order", ORDERS)
def test_pgd_takes_the_steps_of_the_cpu(predictions, order):
    given = {"sample_weight": WEIGHTS, "prior": PRIOR, "fairness": order, "solver": "pgd"}
    probs = predictions(N, 3)
    assert_same_iterates(probs, lam=5.0, tol=0, max_iter=6, **given)
    # too long a step is halved
    init = predictions(N, 3, seed=2)
    assert_same_iterates(probs, lam=5.0, tol=0, max_iter=7, step_size=0.5, init=init, **given)


@pytest.mark.parametrize("max_iter", [5, 1000])
def test_sinkhorn_takes_the_steps_of_the_cpu(predictions, max_iter):
    probs = predictions(N, 3, stack=2)
    given = {"sample_weight": WEIGHTS, "prior": PRIOR, "solver": "sinkhorn", "tol": 1e-3}
    assert_same_iterates(probs, lam=10.0, max_iter=max_iter, **given)
    start = np.array([[0.1, 0.0, -0.1]] * 2)
    assert_same_iterates(probs, lam=10.0, max_iter=3, warm_start=start, **given)


def test_miadms_closed_form_agrees(predictions):
    host, device, labels = on_both(predictions(N, 3), lam=2.0, solver="miadm-approx")
    np.testing.assert_allclose(labels, host.pseudo_labels, atol=1e-12)
    assert device.objective == pytest.approx(host.objective, rel=1e-12)
    assert device.duality_gap == np.inf


@pytest.mark.parametrize("solver", ["em", "em-newton"])
def test_em_takes_the_steps_of_the_cpu(predictions, solver):
    probs = predictions(N, 3)
    given = {"prior": PRIOR, "sample_weight": WEIGHTS, "solver": solver}
    assert_same_iterates(probs, lam=10.0, tol=0, max_iter=5, **given)
    stack = predictions(9, 3, stack=2).astype(np.float32)
    assert_same_iterates(stack, atol=1e-6, lam=1.0, tol=1e-2, solver=solver)


def test_em_keeps_zeros_that_it_is_given(predictions):
    probs = predictions(N, 3)
    init = predictions(N, 3, seed=1)
    init[::2, 0] = 0
    init[::3, 2] = 0
    init /= init.sum(1, keepdims=True)
    assert_same_iterates(probs, lam=0.5, solver="em", init=init, tol=0, max_iter=3)


@pytest.mark.parametrize("case", HARD)
def test_em_on_hard_predictions(case):
    probs = HARD[case].astype(np.float32)
    assert_same_iterates(probs, atol=1e-6, lam=10.0, solver="em", tol=0, max_iter=3)


def test_em_stops_at_its_tolerance(predictions):
    host, device, labels = on_both(predictions(N, 3), lam=1.0, solver="em", tol=1e-4)
    assert device.n_iter == host.n_iter < 1000
    assert_optimal(device, labels, host)


@pytest.mark.parametrize("lam", [1.0, np.inf])
def test_miadm_agrees(predictions, lam):
    host, device, labels = on_both(predictions(N, 3), lam=lam, solver="miadm")
    assert_optimal(device, labels, host)


@pytest.mark.parametrize("solver", ["dual", "em"])
def test_the_gap_bounds_the_optimum_wherever_a_solver_stops(predictions, objective, solver):
    probs = predictions(N, 3)
    best = solve_pseudo_labels(probs, lam=10.0, tol=1e-10)
    for max_iter in (1, 3):
        result = solve_pseudo_labels(
            on_device(probs), lam=10.0, solver=solver, tol=0, max_iter=max_iter
        )
        actual = objective(probs, result.pseudo_labels.cpu().numpy(), 10.0)
        assert actual == pytest.approx(result.objective, rel=1e-9)
        assert 1e-6 < result.duality_gap < np.inf
        assert result.objective - result.duality_gap <= best.objective
        assert not result.converged


def test_without_fairness_labels_are_the_likeliest_clusters(predictions):
    probs = predictions(N, 3)
    given = {"lam": 0.0, "sample_weight": WEIGHTS}
    host, device, labels = on_both(probs, **given)
    np.testing.assert_array_equal(labels, host.pseudo_labels)
    assert device.objective == pytest.approx(host.objective)
    assert device.converged


def test_logits_and_half_precision():
    logits = torch.randn(N, 3, generator=torch.Generator().manual_seed(0))
    host = solve_pseudo_labels(logits.numpy(), lam=10.0, from_logits=True)
    half = logits.to(torch.bfloat16).to(DEVICE)
    for given, atol in ((logits.to(DEVICE), 1e-4), (half, 0.05)):
        result = solve_pseudo_labels(given, lam=10.0, from_logits=True)
        assert result.pseudo_labels.dtype == given.dtype
        np.testing.assert_allclose(
            result.pseudo_labels.float().cpu().numpy().mean(0),
            host.pseudo_labels.mean(0),
            atol=atol,
        )


@pytest.mark.parametrize("solver", ["dual", "em"])
def test_two_runs_agree_bitwise(predictions, solver):
    probs = on_device(predictions(N, 3).astype(np.float32))
    first, second = (
        solve_pseudo_labels(probs, lam=10.0, solver=solver, max_iter=4) for _ in range(2)
    )
    assert torch.equal(first.pseudo_labels, second.pseudo_labels)
    assert first.objective == second.objective


def test_the_input_stays_as_it_was(predictions):
    probs = on_device(predictions(N, 3))
    before = probs.clone()
    for solver in SOLVERS:
        solve_pseudo_labels(probs, lam=1.0, solver=solver, max_iter=1)
        assert torch.equal(probs, before)


def test_a_criterion_solves_where_its_logits_are():
    logits = torch.randn(2, N, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = torch.from_numpy(WEIGHTS)
    criterion = CollisionCriterion(lam=10.0, fairness_weight=0.0, solver_tol=1e-6)
    solved = criterion.solve(logits.to(DEVICE), weights.to(DEVICE))
    expected = solve_pseudo_labels(
        logits.softmax(2).numpy(), lam=10.0, sample_weight=WEIGHTS, tol=1e-6
    )
    assert solved.labels.device.type == DEVICE
    np.testing.assert_allclose(solved.labels.cpu().numpy(), expected.pseudo_labels, atol=1e-2)
    assert math.isfinite(solved.cost.sum())
