import math

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from skcollision.losses import collision_entropy, marginal_entropy, shannon_entropy


def naive_shannon(probs):
    return -(probs * probs.log()).sum(-1)


def test_values(logits):
    probs = logits.softmax(-1)
    torch.testing.assert_close(shannon_entropy(logits), naive_shannon(probs))
    torch.testing.assert_close(collision_entropy(logits), -(probs**2).sum(-1).log())
    torch.testing.assert_close(marginal_entropy(logits), naive_shannon(probs.mean(0)))


@pytest.mark.parametrize("entropy", [shannon_entropy, collision_entropy, marginal_entropy])
def test_derivatives_agree_with_finite_differences(entropy, logits):
    logits.requires_grad_()
    assert gradcheck(entropy, (logits,))
    assert gradgradcheck(entropy, (logits,))


def test_collision_entropy_is_at_most_shannons_and_both_lie_in_their_range(rng):
    scale = torch.logspace(-3, 3, 200, dtype=torch.float64)[:, None]
    logits = scale * torch.randn(200, 9, generator=rng, dtype=torch.float64)
    collision, shannon = collision_entropy(logits), shannon_entropy(logits)
    assert (collision <= shannon + 1e-12).all()
    assert (collision >= 0).all()
    assert (shannon <= math.log(9) + 1e-12).all()


@pytest.mark.parametrize("entropy", [shannon_entropy, collision_entropy, marginal_entropy])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_extremes(entropy, dtype):
    certain = torch.tensor([[1e4, -1e4, 0.0]] * 2).to(dtype).requires_grad_()
    uniform = torch.full((2, 3), 1e4).to(dtype).requires_grad_()
    for logits, expected in [(certain, 0.0), (uniform, math.log(3))]:
        value = entropy(logits)
        torch.testing.assert_close(value, torch.full_like(value, expected))
        (gradient,) = torch.autograd.grad(value.sum(), logits)
        torch.testing.assert_close(gradient, torch.zeros_like(gradient))


def test_marginal_entropy_never_falls_below_the_mean_entropy(logits):
    assert marginal_entropy(logits) >= shannon_entropy(logits).mean()
