"""Mutual information between a point and its cluster, as a loss."""

from typing import ClassVar

from torch import Tensor

from skcollision.losses import _checks as check
from skcollision.losses import _common as common
from skcollision.losses._checks import Reduction


def mutual_information_loss(
    logits: Tensor, *, fairness_weight: float = 1.0, sample_weight: Tensor | None = None
) -> Tensor:
    r"""Decisiveness and fairness of the predictions, in nats.

    .. math:: \frac1N \sum_i H(\sigma_i) - w\, H(\bar\sigma)

    At w = 1 it is minus the mutual information of point and cluster. The first term asks for
    confident predictions, the second for clusters of equal size.

    Parameters
    ----------
    logits : Tensor of shape (..., N, K)
        Finite floating logits of N points; leading dimensions are a stack of restarts or heads.
        bfloat16 and float16 are computed in float32.
    fairness_weight : float, default=1.0
        Finite weight w of the second term. The paper's experiments use 1.3.
    sample_weight : Tensor of shape (..., N), optional
        Non-negative weights of the points in both means, of shape ``logits.shape[:-1]`` or that
        shape without leading dimensions. If they sum to zero, the loss is the constant -w ln K.

    Returns
    -------
    Tensor of shape (...,)
        One loss for each entry of the stack (a scalar for logits of shape (N, K)).

    Raises
    ------
    TypeError, ValueError
        If a tensor has the wrong dtype, `logits` is empty, shapes do not fit together or
        `fairness_weight` is not a finite number.

    References
    ----------
    Zhang & Boykov, arXiv:2303.07321, eq. (1); Bridle, Heading & MacKay, "Unsupervised Classifiers,
    Mutual Information and 'Phantom Targets'", NIPS 1991.

    Examples
    --------
    >>> import torch
    >>> from skcollision.losses import mutual_information_loss
    >>> mutual_information_loss(torch.tensor([[99.0, 0.0], [0.0, 99.0]]))
    tensor(-0.6931)
    """
    caller = "mutual_information_loss"
    check.averaged(logits, sample_weight, caller)
    check.finite_number(fairness_weight, "fairness_weight", caller)
    log_p = common.log_softmax(logits)
    probs = log_p.exp()
    each, mean = common.entropy(probs, log_p), common.mean_probs(probs, sample_weight)
    if sample_weight is None:
        mean_entropy = each.mean(-1)
    else:
        mean_entropy = (each * common.point_shares(sample_weight, probs)).sum(-1)
    return mean_entropy - fairness_weight * common.entropy(mean, common.safe_log(mean))


class MutualInformationLoss(common.ReducedLoss):
    """Module form of :func:`mutual_information_loss`.

    Parameters
    ----------
    fairness_weight : float, default=1.0
        Finite weight of the fairness term.
    reduction : {"none", "mean", "sum"}, default="mean"
        How to reduce over the stack (the leading dimensions).

    Examples
    --------
    >>> import torch
    >>> from skcollision.losses import MutualInformationLoss
    >>> MutualInformationLoss(fairness_weight=1.3, reduction="none")(torch.zeros(5, 8, 2)).shape
    torch.Size([5])
    """

    settings: ClassVar[tuple[str, ...]] = ("fairness_weight", "reduction")

    def __init__(self, fairness_weight: float = 1.0, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        check.finite_number(fairness_weight, "fairness_weight", type(self).__name__)
        self.fairness_weight = fairness_weight

    def forward(self, logits: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Return the loss; see :func:`mutual_information_loss`."""
        loss = mutual_information_loss(
            logits, fairness_weight=self.fairness_weight, sample_weight=sample_weight
        )
        return common.reduce_loss(loss, self.reduction)
