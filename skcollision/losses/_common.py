"""What the losses share: softmax, means over points, reduction, and checks."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal, NoReturn, TypeAlias, get_args

import torch
from torch import Tensor

from skcollision._errors import wrong

Reduction: TypeAlias = Literal["none", "mean", "sum"]
# For fewer classes than this torch's softmax on a CPU uses no vector instructions: composed of
# other functions it takes a fifth of the time for 10 classes, and its derivative half.
VECTOR_WIDTH = 16


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
    # A class of logit -inf must give 0 * ln 0 = 0, not NaN. A quarter leaves room to double.
    return log_p.clamp_min(torch.finfo(log_p.dtype).min / 4)


def _is_narrow(logits: Tensor) -> bool:
    return logits.shape[-1] < VECTOR_WIDTH and logits.device.type == "cpu"


def safe_log(probs: Tensor) -> Tensor:
    """Logarithm of probabilities that may have underflowed to exact zeros."""
    return probs.clamp_min(torch.finfo(probs.dtype).tiny).log()


def entropy(probs: Tensor, log_p: Tensor) -> Tensor:
    """Shannon entropy over the last dimension, from probabilities and their logarithms."""
    return -(probs * log_p).sum(-1)


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """KL(p‖q) over the last dimension, of probabilities that may be exact zeros."""
    tiny = torch.finfo(p.dtype).tiny
    return (p * (p.clamp_min(tiny) / q.clamp_min(tiny)).log()).sum(-1)


def proportions(prior: Any, mean: Tensor) -> Tensor:
    """Target proportions for a mean prediction: `prior`, an array or tensor, or uniform ones."""
    if prior is None:
        return torch.full_like(mean, 1 / mean.shape[-1])
    return torch.as_tensor(prior, dtype=mean.dtype, device=mean.device)


def mean_probs(probs: Tensor, sample_weight: Tensor | None) -> Tensor:
    """(Weighted) mean over the points, (..., N, K) to (..., K); uniform if weights sum to zero."""
    if sample_weight is None:
        return probs.sum(-2) / probs.shape[-2]
    share = point_shares(sample_weight, probs)
    mean = (share.unsqueeze(-2) @ probs).squeeze(-2)
    return mean.masked_fill(_no_points(share), 1 / probs.shape[-1])


def log_mean_probs(log_p: Tensor, sample_weight: Tensor | None) -> Tensor:
    """Return the logarithm of `mean_probs`, finite for a cluster that no point predicts too."""
    # Through logsumexp, whose gradient says which point is nearest to such a cluster.
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


def _no_points(share: Tensor) -> Tensor:
    return (share == 0).all(-1, keepdim=True)


def _one_if_zero(total: Tensor) -> Tensor:
    return total.masked_fill(total == 0, 1.0)


def reduce_loss(loss: Tensor, reduction: Reduction, sample_weight: Tensor | None = None) -> Tensor:
    """Reduce the losses of all points; "mean" divides by the total weight, like torch's losses."""
    count: Tensor | int = loss.numel()
    if sample_weight is not None:
        weight = sample_weight.to(loss.dtype).expand(loss.shape)
        # A point of zero weight is absent, whatever its loss: 0 x inf = 0. Finite values are not
        # masked, so the derivative with respect to a zero weight stays right.
        loss = loss.masked_fill((weight == 0) & loss.isinf(), 0.0) * weight
        count = _one_if_zero(weight.sum())  # without weight: mean and gradient are 0
    if reduction == "none":
        return loss
    return loss.sum() if reduction == "sum" else loss.sum() / count


# Checks look at metadata only, so that they never wait for a device.
def check_labelled(
    logits: Tensor, target: Tensor, sample_weight: Tensor | None, reduction: str, caller: str
) -> None:
    """Check the arguments of a loss of soft labels."""
    check_floating_logits(logits, caller)
    one_hot = "such as torch.nn.functional.one_hot(labels, K).to(logits.dtype)"
    _floating(target, "target", caller, f" of class probabilities, {one_hot}")
    _shape(target, logits.shape, "target", caller)
    check_weights(sample_weight, logits, caller)
    check_option(reduction, get_args(Reduction), "reduction", caller)


def check_averaged(logits: Tensor, sample_weight: Tensor | None, caller: str) -> None:
    """Check the arguments of a loss that averages over points."""
    check_floating_logits(logits, caller, min_ndim=2)
    check_weights(sample_weight, logits, caller)


def check_floating_logits(logits: Tensor, caller: str, *, min_ndim: int = 1) -> None:
    """Raise unless `logits` is a non-empty floating tensor of at least `min_ndim` dimensions."""
    _floating(logits, "logits", caller)
    if logits.ndim < min_ndim or 0 in logits.shape:
        wanted = "(..., K)" if min_ndim == 1 else "(..., N, K)"
        must = f"be a non-empty tensor of shape {wanted}"
        _fail(ValueError, "logits", caller, must, f"shape {tuple(logits.shape)}")


def check_prior(proportions: Tensor | None, logits: Tensor, caller: str) -> None:
    """Raise unless `proportions` is None or one probability a class, for all or each of a stack."""
    if proportions is not None:
        _floating(proportions, "prior", caller)
        _shape(proportions, (*logits.shape[:-2], logits.shape[-1]), "prior", caller)


def check_weights(sample_weight: Tensor | None, logits: Tensor, caller: str) -> None:
    """Raise unless `sample_weight` is None or one real weight a point of `logits`."""
    if sample_weight is None:
        return
    if not isinstance(sample_weight, Tensor) or sample_weight.is_complex():
        must = "be None or a real torch.Tensor"
        _fail(TypeError, "sample_weight", caller, must, _describe(sample_weight))
    _shape(sample_weight, logits.shape[:-1], "sample_weight", caller, min_ndim=0)


def check_option(value: str, allowed: Sequence[str], name: str, caller: str) -> None:
    """Raise unless `value` is one of the strings in `allowed`."""
    if value not in allowed:
        _fail(ValueError, name, caller, f"be one of {', '.join(map(repr, allowed))}", repr(value))


def check_finite_number(value: float, name: str, caller: str) -> None:
    """Raise unless `value` is a finite real number (a tensor is none: it might wait for a GPU)."""
    if not isinstance(value, Real):
        _fail(TypeError, name, caller, "be a real number", _describe(value))
    if not math.isfinite(value):
        _fail(ValueError, name, caller, "be finite", repr(value))


def _floating(tensor: Tensor, name: str, caller: str, of: str = "") -> None:
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        _fail(TypeError, name, caller, f"be a floating torch.Tensor{of}", _describe(tensor))


def _shape(
    tensor: Tensor, shape: Sequence[int], name: str, caller: str, *, min_ndim: int = 1
) -> None:
    # Stricter than broadcasting, which would make N x N pairs of (N, 1, K) and (N, K).
    suffix = tuple(shape[max(len(shape) - tensor.ndim, 0) :])
    if tensor.ndim < min_ndim or tensor.shape != suffix:
        must = f"have shape {tuple(shape)}, or that shape without leading dimensions"
        _fail(ValueError, name, caller, must, f"shape {tuple(tensor.shape)}")


def _describe(value: object) -> str:
    if isinstance(value, Tensor):
        return f"dtype {value.dtype}"
    return f"an object of type {type(value).__name__}"


def _fail(error: type[Exception], name: str, caller: str, must: str, got: str) -> NoReturn:
    raise wrong(name, caller, must, got, error)
