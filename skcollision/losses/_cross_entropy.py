"""Cross-entropies between soft labels and predictions: the collision one and Shannon's."""

import math
from typing import Any

import torch
from torch import Tensor

from skcollision.losses import _common as common
from skcollision.losses._common import Reduction, log_softmax, reduce_loss

# Sums of labels times predictions above this lose nothing that matters to underflow.
SAFE_SUM = 1e-30


def collision_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    reduction: Reduction = "mean",
    sample_weight: Tensor | None = None,
) -> Tensor:
    r"""Collision cross-entropy of soft labels, in nats.

    .. math:: H_2(y, \sigma) = -\ln \sum_k y_k \sigma_k, \qquad \sigma = \mathrm{softmax}(z)

    is minus the log-probability that a class drawn from the label y and a class drawn from the
    prediction :math:`\sigma` coincide. It is symmetric in the two, equals Shannon's cross-entropy
    for one-hot labels, and is the constant ln K with zero gradient for uniform ones: an uncertain
    label does not teach uncertainty. The gradient is

    .. math:: \frac{\partial H_2}{\partial z} = \sigma - q, \qquad q_k \propto y_k \sigma_k .

    Parameters
    ----------
    logits : Tensor of shape (..., K)
        Finite floating logits z; -inf masks a class out.
    target : Tensor of shape (..., K)
        Floating soft labels y, each row on the simplex. Either the shape of `logits`, or that shape
        without leading dimensions, shared by the whole stack. Values are not checked.
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

    Notes
    -----
    The loss and its gradient stay finite when every class with label mass has a probability that
    underflows. It can be differentiated (in reverse mode) any number of times, in `target` too.

    A row of `target` that is all zeros is no label: its loss is +inf. A label whose only classes
    are masked out has a huge finite loss. Both have zero gradient with respect to the logits.

    References
    ----------
    Zhang & Boykov, "Collision Cross-entropy for Soft Class Labels and Deep Clustering",
    arXiv:2303.07321, eq. (9).

    Examples
    --------
    >>> import torch
    >>> from skcollision.losses import collision_cross_entropy
    >>> logits = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
    >>> target = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    >>> collision_cross_entropy(logits, target, reduction="none")
    tensor([0.1269, 0.6931])
    """
    common.check_labelled(logits, target, sample_weight, reduction, "collision_cross_entropy")
    scores = common.at_least_float32(logits)
    largest_slope = torch.finfo(target.dtype).max / 4
    labels = target.to(scores.dtype).expand(scores.shape)
    loss, _ = _CollisionCrossEntropy.apply(scores, labels, largest_slope)
    return reduce_loss(loss, reduction, sample_weight)


class _CollisionCrossEntropy(torch.autograd.Function):
    """Losses (...,) and their gradient with respect to the logits (..., K), in one go."""

    # Composed of torch's own functions, both take 1.4 (K = 10) to 1.7 times (K = 77) as long.
    @staticmethod
    def forward(logits: Tensor, target: Tensor, largest_slope: float) -> tuple[Tensor, Tensor]:
        """Compute ln sum_k exp(z_k) - ln sum_k exp(z_k) y_k and its gradient sigma - q."""
        z = logits - logits.amax(-1, keepdim=True)
        largest = target.amax(-1, keepdim=True)
        if logits.device.type == "cpu":  # a GPU would have to wait for the answer
            sigma = z.exp()
            # Relative to the row's largest label, uniform labels are exact ones: both sums are
            # bitwise the same then and the gradient is exactly 0.
            q = target / largest * sigma
            if q.sum(-1).min() > SAFE_SUM:
                return _CollisionCrossEntropy._outputs(sigma, q, -largest.log())
        log_y = target.log()
        log_y.sub_(largest.log())
        # ln 0 becomes finite, so that a class masked out by a logit of -inf cannot make t all -inf.
        # A row of zeros is NaN here and gets 0, while `largest` = 0 makes its loss +inf.
        log_y.nan_to_num_(nan=0.0, neginf=torch.finfo(z.dtype).min / 4)
        t = z + log_y
        top = t.amax(-1, keepdim=True)
        return _CollisionCrossEntropy._outputs(z.exp_(), t.sub_(top).exp_(), -top - largest.log())

    @staticmethod
    def _outputs(sigma: Tensor, q: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
        """Normalise both; return the difference of the logarithms of their sums, and theirs."""
        sigma_sum, q_sum = sigma.sum(-1, keepdim=True), q.sum(-1, keepdim=True)
        loss = sigma_sum.log() - q_sum.log() + rest
        for total in (sigma_sum, q_sum):
            total.masked_fill_(_is_constant(loss), math.inf)
        return loss.squeeze(-1), sigma.div_(sigma_sum).sub_(q.div_(q_sum))

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[Any, ...], logits: Tensor, target: Tensor, largest_slope: float
    ) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
        """Put the mapped dimension before the others, which are a stack already."""
        stacks = [
            each.expand(info.batch_size, *each.shape) if dim is None else each.movedim(dim, 0)
            for each, dim in zip((logits, target), in_dims, strict=False)
        ]
        return _CollisionCrossEntropy.apply(*stacks, largest_slope), (0, 0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        """Keep what backward needs."""
        logits, target, ctx.largest_slope = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(logits, target, *output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: None) -> tuple[Tensor, Tensor | None, None]:
        """Return the gradients; differentiable themselves if the caller asks for it."""
        logits, target, loss, slope = ctx.saved_tensors
        grad = grad.unsqueeze(-1)
        differentiable = torch.is_grad_enabled()
        if not differentiable and not ctx.needs_input_grad[1]:
            return grad * slope, None, None
        # Saved as an output, the loss is part of the graph: what follows is differentiable.
        loss = loss.unsqueeze(-1)
        # sigma_k / sum_j y_j sigma_j, minus the slope in y_k, where it does not overflow; exactly 0
        # for sigma_k = 0, even where the loss is inf.
        log_ratio = logits.log_softmax(-1) + loss.clamp_max(torch.finfo(loss.dtype).max)
        ratio = log_ratio.clamp_max(math.log(ctx.largest_slope)).exp()
        if differentiable:
            slope = logits.softmax(-1) - target * ratio
            slope = slope.masked_fill(_is_constant(loss), 0.0)
        return grad * slope, -grad * ratio, None


def _is_constant(loss: Tensor) -> Tensor:
    """Tell where no class has both a label and a prediction, so that no logit changes the loss."""
    return loss > torch.finfo(loss.dtype).max / 8


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
    last dimension and any number of dimensions before it.

    Parameters
    ----------
    logits, target : Tensor of shape (..., K)
        Logits z and soft labels y; a row of zeros has loss 0.
    reduction : {"none", "mean", "sum"}, default="mean"
        As in :func:`collision_cross_entropy`, as are errors.
    sample_weight : Tensor of shape (...,), optional
        Non-negative weights of the points.

    Returns
    -------
    Tensor of shape (...,) or scalar
        Loss of each point, or their sum or mean.

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
    common.check_labelled(logits, target, sample_weight, reduction, "soft_cross_entropy")
    log_p = log_softmax(logits)
    loss = -(target.to(log_p.dtype) * log_p).sum(-1)
    return reduce_loss(loss, reduction, sample_weight)
