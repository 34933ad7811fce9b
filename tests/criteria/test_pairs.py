"""Criteria on two views of each point, against their definitions written out in NumPy."""

import dataclasses

import numpy as np
import pytest
import torch

from skcollision.criteria import (
    CollisionCriterion,
    IICCriterion,
    IMSATCriterion,
    MIADMCriterion,
    MutualInformationCriterion,
    SCANCriterion,
    SeLaCriterion,
    ShannonCriterion,
    SureLabelsCriterion,
)

R, N, K = 2, 50, 4
PRIOR = np.array([0.1, 0.2, 0.3, 0.4])
CRITERIA = {
    "collision": CollisionCriterion(3.0, 0.7, solver_tol=1e-9, view_weight=0.4),
    "shannon": ShannonCriterion(3.0, 0.7, solver_tol=1e-9, view_weight=0.4),
    "miadm": MIADMCriterion(3.0, 0.7, solver_tol=1e-9, view_weight=0.4),
    "sela": SeLaCriterion(fairness_weight=0.7, view_weight=0.4),
    "mutual information": MutualInformationCriterion(),
    "imsat": IMSATCriterion(),
    "iic": IICCriterion(),
    "scan": SCANCriterion(),
    "sure labels": SureLabelsCriterion(threshold=0.5),
}
every = pytest.mark.parametrize("name", CRITERIA)
every_prior = pytest.mark.parametrize("prior", [None, PRIOR], ids=["uniform", "prior"])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def pair(rng):
    """Logits of the points, and those of their views, which are much like them."""
    logits = 2 * rng.normal(size=(R, N, K))
    return logits, logits + rng.normal(size=logits.shape)


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)


def divergence(p, q):
    return (p * np.log(p / q)).sum(-1)


def cross_entropy(y, p):
    return -(y * np.log(p)).sum(-1)


def collision(y, p):
    return -np.log((y * p).sum(-1))


def self_labelling(loss_of_point):
    def definition(p, v, y, share, u):
        fairness = 0.7 * divergence(share @ p, u)
        return loss_of_point(y, p) @ share + fairness + 0.4 * loss_of_point(y, v) @ share

    return definition


def information(p, share, u, weight):
    """Eq. (1) up to a constant, weight ln K for uniform u."""
    return cross_entropy(p, p) @ share + weight * divergence(share @ p, u)


def mutual_information(p, v, y, share, u):
    return (information(p, share, u, 1.3) + information(v, share, u, 1.3)) / 2


def imsat(p, v, y, share, u):
    return information(p, share, u, 4.0) + 10 * cross_entropy(p, v) @ share


def iic(p, v, y, share, u):
    """-I(P) of Ji et al., eq. (3), and ln K; other proportions enter by the marginal alone."""
    joint = sum(s * (np.outer(a, b) + np.outer(b, a)) / 2 for s, a, b in zip(share, p, v))  # noqa: B905
    row, column = joint.sum(1, keepdims=True), joint.sum(0, keepdims=True)
    information = (joint * np.log(joint / (row * column))).sum()
    uniform = np.full(K, 1 / K)
    shift = 2 * divergence(row[:, 0], u) - 2 * divergence(row[:, 0], uniform)
    return np.log(K) - information + shift


def scan(p, v, y, share, u):
    return collision(p, v) @ share + 5 * divergence(share @ p, u)


def sure_labels(p, v, y, share, u):
    total, mass = 0.0, 0.0
    for k in range(K):
        sure = (p.max(1) >= 0.5) & (p.argmax(1) == k)
        if sure.any():
            total += u[k] * np.average(-np.log(v[sure, k]), weights=share[sure])
            mass += u[k]
    return total / mass


DEFINITIONS = {
    "collision": self_labelling(collision),
    "shannon": self_labelling(cross_entropy),
    "miadm": self_labelling(cross_entropy),
    "sela": self_labelling(cross_entropy),
    "mutual information": mutual_information,
    "imsat": imsat,
    "iic": iic,
    "scan": scan,
    "sure labels": sure_labels,
}


def with_prior(name, prior):
    return dataclasses.replace(CRITERIA[name], prior=prior)


@every
@every_prior
@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
def test_pair_loss_is_the_definition(name, prior, weighted, pair, rng):
    criterion = with_prior(name, prior)
    share = rng.dirichlet(np.ones(N)) if weighted else np.full(N, 1 / N)
    weight = torch.as_tensor(5 * share) if weighted else None
    logits, view = (torch.as_tensor(each) for each in pair)
    solved = criterion.solve(logits, weight)
    actual = criterion.pair_loss(logits, view, solved, weight)
    u = np.full(K, 1 / K) if prior is None else prior
    p, v = (softmax(each) for each in pair)
    y = [None] * R if solved is None else solved.labels.numpy()
    expected = [DEFINITIONS[name](p[r], v[r], y[r], share, u) for r in range(R)]
    np.testing.assert_allclose(actual, expected, rtol=1e-9)


@every
def test_gradient_in_both_views_agrees_with_differences(name, pair):
    criterion = CRITERIA[name]
    logits, view = (torch.as_tensor(each).requires_grad_() for each in pair)
    solved = criterion.solve(logits.detach(), None)
    criterion.pair_loss(logits, view, solved, None).sum().backward()
    generator = torch.Generator().manual_seed(3)
    direction = torch.randn(view.shape, generator=generator, dtype=torch.float64)
    targets = [(view, lambda step: (logits, view + step * direction))]
    # IMSAT's predictions are constants where they are what the view should repeat; sure labels are
    # constants altogether.
    if name not in ("imsat", "sure labels"):
        targets.append((logits, lambda step: (logits + step * direction, view)))
    for moved, pair_at in targets:
        with torch.no_grad():
            ahead, behind = (
                criterion.pair_loss(*pair_at(step), solved, None).sum() for step in (1e-5, -1e-5)
            )
        slope = (moved.grad * direction).sum()
        assert abs(slope) > 1e-4
        torch.testing.assert_close((ahead - behind) / 2e-5, slope, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["mutual information", "iic", "scan", "sure labels"])
def test_a_view_that_is_the_point_adds_nothing(name, pair):
    logits = torch.as_tensor(pair[0])
    criterion = CRITERIA[name]
    solved = criterion.solve(logits, None)
    torch.testing.assert_close(
        criterion.pair_loss(logits, logits, solved, None), criterion.loss(logits, solved, None)
    )


def test_imsat_without_a_view_is_mutual_information(pair):
    logits, view = (torch.as_tensor(each) for each in pair)
    plain = MutualInformationCriterion(fairness_weight=4.0).loss(logits, None, None)
    torch.testing.assert_close(IMSATCriterion().loss(logits, None, None), plain)
    alone = IMSATCriterion(view_weight=0.0).pair_loss(logits, view, None, None)
    torch.testing.assert_close(alone, plain)


@every
def test_separated_balanced_and_repeated_is_the_optimum(name):
    """Sure points, as many of each cluster, and views that agree: nothing is left to lose."""
    logits = 60 * torch.eye(K, dtype=torch.float64).repeat(N, 1)[None]
    criterion = CRITERIA[name]
    solved = criterion.solve(logits, None)
    loss = criterion.pair_loss(logits, logits, solved, None)
    torch.testing.assert_close(loss, torch.zeros(1, dtype=torch.float64), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["imsat", "iic", "scan", "sure labels"])
def test_views_that_disagree_cost(name):
    logits = 20 * torch.eye(K, dtype=torch.float64).repeat(N, 1)[None]
    criterion = CRITERIA[name]
    solved = criterion.solve(logits, None)
    same = criterion.pair_loss(logits, logits, solved, None)
    # One point in K goes to another cluster; a permutation of all would be nothing to IIC.
    view = logits.clone()
    view[:, ::K] = logits[:, 1::K]
    assert (criterion.pair_loss(logits, view, solved, None) > same + 0.1).all()


@every
def test_extreme_views_stay_finite(name, pair):
    logits, view = (1e4 * torch.as_tensor(each).float() for each in pair)
    logits, view = logits.requires_grad_(), view.requires_grad_()
    criterion = CRITERIA[name]
    solved = criterion.solve(logits.detach(), None)
    loss = criterion.pair_loss(logits, view, solved, None)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(view.grad).all()
    assert logits.grad is None or torch.isfinite(logits.grad).all()


def test_nothing_sure_teaches_nothing(pair):
    logits = 0.01 * torch.as_tensor(pair[0])
    view = torch.as_tensor(pair[1]).requires_grad_()
    criterion = SureLabelsCriterion()
    loss = criterion.pair_loss(logits, view, criterion.solve(logits, None), None)
    loss.sum().backward()
    assert not loss.any()
    assert not view.grad.any()
