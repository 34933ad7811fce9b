import math

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.nn.functional import kl_div

from skcollision.losses import FairnessDivergenceLoss, fairness_divergence, marginal_entropy

ORDERS = ["KL(u||p)", "KL(p||u)"]
PRIOR = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)


@pytest.mark.parametrize("prior", [None, PRIOR])
def test_both_orders_agree_with_torch(prior, logits):
    p = logits.softmax(-1).mean(0)
    u = torch.full_like(p, 0.25) if prior is None else prior
    forward = fairness_divergence(logits, prior, order="KL(u||p)")
    backward = fairness_divergence(logits, prior, order="KL(p||u)")
    torch.testing.assert_close(forward, kl_div(p.log(), u, reduction="sum"))
    torch.testing.assert_close(backward, kl_div(u.log(), p, reduction="sum"))
    assert not math.isclose(forward, backward, rel_tol=1e-3)


def test_uniform_backward_order_is_the_entropy_missing_to_log_k(logits):
    torch.testing.assert_close(
        fairness_divergence(logits, order="KL(p||u)"), math.log(4) - marginal_entropy(logits)
    )


@pytest.mark.parametrize("order", ORDERS)
def test_derivatives_agree_with_finite_differences(order, logits):
    def loss(z, u):
        return fairness_divergence(z, u, order=order)

    inputs = (logits.requires_grad_(), PRIOR.clone().requires_grad_())
    assert gradcheck(loss, inputs)
    assert gradgradcheck(loss, inputs)


@pytest.mark.parametrize("order", ORDERS)
def test_is_zero_exactly_where_the_mean_is_the_prior_and_positive_elsewhere(order, logits):
    at_prior = PRIOR.log().repeat(6, 1)
    assert abs(fairness_divergence(at_prior, PRIOR, order=order).item()) < 1e-12
    assert fairness_divergence(logits, PRIOR, order=order) > 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("order", ORDERS)
def test_a_dead_cluster_is_finite_and_is_called_back(dtype, order):
    # Cluster 2 is dead; the last point is the nearest to it.
    logits = torch.tensor([[1e4, 0, -2e4], [0, 1e4, -2e4], [1e4, 0, -1e4]])
    logits = logits.to(dtype).requires_grad_()
    value = fairness_divergence(logits, order=order)
    value.backward()
    assert logits.grad.isfinite().all()
    if order == "KL(u||p)":
        # Mean prediction of the dead cluster: exp(-2e4) / 3, so -u ln p = (2e4 + ln 3) / 3.
        assert value.item() == pytest.approx(2e4 / 3, rel=1e-2)
        torch.testing.assert_close(logits.grad[2, 2].item(), -1 / 3, rtol=1e-2, atol=0)
        assert not logits.grad[:2, 2].any()
    else:
        assert value.item() == pytest.approx(math.log(3) - math.log(3) / 3 - math.log(1.5) * 2 / 3)


def test_a_prior_of_zero():
    logits = torch.tensor([[1.0, 2.0, -math.inf], [0.0, 3.0, -math.inf]])
    prior = torch.tensor([0.5, 0.5, 0.0])
    without = fairness_divergence(logits[:, :2], prior[:2])
    torch.testing.assert_close(fairness_divergence(logits, prior), without)
    unwanted = fairness_divergence(torch.zeros(2, 3), prior, order="KL(p||u)")
    assert 10 < unwanted.item() < 100


def test_each_restart_may_have_its_own_prior(rng):
    logits = torch.randn(2, 7, 4, generator=rng)
    priors = torch.randn(2, 4, generator=rng).softmax(-1)
    expected = torch.stack([fairness_divergence(logits[r], priors[r]) for r in range(2)])
    torch.testing.assert_close(fairness_divergence(logits, priors), expected)


def test_the_module_carries_its_prior(logits):
    loss = FairnessDivergenceLoss(PRIOR, order="KL(p||u)")
    assert "prior" in loss.state_dict()
    expected = fairness_divergence(logits, PRIOR, order="KL(p||u)")
    torch.testing.assert_close(loss(logits), expected)
