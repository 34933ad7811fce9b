"""Divergence of the mean prediction from the target proportions of the clusters."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias, get_args

import torch
from torch import Tensor

from skcollision.losses._common import (
    ReducedLoss,
    Reduction,
    check_logits,
    check_option,
    check_probs,
    check_sample_weight,
    divergence,
    log_mean_probs,
    log_softmax,
    mean_probs,
    reduce_loss,
    safe_log,
    softmax,
)

Order: TypeAlias = Literal["KL(u||p)", "KL(p||u)"]


def fairness_divergence(
    logits: Tensor,
    prior: Tensor | None = None,
    *,
    order: Order = "KL(u||p)",
    sample_weight: Tensor | None = None,
) -> Tensor:
    r"""Kullback-Leibler divergence between target proportions and mean prediction, in nats.

    With the mean prediction :math:`p = \frac1N \sum_i \mathrm{softmax}(z_i)` and the target
    proportions u, either of

    .. math:: KL(u \| p) = \sum_k u_k \ln \frac{u_k}{p_k}, \qquad
              KL(p \| u) = \sum_k p_k \ln \frac{p_k}{u_k} .

    The first grows without bound as a cluster dies out, the second does not.

    Parameters
    ----------
    logits : Tensor of shape (..., N, K)
        Finite floating logits of N points; leading dimensions are a stack of restarts or heads.
        bfloat16 and float16 are computed in float32.
    prior : Tensor of shape (K,) or (..., K), optional
        Target proportions u on the simplex, one for all or one for each entry of the stack; uniform
        by default. Values are not checked. A proportion of 0 asks for an empty cluster: it drops
        out of KL(u||p), and counts as the smallest positive normal number in KL(p||u), which is
        large and finite then.
    order : {"KL(u||p)", "KL(p||u)"}, default="KL(u||p)"
        Which of the two divergences.
    sample_weight : Tensor of shape (..., N), optional
        Non-negative weights of the points, of shape ``logits.shape[:-1]`` or that shape without
        leading dimensions. If they sum to zero, the mean prediction is taken to be uniform.

    Returns
    -------
    Tensor of shape (...,)
        One divergence for each entry of the stack (a scalar for logits of shape (N, K)).

    Raises
    ------
    TypeError
        If a tensor is none, or of the wrong dtype.
    ValueError
        If `logits` is empty, shapes do not fit together or `order` is unknown.

    Notes
    -----
    A dead cluster gives a large finite value and a finite gradient, never inf or NaN: KL(u||p)
    takes the mean in log space.

    References
    ----------
    Zhang & Boykov, arXiv:2303.07321: KL(p||u) in eq. (5) and (10), KL(u||p) in eq. (11), there with
    the mean pseudo-label in place of the mean prediction.

    Examples
    --------
    >>> import torch
    >>> from skcollision.losses import fairness_divergence
    >>> logits = torch.tensor([[2.0, 0.0], [1.0, 0.0]])
    >>> fairness_divergence(logits)
    tensor(0.2345)
    >>> fairness_divergence(logits, order="KL(p||u)")
    tensor(0.2011)
    """
    caller = "fairness_divergence"
    check_logits(logits, caller, min_ndim=2)
    if prior is not None:
        check_probs(prior, (*logits.shape[:-2], logits.shape[-1]), "prior", caller)
    check_sample_weight(sample_weight, logits, caller)
    check_option(order, get_args(Order), "order", caller)
    forward = order == "KL(u||p)"
    mean = log_mean_probs if forward else mean_probs
    p = mean((log_softmax if forward else softmax)(logits), sample_weight)
    u = torch.full_like(p, 1 / p.shape[-1]) if prior is None else prior.to(p.dtype)
    return (u * (safe_log(u) - p)).sum(-1) if forward else divergence(p, u)


class FairnessDivergenceLoss(ReducedLoss):
    """Module form of :func:`fairness_divergence`.

    Parameters
    ----------
    prior : Tensor of shape (K,) or (..., K), optional
        Target proportions, uniform by default. Kept as a buffer, so it moves with the module.
    order : {"KL(u||p)", "KL(p||u)"}, default="KL(u||p)"
        Which of the two divergences.
    reduction : {"none", "mean", "sum"}, default="mean"
        How to reduce over the stack (the leading dimensions); for logits of shape (N, K) all three
        give the same scalar.

    Examples
    --------
    >>> import torch
    >>> from skcollision.losses import FairnessDivergenceLoss
    >>> loss = FairnessDivergenceLoss(torch.tensor([0.9, 0.1]))
    >>> loss(torch.zeros(4, 2))
    tensor(0.3681)
    """

    settings: ClassVar[tuple[str, ...]] = ("order", "reduction")
    prior: Tensor | None

    def __init__(
        self,
        prior: Tensor | None = None,
        order: Order = "KL(u||p)",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(reduction)
        check_option(order, get_args(Order), "order", type(self).__name__)
        self.order: Order = order
        self.register_buffer("prior", prior)

    def forward(self, logits: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Return the loss; see :func:`fairness_divergence`."""
        loss = fairness_divergence(
            logits, self.prior, order=self.order, sample_weight=sample_weight
        )
        return reduce_loss(loss, self.reduction)
