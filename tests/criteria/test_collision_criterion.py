import math

import numpy as np
import pytest
import torch

from skcollision.criteria import CollisionCriterion

R, N, K = 2, 60, 4


@pytest.fixture
def logits():
    return 2 * torch.randn(R, N, K, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def sample_weight():
    return torch.rand(N, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def criterion_with(**parameters):
    return CollisionCriterion(
        **{"lam": 5.0, "fairness_weight": 0.0, "solver_tol": 1e-9, **parameters}
    )


def objective(criterion, logits, sample_weight=None):
    solved = criterion.solve(logits.detach(), sample_weight)
    return criterion.loss(logits, solved, sample_weight) + solved.cost


def definition(criterion, logits, labels, weight):
    """Eq. (11) and the fairness of the predictions in NumPy, for one restart."""
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    prior = np.full(K, 1 / K) if criterion.prior is None else criterion.prior
    mean_label, mean_prob = weight @ labels / weight.sum(), weight @ probs / weight.sum()
    collision = -(weight @ np.log((labels * probs).sum(1))) / weight.sum()
    fairness = criterion.lam * (prior * np.log(prior / mean_label)).sum()
    return (
        collision
        + fairness
        + criterion.fairness_weight * (mean_prob * np.log(mean_prob / prior)).sum()
    )


@pytest.mark.parametrize("prior", [None, np.array([0.1, 0.2, 0.3, 0.4])])
@pytest.mark.parametrize("weighted", [False, True])
def test_objective_is_the_definition(logits, sample_weight, prior, weighted):
    criterion = criterion_with(prior=prior, fairness_weight=0.7)
    weight = sample_weight if weighted else None
    values = objective(criterion, logits, weight).numpy()
    labels = criterion.solve(logits, weight).labels.numpy()
    counts = sample_weight.numpy() if weighted else np.ones(N)
    expected = [definition(criterion, logits[r].numpy(), labels[r], counts) for r in range(R)]
    np.testing.assert_allclose(values, expected, rtol=1e-9)


def test_gradient_is_that_of_the_objective_minimised_over_labels(logits):
    """By the envelope theorem labels can be held fixed: checked by differences that re-solve."""
    criterion = criterion_with(fairness_weight=0.5)
    logits.requires_grad_()
    objective(criterion, logits).sum().backward()
    direction = torch.randn(logits.shape, dtype=torch.float64)
    step = 1e-4
    with torch.no_grad():
        difference = objective(criterion, logits + step * direction) - objective(
            criterion, logits - step * direction
        )
    slopes = (logits.grad * direction).sum((1, 2))
    torch.testing.assert_close(difference / (2 * step), slopes, rtol=1e-3, atol=1e-5)


def test_without_fairness_labels_are_the_most_probable_clusters(logits):
    solved = criterion_with(lam=0.0).solve(logits, None)
    torch.testing.assert_close(solved.labels.argmax(2), logits.argmax(2))
    value = objective(criterion_with(lam=0.0), logits)
    torch.testing.assert_close(value, -logits.log_softmax(2).amax(2).mean(1), rtol=1e-5, atol=1e-6)


def test_infinite_lam_fills_the_prior_exactly(logits):
    prior = np.array([0.4, 0.3, 0.2, 0.1])
    solved = criterion_with(lam=math.inf, prior=prior).solve(logits, None)
    np.testing.assert_allclose(solved.labels.mean(1), np.tile(prior, (R, 1)), atol=1e-6)
    assert not solved.cost.any()


def test_the_objective_rises_with_lam(logits):
    values = [objective(criterion_with(lam=lam), logits).numpy() for lam in (0, 1, 10, math.inf)]
    assert (np.diff(values, axis=0) > -1e-9).all()


def test_em_and_dual_solve_the_same_problem(logits):
    em = criterion_with(solver="em", solver_max_iter=20000, lam=1.0)
    torch.testing.assert_close(
        objective(em, logits), objective(criterion_with(lam=1.0), logits), rtol=1e-4, atol=1e-4
    )
