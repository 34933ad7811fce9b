import math

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from skcollision.losses import marginal_entropy, mutual_information_loss, shannon_entropy


def test_is_mean_entropy_minus_weighted_entropy_of_the_mean(logits):
    for weight in (0.0, 1.0, 1.3):
        expected = shannon_entropy(logits).mean() - weight * marginal_entropy(logits)
        value = mutual_information_loss(logits, fairness_weight=weight)
        torch.testing.assert_close(value, expected)


def test_is_minus_the_mutual_information_of_the_joint_distribution(logits):
    # I(point; cluster) = KL(joint || product of marginals), points drawn uniformly.
    joint = logits.softmax(-1) / len(logits)
    product = joint.sum(0) / len(logits)
    information = (joint * (joint / product).log()).sum()
    torch.testing.assert_close(mutual_information_loss(logits), -information)


def test_bounds_are_reached():
    perfect = torch.eye(4).repeat(3, 1) * 1e4
    assert mutual_information_loss(perfect).item() == pytest.approx(-math.log(4))
    for useless in (torch.zeros(8, 4), perfect[:1].repeat(8, 1)):
        assert mutual_information_loss(useless).item() == pytest.approx(0, abs=1e-6)


def test_derivatives_agree_with_finite_differences(logits):
    weight = torch.tensor([1.0, 2, 0, 3, 1, 0.5]).double()

    def loss(z):
        return mutual_information_loss(z, fairness_weight=1.3, sample_weight=weight)

    assert gradcheck(loss, (logits.requires_grad_(),))
    assert gradgradcheck(loss, (logits,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_collapse_at_extreme_logits_is_finite(dtype):
    logits = torch.tensor([[1e4, -1e4, -1e4]] * 5).to(dtype).requires_grad_()
    value = mutual_information_loss(logits)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert logits.grad.isfinite().all()
