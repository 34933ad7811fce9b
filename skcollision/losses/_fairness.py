"""Divergence of the mean prediction from the target proportions of the clusters."""

from typing import ClassVar, Literal, TypeAlias, get_args

from torch import Tensor

from skcollision.losses import _checks as check
from skcollision.losses import _common as common
from skcollision.losses._checks import Reduction

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
    TypeError, ValueError
        If a tensor has the wrong dtype, `logits` is empty, shapes do not fit together or `order` is
        unknown.

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
    >>> fairness_divergence(logits), fairness_divergence(logits, order="KL(p||u)")
    (tensor(0.2345), tensor(0.2011))
    """
    caller = "fairness_divergence"
    check.averaged(logits, sample_weight, caller)
    check.prior(prior, logits, caller)
    check.option(order, get_args(Order), "order", caller)
    if order == "KL(p||u)":
        p = common.mean_probs(common.softmax(logits), sample_weight)
        return common.divergence(p, common.proportions(prior, p))
    log_p = common.log_mean_probs(common.log_softmax(logits), sample_weight)
    u = common.proportions(prior, log_p)
    return (u * (common.safe_log(u) - log_p)).sum(-1)


class FairnessDivergenceLoss(common.ReducedLoss):
    """Module form of :func:`fairness_divergence`.

    Parameters
    ----------
    prior : Tensor of shape (K,) or (..., K), optional
        Target proportions, uniform by default. Kept as a buffer, so it moves with the module.
    order : {"KL(u||p)", "KL(p||u)"}, default="KL(u||p)"
        Which of the two divergences.
    reduction : {"none", "mean", "sum"}, default="mean"
        How to reduce over the stack (the leading dimensions).

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
        self, prior: Tensor | None = None, order: Order = "KL(u||p)", reduction: Reduction = "mean"
    ) -> None:
        super().__init__(reduction)
        check.option(order, get_args(Order), "order", type(self).__name__)
        self.order: Order = order
        self.register_buffer("prior", prior)

    def forward(self, logits: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Return the loss; see :func:`fairness_divergence`."""
        loss = fairness_divergence(
            logits, self.prior, order=self.order, sample_weight=sample_weight
        )
        return common.reduce_loss(loss, self.reduction)
