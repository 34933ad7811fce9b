"""Checks of the losses' arguments: metadata only, so they never wait for a device."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Literal, NoReturn, TypeAlias, get_args

from torch import Tensor

Reduction: TypeAlias = Literal["none", "mean", "sum"]


def labelled(
    logits: Tensor, target: Tensor, sample_weight: Tensor | None, reduction: str, caller: str
) -> None:
    """Check the arguments of a loss of soft labels."""
    floating_logits(logits, caller)
    one_hot = "such as torch.nn.functional.one_hot(labels, K).to(logits.dtype)"
    _floating(target, "target", caller, f" of class probabilities, {one_hot}")
    _shape(target, logits.shape, "target", caller)
    weights(sample_weight, logits, caller)
    option(reduction, get_args(Reduction), "reduction", caller)


def averaged(logits: Tensor, sample_weight: Tensor | None, caller: str) -> None:
    """Check the arguments of a loss that averages over points."""
    floating_logits(logits, caller, min_ndim=2)
    weights(sample_weight, logits, caller)


def floating_logits(logits: Tensor, caller: str, *, min_ndim: int = 1) -> None:
    """Raise unless `logits` is a non-empty floating tensor of at least `min_ndim` dimensions."""
    _floating(logits, "logits", caller)
    if logits.ndim < min_ndim or 0 in logits.shape:
        wanted = "(..., K)" if min_ndim == 1 else "(..., N, K)"
        must = f"be a non-empty tensor of shape {wanted}"
        _fail(ValueError, "logits", caller, must, f"shape {tuple(logits.shape)}")


def prior(proportions: Tensor | None, logits: Tensor, caller: str) -> None:
    """Raise unless `proportions` is None or one probability a class, for all or each of a stack."""
    if proportions is not None:
        _floating(proportions, "prior", caller)
        _shape(proportions, (*logits.shape[:-2], logits.shape[-1]), "prior", caller)


def weights(sample_weight: Tensor | None, logits: Tensor, caller: str) -> None:
    """Raise unless `sample_weight` is None or one real weight a point of `logits`."""
    if sample_weight is None:
        return
    if not isinstance(sample_weight, Tensor) or sample_weight.is_complex():
        must = "be None or a real torch.Tensor"
        _fail(TypeError, "sample_weight", caller, must, _describe(sample_weight))
    _shape(sample_weight, logits.shape[:-1], "sample_weight", caller, min_ndim=0)


def option(value: str, allowed: Sequence[str], name: str, caller: str) -> None:
    """Raise unless `value` is one of the strings in `allowed`."""
    if value not in allowed:
        _fail(ValueError, name, caller, f"be one of {', '.join(map(repr, allowed))}", repr(value))


def finite_number(value: float, name: str, caller: str) -> None:
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
    raise error(f"The {name!r} parameter of {caller} must {must}. Got {got} instead.")
