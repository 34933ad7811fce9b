import math

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.nn.functional import cross_entropy, one_hot

from skcollision.losses import collision_cross_entropy, collision_entropy


def value_and_gradient(logits, target, **kwargs):
    logits = logits.detach().clone().requires_grad_()
    value = collision_cross_entropy(logits, target, **kwargs)
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    return value.detach(), gradient


def test_is_minus_log_of_the_dot_product(logits, target):
    expected = -(logits.softmax(-1) * target).sum(-1).log()
    torch.testing.assert_close(collision_cross_entropy(logits, target, reduction="none"), expected)


def test_derivatives_agree_with_finite_differences(logits, target):
    def loss(z, y):
        return collision_cross_entropy(z, y, reduction="none")

    inputs = (logits.requires_grad_(), target.requires_grad_())
    assert gradcheck(loss, inputs)
    assert gradgradcheck(loss, inputs)


def test_derivatives_with_respect_to_logits_at_one_hot_labels(logits):
    target = one_hot(torch.arange(6) % 4, 4).double()

    def loss(z):
        return collision_cross_entropy(z, target, reduction="none")

    assert gradcheck(loss, (logits.requires_grad_(),))
    assert gradgradcheck(loss, (logits,))


def test_gradient_is_prediction_minus_renormalised_product(logits, target):
    _, gradient = value_and_gradient(logits, target, reduction="sum")
    sigma = logits.softmax(-1)
    q = sigma * target / (sigma * target).sum(-1, keepdim=True)
    torch.testing.assert_close(gradient, sigma - q)


def test_gradient_with_respect_to_labels_holds_at_exact_zeros(logits, target):
    target[:, 0] = 0
    target[1] = torch.tensor([0, 0, 1, 0])
    target = (target / target.sum(-1, keepdim=True)).requires_grad_()
    collision_cross_entropy(logits, target, reduction="sum").backward()
    sigma = logits.softmax(-1)
    expected = -sigma / (sigma * target.detach()).sum(-1, keepdim=True)
    torch.testing.assert_close(target.grad, expected)


def test_second_derivatives_with_respect_to_labels_hold_at_exact_zeros(logits):
    shared = torch.tensor([1.0, 0, 0, 0]).double()
    hessian = torch.autograd.functional.hessian(
        lambda y: collision_cross_entropy(logits, y, reduction="sum"), shared
    )
    ratio = logits.softmax(-1) / logits.softmax(-1)[:, :1]
    torch.testing.assert_close(hessian, torch.einsum("ik,ij->kj", ratio, ratio))


def test_the_hessian_is_the_difference_of_two_softmax_covariances(logits, target):
    def covariance(p):
        return torch.diag(p) - torch.outer(p, p)

    def loss(z):
        return collision_cross_entropy(z, target[0])

    sigma = logits[0].softmax(-1)
    q = sigma * target[0] / (sigma @ target[0])
    expected = covariance(sigma) - covariance(q)
    torch.testing.assert_close(torch.func.jacrev(torch.func.jacrev(loss))(logits[0]), expected)
    torch.testing.assert_close(torch.autograd.functional.hessian(loss, logits[0]), expected)


def test_asking_for_label_gradients_does_not_change_the_loss(logits, target):
    target[0] = torch.tensor([0, 0.5, 0.5, 0])
    target[1] = torch.tensor([1e-310, 1, 0, 0])
    plain = collision_cross_entropy(logits, target, reduction="none")
    differentiable = collision_cross_entropy(logits, target.requires_grad_(), reduction="none")
    torch.testing.assert_close(plain, differentiable.detach(), rtol=1e-14, atol=1e-15)


def test_equals_shannon_on_one_hot_labels(logits):
    labels = torch.arange(6) % 4
    target = one_hot(labels, 4).double()
    value, gradient = value_and_gradient(logits, target)
    expected_gradient = torch.func.grad(cross_entropy)(logits, labels)
    torch.testing.assert_close(value, cross_entropy(logits, labels))
    torch.testing.assert_close(gradient, expected_gradient)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("n_classes", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_uniform_labels_have_loss_log_k_and_exactly_zero_gradient(dtype, n_classes, scale, rng):
    logits = (scale * torch.randn(20, n_classes, generator=rng)).clamp(-6e4, 6e4).to(dtype)
    target = torch.full_like(logits, 1 / n_classes)
    value, gradient = value_and_gradient(logits, target, reduction="none")
    tolerance = torch.finfo(dtype).eps
    expected = torch.full_like(value, math.log(n_classes))
    torch.testing.assert_close(value, expected, rtol=tolerance, atol=tolerance)
    assert not gradient.any()


def test_is_symmetric_in_label_and_prediction(rng):
    first, second = 3 * torch.randn(2, 50, 5, generator=rng, dtype=torch.float64)
    torch.testing.assert_close(
        collision_cross_entropy(first, second.softmax(-1), reduction="none"),
        collision_cross_entropy(second, first.softmax(-1), reduction="none"),
    )


def test_of_a_prediction_with_itself_is_its_collision_entropy(logits):
    torch.testing.assert_close(
        collision_cross_entropy(logits, logits.softmax(-1), reduction="none"),
        collision_entropy(logits),
    )


def test_is_angle_plus_mean_entropy(logits, target):
    cosine = torch.cosine_similarity(logits.softmax(-1), target, dim=-1)
    entropies = collision_entropy(logits) + collision_entropy(target.log())
    torch.testing.assert_close(
        collision_cross_entropy(logits, target, reduction="none"), -cosine.log() + entropies / 2
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("label_gradient", [False, True])
def test_extreme_logits(dtype, label_gradient):
    # Right class, wrong class, all mass of the label on classes with underflowed probability.
    logits = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0], [1e4, -1e4, -1e4]]).to(dtype)
    gap = (logits[0, 0].double() * 2).item()
    target = torch.tensor([[1, 0, 0], [1, 0, 0], [0, 0.5, 0.5]]).to(dtype)
    target.requires_grad_(label_gradient)
    value, gradient = value_and_gradient(logits, target, reduction="none")
    torch.testing.assert_close(value, torch.tensor([0, gap, gap]).to(value.dtype))
    expected = torch.tensor([[0, 0, 0], [-1, 1, 0], [1, -0.5, -0.5]])
    torch.testing.assert_close(gradient, expected.to(dtype))
    if label_gradient:
        collision_cross_entropy(logits, target).backward()
        assert target.grad.isfinite().all()


def test_half_precision_is_computed_in_float32(logits, target):
    half = logits.bfloat16()
    value = collision_cross_entropy(half, target, reduction="none")
    assert value.dtype == torch.float32
    expected = collision_cross_entropy(half.float(), target.float(), reduction="none")
    torch.testing.assert_close(value, expected, rtol=0, atol=0)


@pytest.mark.parametrize("label_gradient", [False, True])
def test_a_row_of_zeros_is_infinite_without_spoiling_any_gradient(logits, target, label_gradient):
    clean_value, clean_gradient = value_and_gradient(logits, target, reduction="none")
    target[2] = 0
    target.requires_grad_(label_gradient)
    value, gradient = value_and_gradient(logits, target, reduction="none")
    others = torch.arange(6) != 2
    assert value[2] == math.inf
    assert not gradient[2].any()
    torch.testing.assert_close(value[others], clean_value[others])
    torch.testing.assert_close(gradient[others], clean_gradient[others])
    if label_gradient:
        collision_cross_entropy(logits, target).backward()
        assert target.grad.isfinite().all()


def test_a_masked_class_is_as_good_as_none(logits, target):
    masked = torch.cat([logits, torch.full((6, 1), -math.inf, dtype=torch.float64)], dim=-1)
    padded = torch.cat([target, torch.zeros(6, 1, dtype=torch.float64)], dim=-1)
    value, gradient = value_and_gradient(masked, padded)
    clean_value, clean_gradient = value_and_gradient(logits, target)
    torch.testing.assert_close(value, clean_value)
    torch.testing.assert_close(gradient[:, :-1], clean_gradient)
    assert not gradient[:, -1].any()


def test_a_row_of_zeros_has_zero_gradient_where_that_is_differentiable_too(logits, target):
    target[2] = 0
    loss = collision_cross_entropy(logits.requires_grad_(), target, reduction="none")
    (gradient,) = torch.autograd.grad(loss.sum(), logits, create_graph=True)
    assert not gradient[2].any()
    gradient.square().sum().backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("label_gradient", [False, True])
def test_a_label_on_a_masked_class_only_is_never_nan(label_gradient):
    logits = torch.tensor([[0.0, 1.0, -math.inf], [0.0, 1.0, -math.inf]])
    target = torch.tensor([[0.0, 0, 1], [0, 0, 0]], requires_grad=label_gradient)
    value, gradient = value_and_gradient(logits, target, reduction="none")
    assert (value > 1e30).all()
    assert not gradient.any()
    if label_gradient:
        collision_cross_entropy(logits, target).backward()
        assert target.grad.isfinite().all()
        assert not target.grad[:, 2].any()


@pytest.mark.parametrize("size", [1e30, 1e38, 3e38])
def test_logits_up_to_the_end_of_the_range_give_no_nan(size):
    logits = torch.tensor([[size, -size, 0.0], [size, size, size]])
    target = torch.tensor([[0, 1.0, 0], [0.2, 0.3, 0.5]])
    value, gradient = value_and_gradient(logits, target, reduction="none")
    assert not value.isnan().any()
    assert gradient.isfinite().all()


def test_denormal_labels_are_taken_at_their_value():
    logits, target = torch.tensor([[0.0, -500.0]]), torch.tensor([[1e-40, 1.0]])
    assert collision_cross_entropy(logits, target).item() == pytest.approx(-math.log(1e-40), 1e-3)


def test_permuting_classes_changes_nothing(logits, target):
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(
        collision_cross_entropy(logits[:, order], target[:, order], reduction="none"),
        collision_cross_entropy(logits, target, reduction="none"),
    )
