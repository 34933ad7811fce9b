"""Shannon's cross-entropy of soft labels."""

from torch import Tensor

from skcollision.losses import _checks as check
from skcollision.losses._checks import Reduction
from skcollision.losses._common import LabelledLoss, log_softmax, reduce_loss


def soft_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    reduction: Reduction = "mean",
    sample_weight: Tensor | None = None,
) -> Tensor:
    r"""Cross-entropy of soft labels (Shannon's), in nats.

    .. math:: H(y, \sigma) = -\sum_k y_k \ln \sigma_k, \qquad \sigma = \mathrm{softmax}(z)

    :func:`torch.nn.functional.cross_entropy` with class probabilities, but with the classes in the
    last dimension and any number of dimensions before it. Arguments and errors are those of
    :func:`collision_cross_entropy`.

    Parameters
    ----------
    logits, target : Tensor of shape (..., K)
        Logits z and soft labels y; a row of zeros has loss 0.
    reduction : {"none", "mean", "sum"}, default="mean"
        Whether to return a loss for each point, their (weighted) mean or sum.
    sample_weight : Tensor of shape (...,), optional
        Non-negative weights of the points.

    Returns
    -------
    Tensor
        Shape ``logits.shape[:-1]`` for "none", else a scalar; dtype of `logits`, float32 for
        half-precision ones.

    See Also
    --------
    collision_cross_entropy : Does not push predictions towards the uncertainty of the labels.

    References
    ----------
    Zhang & Boykov, arXiv:2303.07321, eq. (8).

    Examples
    --------
    >>> import torch
    >>> from skcollision.losses import soft_cross_entropy
    >>> soft_cross_entropy(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.5, 0.5]]))
    tensor(1.1269)
    """
    check.labelled(logits, target, sample_weight, reduction, "soft_cross_entropy")
    log_p = log_softmax(logits)
    loss = -(target.to(log_p.dtype) * log_p).sum(-1)
    return reduce_loss(loss, reduction, sample_weight)


class SoftCrossEntropyLoss(LabelledLoss):
    """Module form of :func:`soft_cross_entropy`.

    Parameters
    ----------
    reduction : {"none", "mean", "sum"}, default="mean"
        As in :func:`soft_cross_entropy`.

    Examples
    --------
    >>> import torch
    >>> from skcollision.losses import SoftCrossEntropyLoss
    >>> SoftCrossEntropyLoss()(torch.zeros(3, 2), torch.full((3, 2), 0.5))
    tensor(0.6931)
    """

    function = staticmethod(soft_cross_entropy)
