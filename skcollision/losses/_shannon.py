"""Shannon's cross-entropy of soft labels."""

from __future__ import annotations

from torch import Tensor

from skcollision.losses._reduction import ReducedLoss, Reduction, check_reduction, reduce_loss
from skcollision.losses._simplex import log_probs
from skcollision.losses._validation import check_logits, check_sample_weight, check_target


def soft_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    reduction: Reduction = "mean",
    sample_weight: Tensor | None = None,
) -> Tensor:
    r"""Shannon's cross-entropy of soft labels, in nats.

    .. math:: H(y, \sigma) = -\sum_k y_k \ln \sigma_k, \qquad \sigma = \mathrm{softmax}(z)

    Parameters
    ----------
    logits : Tensor of shape (..., K)
        Finite floating logits z; -inf masks a class out. bfloat16 and float16 are computed in
        float32.
    target : Tensor of shape (..., K)
        Floating soft labels y, each row on the simplex. Either the shape of `logits`, or that shape
        without leading dimensions, shared by the whole stack. Values are not checked; a row of
        zeros has loss 0.
    reduction : {"none", "mean", "sum"}, default="mean"
        "none" returns a loss for each point (times its weight), "sum" their sum, "mean" that sum
        divided by the number of points or by their total weight, over all dimensions.
    sample_weight : Tensor of shape (...,), optional
        Non-negative weights of the points, of shape ``logits.shape[:-1]`` or that shape without
        leading dimensions. A point of weight 0 counts as absent; without any other the mean is 0.

    Returns
    -------
    Tensor
        Shape ``logits.shape[:-1]`` for "none", else a scalar; dtype of `logits`, float32 for
        half-precision ones.

    Raises
    ------
    TypeError
        If an argument is no tensor or of the wrong dtype (class indices, for instance).
    ValueError
        If shapes do not fit together, a tensor is empty or `reduction` is unknown.

    See Also
    --------
    collision_cross_entropy : Does not push predictions towards the uncertainty of the labels.

    Notes
    -----
    The same as :func:`torch.nn.functional.cross_entropy` with class probabilities, but with the
    classes in the last dimension and any number of dimensions before it.

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
    caller = "soft_cross_entropy"
    check_logits(logits, caller)
    check_target(target, logits, caller)
    check_sample_weight(sample_weight, logits, caller)
    check_reduction(reduction, caller)
    log_p = log_probs(logits)
    loss = -(target.to(log_p.dtype) * log_p).sum(-1)
    return reduce_loss(loss, reduction, sample_weight)


class SoftCrossEntropyLoss(ReducedLoss):
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

    def forward(
        self, logits: Tensor, target: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """Return the loss; see :func:`soft_cross_entropy`."""
        return soft_cross_entropy(
            logits, target, reduction=self.reduction, sample_weight=sample_weight
        )
