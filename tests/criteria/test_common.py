"""What every clustering criterion must do; a row in CRITERIA puts it under these tests."""

import dataclasses
import inspect

import numpy as np
import pytest
import torch

import skcollision.criteria
import skcollision.losses
from skcollision.criteria import (
    ClusteringCriterion,
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
from skcollision.criteria._base import check_loss

R, N, K = 3, 40, 4
# Transport splits up to K - 1 of N points; rounding gives each to either side on a solver's whim.
ROUNDED_TRANSPORT = 0.05
PRIOR = np.array([0.1, 0.2, 0.3, 0.4])
CRITERIA = {
    "collision": CollisionCriterion(lam=5.0, fairness_weight=0.5, solver_tol=1e-9),
    "collision-em": CollisionCriterion(lam=5.0, fairness_weight=0.5, solver="em"),
    "shannon": ShannonCriterion(lam=5.0, fairness_weight=0.5, solver_tol=1e-9),
    "miadm": MIADMCriterion(fairness_weight=0.5, solver_tol=1e-9),
    "miadm-approx": MIADMCriterion(fairness_weight=0.5, solver="miadm-approx"),
    "sela": SeLaCriterion(fairness_weight=0.5, solver_tol=1e-9),
    "sela-sinkhorn": SeLaCriterion(lam=25.0, fairness_weight=0.5, solver_tol=1e-3),
    "mutual information": MutualInformationCriterion(),
    "imsat": IMSATCriterion(),
    "iic": IICCriterion(),
    "scan": SCANCriterion(),
    "sure labels": SureLabelsCriterion(threshold=0.0),
}

every = pytest.mark.parametrize("criterion", CRITERIA.values(), ids=CRITERIA)
every_prior = pytest.mark.parametrize("prior", [None, PRIOR], ids=["uniform", "prior"])


@pytest.fixture
def logits():
    return 2 * torch.randn(R, N, K, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def sample_weight():
    return torch.randint(1, 4, (N,), generator=torch.Generator().manual_seed(1)).double()


def terms(criterion, logits, sample_weight=None):
    """Loss and cost of the labels, each of shape (R,)."""
    solved = criterion.solve(logits.detach(), sample_weight)
    cost = torch.zeros(len(logits)) if solved is None else solved.cost
    return torch.stack([criterion.loss(logits, solved, sample_weight), cost.to(logits)])


def test_every_criterion_is_tested():
    public = [getattr(skcollision.criteria, name) for name in skcollision.criteria.__all__]
    concrete = {
        each
        for each in public
        if issubclass(each, ClusteringCriterion) and not inspect.isabstract(each)
    }
    assert concrete == {type(criterion) for criterion in CRITERIA.values()}


@every
@every_prior
def test_gradient_at_fixed_labels_agrees_with_differences(criterion, prior, logits, sample_weight):
    criterion = dataclasses.replace(criterion, prior=prior)
    solved = criterion.solve(logits, sample_weight)
    logits.requires_grad_()
    criterion.loss(logits, solved, sample_weight).sum().backward()
    generator = torch.Generator().manual_seed(4)
    direction = torch.randn(logits.shape, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        ahead, behind = (
            criterion.loss(logits + step * direction, solved, sample_weight)
            for step in (1e-5, -1e-5)
        )
    slopes = (logits.grad * direction).sum((1, 2))
    assert slopes.abs().min() > 1e-3
    torch.testing.assert_close((ahead - behind) / 2e-5, slopes, rtol=1e-6, atol=1e-9)


@every
@every_prior
def test_clusters_have_no_order(criterion, prior, logits):
    order = [2, 0, 3, 1]
    renamed = dataclasses.replace(criterion, prior=None if prior is None else prior[order])
    criterion = dataclasses.replace(criterion, prior=prior)
    torch.testing.assert_close(
        terms(renamed, logits[..., order]), terms(criterion, logits), rtol=0, atol=1e-4
    )
    solved = criterion.solve(logits, None)
    if solved is not None:
        labels = renamed.solve(logits[..., order], None).labels
        torch.testing.assert_close(labels, solved.labels[..., order], rtol=0, atol=1e-2)


@every
@every_prior
def test_restarts_do_not_meet(criterion, prior, logits, sample_weight):
    criterion = dataclasses.replace(criterion, prior=prior)
    stacked = terms(criterion, logits, sample_weight)
    single = [terms(criterion, one[None], sample_weight) for one in logits]
    # Rounding in softmax depends on where rows lie in memory, and iterations carry it on.
    atol = ROUNDED_TRANSPORT if isinstance(criterion, SeLaCriterion) else 1e-5
    torch.testing.assert_close(stacked, torch.cat(single, dim=1), rtol=1e-3, atol=atol)


@every
def test_only_the_ratios_of_weights_matter(criterion, logits, sample_weight):
    torch.testing.assert_close(
        terms(criterion, logits, 7 * sample_weight),
        terms(criterion, logits, sample_weight),
        rtol=1e-6,
        atol=1e-7,
    )
    torch.testing.assert_close(
        terms(criterion, logits, torch.full((N,), 3.0, dtype=torch.float64)),
        terms(criterion, logits),
        rtol=1e-6,
        atol=1e-7,
    )


@every
def test_a_weight_counts_a_point_as_often(criterion, logits, sample_weight):
    written_out = logits.repeat_interleave(sample_weight.long(), dim=1)
    atol = ROUNDED_TRANSPORT if isinstance(criterion, SeLaCriterion) else 1e-4
    torch.testing.assert_close(
        terms(criterion, written_out), terms(criterion, logits, sample_weight), rtol=0, atol=atol
    )


@every
def test_uniform_predictions_are_a_saddle_at_ln_k(criterion):
    """Nothing tells clusters apart: labels are uniform, or there are none, and no logit moves."""
    logits = torch.zeros(R, N, K, dtype=torch.float64, requires_grad=True)
    solved = criterion.solve(logits.detach(), None)
    loss = criterion.loss(logits, solved, None)
    loss.sum().backward()
    torch.testing.assert_close(loss.detach(), torch.full_like(loss, np.log(K)), rtol=1e-6, atol=0)
    torch.testing.assert_close(logits.grad, torch.zeros_like(logits), rtol=0, atol=1e-9)
    if solved is not None:
        uniform = torch.full_like(solved.labels, 1 / K)
        torch.testing.assert_close(solved.labels, uniform, rtol=0, atol=1e-9)
        assert not solved.cost.any()


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", ["sure", "dead cluster", "one cluster"])
def test_extreme_predictions_stay_finite(criterion, dtype, case, logits):
    logits = logits.to(dtype)
    if case == "sure":
        logits = 1e4 * logits
    elif case == "dead cluster":
        logits[..., 0] = -1e4
    else:
        logits = logits[..., :1]
    logits.requires_grad_()
    solved = criterion.solve(logits.detach(), None)
    loss = criterion.loss(logits, solved, None)
    loss.sum().backward()
    assert loss.dtype == dtype
    assert torch.isfinite(loss).all()
    assert torch.isfinite(logits.grad).all()
    if solved is not None:
        assert solved.labels.dtype == dtype
        assert torch.isfinite(solved.cost).all()
        np.testing.assert_allclose(solved.labels.sum(2), 1, rtol=1e-5)
        assert (solved.labels >= 0).all()


@every
def test_solving_leaves_no_gradient_and_no_change(criterion, logits):
    before = logits.clone()
    solved = criterion.solve(logits, None)
    torch.testing.assert_close(logits, before, rtol=0, atol=0)
    if solved is not None:
        assert not solved.labels.requires_grad
        assert solved.labels.shape == logits.shape
        assert solved.cost.shape == solved.duality_gap.shape == (R,)
        assert (solved.duality_gap >= 0).all()


@every
def test_one_loss_a_restart_passes_the_check(criterion, logits):
    loss = criterion.loss(logits, criterion.solve(logits, None), None)
    check_loss(loss, R, criterion)


@pytest.mark.parametrize("loss", [torch.tensor(0.5), torch.zeros(R, N), torch.zeros(R + 1), 0.5])
def test_any_other_shape_of_loss_is_named(loss):
    message = (
        rf"CollisionCriterion must be a tensor of shape \(R,\), here \({R},\).*Got (shape|a f)"
    )
    with pytest.raises(ValueError, match=message):
        check_loss(loss, R, CRITERIA["collision"])


def test_estimated_proportions_need_a_field_for_them():
    class Decisiveness(ClusteringCriterion):
        def loss(self, logits, solved, sample_weight):
            return logits.softmax(2).square().sum(2).mean(1)

    with pytest.raises(TypeError, match="Decisiveness must be a dataclass with a field 'prior'"):
        Decisiveness().with_prior(np.full(3, 1 / 3))


@pytest.mark.parametrize("package", [skcollision.criteria, skcollision.losses], ids=["c", "l"])
def test_every_argument_of_every_method_is_documented(package):
    found = 0
    for cls in filter(inspect.isclass, map(package.__dict__.get, package.__all__)):
        for name in ("solve", "loss", "pair_loss", "cross_entropy", "with_prior", "forward"):
            method = getattr(cls, name, None)
            if method is None:
                continue
            names = set(inspect.signature(method).parameters) - {"self"}
            sections = inspect.getdoc(method).partition("Parameters\n----------\n")[2]
            described = [line for line in sections.splitlines() if " : " in line and line[0] != " "]
            assert names <= {
                each for line in described for each in line.split(" : ")[0].split(", ")
            }
            assert "\nReturns\n-------\n" in sections, (cls, name)
            found += 1
    assert found >= 4
