"""What the losses share: checks, softmax, means over points and the `reduction` argument."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import ClassVar, Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

Reduction: TypeAlias = Literal["none", "mean", "sum"]

# torch's softmax on a CPU uses no vector instructions for fewer classes than this: composed of
# other functions, it and its derivative take a third of the time for 10 classes.
VECTOR_WIDTH = 16


# Checks read metadata only, so they never wait for a device.


def check_logits(logits: Tensor, caller: str, *, min_ndim: int = 1) -> None:
    """Raise unless `logits` is a non-empty floating tensor of at least `min_ndim` dimensions."""
    _check_floating(logits, "logits", caller)
    if logits.ndim < min_ndim or 0 in logits.shape:
        wanted = "(..., K)" if min_ndim == 1 else "(..., N, K)"
        raise ValueError(
            f"The 'logits' parameter of {caller} must be a non-empty tensor of shape {wanted}. "
            f"Got shape {tuple(logits.shape)} instead."
        )


def check_labelled(
    logits: Tensor, target: Tensor, sample_weight: Tensor | None, reduction: str, caller: str
) -> None:
    """Check the arguments of a loss of soft labels."""
    check_logits(logits, caller)
    if isinstance(target, Tensor) and not target.is_floating_point():
        raise TypeError(
            f"The 'target' parameter of {caller} must be a floating tensor of class probabilities. "
            f"Got dtype {target.dtype} instead; turn class indices into soft labels with "
            "torch.nn.functional.one_hot(labels, K).to(logits.dtype)."
        )
    check_probs(target, logits.shape, "target", caller)
    check_sample_weight(sample_weight, logits, caller)
    check_option(reduction, get_args(Reduction), "reduction", caller)


def check_probs(probs: Tensor, shape: Sequence[int], name: str, caller: str) -> None:
    """Raise unless `probs` is floating, of `shape` or that without leading dimensions."""
    _check_floating(probs, name, caller)
    _check_shape(probs, shape, name, caller, min_ndim=1)


def check_sample_weight(sample_weight: Tensor | None, logits: Tensor, caller: str) -> None:
    """Raise unless `sample_weight` is None or one real weight a point of `logits`."""
    if sample_weight is None:
        return
    if not isinstance(sample_weight, Tensor) or sample_weight.is_complex():
        raise TypeError(
            f"The 'sample_weight' parameter of {caller} must be None or a real torch.Tensor. "
            f"Got {_describe(sample_weight)} instead."
        )
    _check_shape(sample_weight, logits.shape[:-1], "sample_weight", caller, min_ndim=0)


def check_option(value: str, allowed: Sequence[str], name: str, caller: str) -> None:
    """Raise unless `value` is one of the strings in `allowed`."""
    if value not in allowed:
        options = ", ".join(repr(option) for option in allowed)
        raise ValueError(
            f"The {name!r} parameter of {caller} must be one of {options}. Got {value!r} instead."
        )


def check_finite_number(value: float, name: str, caller: str) -> None:
    """Raise unless `value` is a finite real number (a tensor is none: it might wait for a GPU)."""
    where = f"The {name!r} parameter of {caller}"
    if not isinstance(value, Real):
        raise TypeError(f"{where} must be a real number. Got {_describe(value)} instead.")
    if not math.isfinite(value):
        raise ValueError(f"{where} must be finite. Got {value!r} instead.")


def _check_floating(tensor: Tensor, name: str, caller: str) -> None:
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        raise TypeError(
            f"The {name!r} parameter of {caller} must be a floating torch.Tensor. "
            f"Got {_describe(tensor)} instead."
        )


def _check_shape(
    tensor: Tensor, shape: Sequence[int], name: str, caller: str, min_ndim: int
) -> None:
    # Stricter than broadcasting on purpose: (N, 1, K) against (N, K) would broadcast to N x N
    # pairs, the classic silent error of element-wise losses.
    suffix = tuple(shape[max(len(shape) - tensor.ndim, 0) :])
    if tensor.ndim < min_ndim or tensor.shape != suffix:
        raise ValueError(
            f"The {name!r} parameter of {caller} must have shape {tuple(shape)}, or that shape "
            f"without leading dimensions. Got shape {tuple(tensor.shape)} instead."
        )


def _describe(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of dtype {value.dtype}"
    return f"an object of type {type(value).__name__}"


def at_least_float32(logits: Tensor) -> Tensor:
    """Convert half precision to float32 and leave the rest alone."""
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()


def softmax(logits: Tensor) -> Tensor:
    """Softmax over classes, in float32 at least."""
    logits = at_least_float32(logits)
    if not _is_narrow(logits):
        return logits.softmax(-1)
    scores = (logits - logits.amax(-1, keepdim=True).detach()).exp()
    return scores * scores.sum(-1, keepdim=True).reciprocal()


def log_softmax(logits: Tensor) -> Tensor:
    """Log-softmax over classes: finite, and in float32 at least."""
    logits = at_least_float32(logits)
    if _is_narrow(logits):
        shifted = logits - logits.amax(-1, keepdim=True).detach()
        log_p = shifted - shifted.exp().sum(-1, keepdim=True).log()
    else:
        log_p = logits.log_softmax(-1)
    # A class masked out by a logit of -inf must give 0 * ln 0 = 0 downstream, not NaN. A quarter of
    # the range leaves room to double.
    return log_p.clamp_min(torch.finfo(log_p.dtype).min / 4)


def _is_narrow(logits: Tensor) -> bool:
    return logits.shape[-1] < VECTOR_WIDTH and logits.device.type == "cpu"


def entropy(probs: Tensor, log_p: Tensor) -> Tensor:
    """Shannon entropy over the last dimension, from probabilities and their logarithms."""
    return -(probs * log_p).sum(-1)


def safe_log(probs: Tensor) -> Tensor:
    """Logarithm of probabilities that may have underflowed to exact zeros."""
    return probs.clamp_min(torch.finfo(probs.dtype).tiny).log()


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """KL(p‖q) over the last dimension, of probabilities that may be exact zeros."""
    tiny = torch.finfo(p.dtype).tiny
    return (p * (p.clamp_min(tiny) / q.clamp_min(tiny)).log()).sum(-1)


def mean_probs(probs: Tensor, sample_weight: Tensor | None) -> Tensor:
    """(Weighted) mean over the points, (..., N, K) to (..., K); uniform if weights sum to zero."""
    if sample_weight is None:
        return probs.sum(-2) / probs.shape[-2]
    share = point_shares(sample_weight, probs)
    mean = (probs * share.unsqueeze(-1)).sum(-2)
    return mean.masked_fill(_no_points(share), 1 / probs.shape[-1])


def log_mean_probs(log_p: Tensor, sample_weight: Tensor | None) -> Tensor:
    """Logarithm of the mean prediction that `mean_probs` returns.

    The mean is a ``logsumexp``, so a cluster that no point predicts any more still has a finite
    logarithm, and a gradient that says which point is nearest to it.
    """
    if sample_weight is None:
        return log_p.logsumexp(-2) - math.log(log_p.shape[-2])
    share = point_shares(sample_weight, log_p)
    empty = _no_points(share)
    # The first fill only keeps the branch that is not taken free of NaN.
    log_share = share.log().masked_fill(empty, 0.0)
    log_mean = (log_p + log_share.unsqueeze(-1)).logsumexp(-2)
    return log_mean.masked_fill(empty, -math.log(log_p.shape[-1]))


def point_shares(sample_weight: Tensor, like: Tensor) -> Tensor:
    """Scale weights to sum to 1 over the points of `like` (..., N, K); all zero stays all zero."""
    weight = sample_weight.to(like.dtype).expand(like.shape[:-1])
    return weight / _one_if_zero(weight.sum(-1, keepdim=True))


def weighted(values: Tensor, weight: Tensor) -> Tensor:
    """Multiply, with 0 x inf = 0: a point of zero weight is absent, whatever its loss."""
    # Only infinite values are masked, so the derivative with respect to a zero weight stays right.
    return values.masked_fill((weight == 0) & values.isinf(), 0.0) * weight


def reduce_loss(loss: Tensor, reduction: Reduction, sample_weight: Tensor | None = None) -> Tensor:
    """Reduce the losses of all points; "mean" divides by the total weight, like torch's losses.

    Weights that sum to zero give a mean of 0 with zero gradient: there is no point to learn from.
    """
    count: Tensor | int = loss.numel()
    if sample_weight is not None:
        weight = sample_weight.to(loss.dtype).expand(loss.shape)
        loss, count = weighted(loss, weight), _one_if_zero(weight.sum())
    if reduction == "none":
        return loss
    return loss.sum() if reduction == "sum" else loss.sum() / count


def _no_points(share: Tensor) -> Tensor:
    return (share == 0).all(-1, keepdim=True)


def _one_if_zero(total: Tensor) -> Tensor:
    return total.masked_fill(total == 0, 1.0)


class ReducedLoss(nn.Module):
    """Base of the loss modules: keeps and checks `reduction`."""

    settings: ClassVar[tuple[str, ...]] = ("reduction",)

    def __init__(self, reduction: Reduction = "mean") -> None:
        super().__init__()
        check_option(reduction, get_args(Reduction), "reduction", type(self).__name__)
        self.reduction: Reduction = reduction

    def extra_repr(self) -> str:
        """Show the settings in the module's repr."""
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self.settings)


class LabelledLoss(ReducedLoss):
    """Module form of a loss of soft labels."""

    function: ClassVar[Callable[..., Tensor]]

    def forward(
        self, logits: Tensor, target: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """Return the loss of `logits` towards `target`; the arguments are those of the function."""
        return type(self).function(
            logits, target, reduction=self.reduction, sample_weight=sample_weight
        )
