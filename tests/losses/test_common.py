"""What every loss must do: shapes, stacks, weights, reductions, dtypes, devices, errors."""

import math

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck, gradgradcheck
from torch.nn.functional import cross_entropy

from skcollision import losses
from skcollision.losses import (
    CollisionCrossEntropyLoss,
    FairnessDivergenceLoss,
    MutualInformationLoss,
    SoftCrossEntropyLoss,
    collision_cross_entropy,
    fairness_divergence,
    marginal_entropy,
    mutual_information_loss,
    shannon_entropy,
    soft_cross_entropy,
)

PAIRED = [collision_cross_entropy, soft_cross_entropy]
AVERAGED = [mutual_information_loss, fairness_divergence, marginal_entropy]
MODULES = [
    CollisionCrossEntropyLoss,
    SoftCrossEntropyLoss,
    MutualInformationLoss,
    FairnessDivergenceLoss,
]


def call(loss, logits, target, **kwargs):
    return loss(logits, target, **kwargs) if loss in PAIRED else loss(logits, **kwargs)


def test_soft_cross_entropy_is_torchs(logits, target):
    value = soft_cross_entropy(logits, target, reduction="none")
    torch.testing.assert_close(value, cross_entropy(logits, target, reduction="none"))
    assert torch.autograd.gradcheck(
        soft_cross_entropy, (logits.requires_grad_(), target.requires_grad_())
    )


def test_soft_cross_entropy_at_extreme_logits():
    logits = torch.tensor([[1e4, -1e4, -math.inf]]).requires_grad_()
    value = soft_cross_entropy(logits, torch.tensor([[0.5, 0.5, 0.0]]))
    value.backward()
    torch.testing.assert_close(value.item(), 1e4)
    torch.testing.assert_close(logits.grad, torch.tensor([[0.5, -0.5, 0.0]]))


@pytest.mark.parametrize("loss", PAIRED)
@pytest.mark.parametrize("shared", [False, True])
def test_a_stack_gives_each_head_its_own_losses(loss, shared, rng):
    logits = torch.randn(3, 5, 4, generator=rng)
    target = torch.randn(3, 5, 4, generator=rng).softmax(-1)
    target = target[0] if shared else target
    value = loss(logits, target, reduction="none")
    assert value.shape == (3, 5)
    for r in range(3):
        alone = loss(logits[r], target if shared else target[r], reduction="none")
        torch.testing.assert_close(value[r], alone)
    torch.testing.assert_close(loss(logits, target), value.mean())
    torch.testing.assert_close(loss(logits, target, reduction="sum"), value.sum())


@pytest.mark.parametrize("loss", AVERAGED)
def test_a_stack_gives_one_average_for_each_head(loss, rng):
    logits = torch.randn(2, 3, 5, 4, generator=rng)
    weight = torch.rand(3, 5, generator=rng)
    value = loss(logits, sample_weight=weight)
    assert value.shape == (2, 3)
    torch.testing.assert_close(value[1, 2], loss(logits[1, 2], sample_weight=weight[2]))


@pytest.mark.parametrize("loss", PAIRED + AVERAGED)
def test_integer_weights_repeat_points(loss, logits, target):
    counts = torch.tensor([1, 3, 0, 2, 1, 5])
    torch.testing.assert_close(
        call(loss, logits, target, sample_weight=counts),
        call(loss, logits.repeat_interleave(counts, 0), target.repeat_interleave(counts, 0)),
    )


@pytest.mark.parametrize("loss", PAIRED + AVERAGED)
def test_the_scale_of_the_weights_does_not_matter(loss, logits, target):
    weight = torch.linspace(0.1, 1, 6)
    torch.testing.assert_close(
        call(loss, logits, target, sample_weight=weight),
        call(loss, logits, target, sample_weight=1000 * weight),
        rtol=1e-6,
        atol=0,
    )


@pytest.mark.parametrize("loss", PAIRED + AVERAGED)
def test_weights_that_sum_to_zero_teach_nothing(loss, logits, target):
    logits.requires_grad_()
    value = call(loss, logits, target, sample_weight=torch.zeros(6))
    value.backward()
    assert not logits.grad.any()
    # No loss over no points; the mean prediction of no points is uniform.
    nothing = {mutual_information_loss: -math.log(4), marginal_entropy: math.log(4)}
    assert value.item() == pytest.approx(nothing.get(loss, 0.0))


def test_a_point_of_zero_weight_may_have_no_label(logits, target):
    target[2] = 0
    weight = torch.tensor([1.0, 1, 0, 1, 1, 1]).double()
    others = weight > 0
    value = collision_cross_entropy(logits, target, sample_weight=weight)
    torch.testing.assert_close(value, collision_cross_entropy(logits[others], target[others]))


def test_weights_can_be_learned_from_zero(logits, target):
    weight = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    collision_cross_entropy(logits, target, reduction="sum", sample_weight=weight).backward()
    expected = collision_cross_entropy(logits, target, reduction="none")
    torch.testing.assert_close(weight.grad, expected)


@pytest.mark.parametrize("loss", PAIRED)
def test_reduction_none_multiplies_by_the_weight(loss, logits, target):
    weight = torch.linspace(0, 2, 6).double()
    torch.testing.assert_close(
        loss(logits, target, reduction="none", sample_weight=weight),
        loss(logits, target, reduction="none") * weight,
    )


@pytest.mark.parametrize("loss", PAIRED + AVERAGED)
@pytest.mark.parametrize("weighted", [False, True])
def test_nothing_waits_for_the_device(loss, weighted):
    # A meta tensor has no values: reading one back would raise.
    logits = torch.empty(3, 5, 4, device="meta", requires_grad=True)
    target = torch.empty(5, 4, device="meta")
    weight = torch.empty(5, device="meta") if weighted else None
    value = call(loss, logits, target, sample_weight=weight)
    value.sum().backward()
    assert logits.grad.shape == logits.shape


@pytest.mark.parametrize("loss", [*PAIRED, *AVERAGED, shannon_entropy, losses.collision_entropy])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_dtypes(loss, dtype, logits, target):
    rounded = logits.to(dtype).requires_grad_()
    value = call(loss, rounded, target.to(dtype))
    value.sum().backward()
    assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert rounded.grad.dtype == dtype
    exact = call(loss, rounded.detach().double(), target.to(dtype).double())
    torch.testing.assert_close(value.detach().double(), exact, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", PAIRED + AVERAGED)
def test_runs_under_function_transforms(loss, rng, target):
    stack = torch.randn(3, 6, 4, generator=rng, dtype=torch.float64)
    mapped = torch.func.vmap(torch.func.grad(lambda z: call(loss, z, target)))(stack)
    for r in range(3):
        logits = stack[r].clone().requires_grad_()
        (alone,) = torch.autograd.grad(call(loss, logits, target), logits)
        torch.testing.assert_close(mapped[r], alone)


@pytest.mark.parametrize("module", MODULES)
def test_modules_repeat_their_functions(module, rng):
    logits = torch.randn(3, 5, 4, generator=rng)
    target = torch.randn(3, 5, 4, generator=rng).softmax(-1)
    paired = module in (CollisionCrossEntropyLoss, SoftCrossEntropyLoss)
    inputs = (logits, target) if paired else (logits,)
    each = module(reduction="none")(*inputs)
    assert isinstance(module(), nn.Module)
    assert each.shape == ((3, 5) if paired else (3,))
    torch.testing.assert_close(module()(*inputs), each.mean())
    torch.testing.assert_close(module(reduction="sum")(*inputs), each.sum())
    weight = torch.tensor([1.0, 0, 2, 1, 1])
    assert not torch.equal(module()(*inputs, sample_weight=weight), each.mean())
    assert "reduction='none'" in repr(module(reduction="none"))


def test_module_settings_reach_the_functions(logits):
    loss = MutualInformationLoss(fairness_weight=1.3)
    expected = mutual_information_loss(logits, fairness_weight=1.3)
    torch.testing.assert_close(loss(logits), expected)


GOOD = torch.zeros(2, 3)
UNIFORM = torch.full((2, 3), 1 / 3)


@pytest.mark.parametrize(
    ("error", "message", "make"),
    [
        (TypeError, "'logits'.*ndarray", lambda: collision_cross_entropy(GOOD.numpy(), UNIFORM)),
        (TypeError, "'logits'.*int64", lambda: shannon_entropy(GOOD.long())),
        (ValueError, r"'logits'.*\(0, 3\)", lambda: soft_cross_entropy(GOOD[:0], UNIFORM[:0])),
        (ValueError, r"'logits'.*\(\.\.\., N, K\)", lambda: mutual_information_loss(GOOD[0])),
        (TypeError, "'target'.*one_hot", lambda: soft_cross_entropy(GOOD, torch.tensor([0, 1]))),
        (TypeError, "'target'.*list", lambda: collision_cross_entropy(GOOD, [[1.0, 0, 0]])),
        (ValueError, "'target'.*shape", lambda: collision_cross_entropy(GOOD, UNIFORM[:, :2])),
        (ValueError, "'target'.*shape", lambda: collision_cross_entropy(GOOD, UNIFORM[:, None])),
        (ValueError, "'target'.*shape", lambda: collision_cross_entropy(GOOD, torch.tensor(1.0))),
        (
            ValueError,
            "'sample_weight'.*shape",
            lambda: collision_cross_entropy(GOOD, UNIFORM, sample_weight=torch.ones(3)),
        ),
        (
            TypeError,
            "'sample_weight'.*list",
            lambda: mutual_information_loss(GOOD, sample_weight=[1, 1]),
        ),
        (
            ValueError,
            "'reduction' parameter of collision_cross_entropy.*'avg'",
            lambda: collision_cross_entropy(GOOD, UNIFORM, reduction="avg"),
        ),
        (
            ValueError,
            "'reduction' parameter of SoftCrossEntropyLoss",
            lambda: SoftCrossEntropyLoss("batchmean"),
        ),
        (ValueError, "'order'.*'KL'", lambda: fairness_divergence(GOOD, order="KL")),
        (ValueError, "'order'.*'KL'", lambda: FairnessDivergenceLoss(order="KL")),
        (ValueError, "'prior'.*shape", lambda: fairness_divergence(GOOD, torch.ones(2))),
        (TypeError, "'prior'.*int64", lambda: fairness_divergence(GOOD, torch.ones(3).long())),
        (
            ValueError,
            "'fairness_weight'.*nan",
            lambda: MutualInformationLoss(fairness_weight=math.nan),
        ),
        (
            TypeError,
            "'fairness_weight'.*str",
            lambda: mutual_information_loss(GOOD, fairness_weight="1"),
        ),
    ],
)
def test_bad_input_is_named(error, message, make):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("loss", [*PAIRED, *AVERAGED, shannon_entropy, losses.collision_entropy])
@pytest.mark.parametrize("n_classes", [4, 20])
def test_derivatives_with_masked_classes_agree_with_finite_differences(loss, n_classes, rng):
    logits = torch.randn(5, n_classes, generator=rng, dtype=torch.float64)
    target = torch.randn(5, n_classes, generator=rng, dtype=torch.float64).softmax(-1)
    # A class that is masked out for all, and a point whose label lies on masked classes alone.
    # Beside the huge term of a masked class that is wanted, differences would not see the others.
    logits[:, -1] = -math.inf
    logits[1, 0] = -math.inf
    target[:, -1] = 0
    target[1] = 0
    target[1, 0], target[1, -1] = 0.7, 0.3
    options = {"reduction": "none"} if loss in PAIRED else {}
    if loss is fairness_divergence:
        options["prior"] = target[0]

    def each(z):
        return call(loss, z, target, **options)

    assert gradcheck(each, (logits.requires_grad_(),))
    assert gradgradcheck(each, (logits,))


@pytest.mark.parametrize("label_gradient", [False, True])
@pytest.mark.parametrize("differentiable", [False, True])
def test_a_label_on_masked_classes_alone_teaches_nothing(label_gradient, differentiable):
    logits = torch.tensor([[0.0, 1.0, -math.inf]], requires_grad=True)
    target = torch.tensor([[0.0, 0.0, 1.0]], requires_grad=label_gradient)
    for loss in PAIRED:
        value = loss(logits, target)
        (gradient,) = torch.autograd.grad(value, logits, create_graph=differentiable)
        assert 1e30 < value < math.inf
        assert not gradient.any()
