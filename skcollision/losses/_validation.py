"""Shape and dtype checks of the losses: metadata only, so they never wait for a device."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real

import torch
from torch import Tensor


def check_logits(logits: Tensor, caller: str, *, min_ndim: int = 1) -> None:
    """Raise unless `logits` is a non-empty floating tensor of at least `min_ndim` dimensions."""
    _check_floating(logits, "logits", caller)
    if logits.ndim < min_ndim or 0 in logits.shape:
        wanted = "(..., K)" if min_ndim == 1 else "(..., N, K)"
        raise ValueError(
            f"The 'logits' parameter of {caller} must be a non-empty tensor of shape {wanted}. "
            f"Got shape {tuple(logits.shape)} instead."
        )


def check_target(target: Tensor, logits: Tensor, caller: str) -> None:
    """Raise unless `target` holds soft labels for `logits`, own or shared by the whole stack."""
    if isinstance(target, Tensor) and not target.is_floating_point():
        raise TypeError(
            f"The 'target' parameter of {caller} must be a floating tensor of class probabilities. "
            f"Got dtype {target.dtype} instead; turn class indices into soft labels with "
            "torch.nn.functional.one_hot(labels, K).to(logits.dtype)."
        )
    _check_floating(target, "target", caller)
    if target.ndim == 0 or not _is_suffix(target.shape, logits.shape):
        raise ValueError(
            f"The 'target' parameter of {caller} must have the shape of logits, "
            f"{tuple(logits.shape)}, or that shape without leading dimensions. "
            f"Got shape {tuple(target.shape)} instead."
        )


def check_sample_weight(sample_weight: Tensor | None, logits: Tensor, caller: str) -> None:
    """Raise unless `sample_weight` is None or one real weight a point of `logits`."""
    if sample_weight is None:
        return
    if not isinstance(sample_weight, Tensor) or sample_weight.is_complex():
        raise TypeError(
            f"The 'sample_weight' parameter of {caller} must be None or a real torch.Tensor. "
            f"Got {_describe(sample_weight)} instead."
        )
    if not _is_suffix(sample_weight.shape, logits.shape[:-1]):
        raise ValueError(
            f"The 'sample_weight' parameter of {caller} must have the shape of the points, "
            f"{tuple(logits.shape[:-1])}, or that shape without leading dimensions. "
            f"Got shape {tuple(sample_weight.shape)} instead."
        )


def check_prior(prior: Tensor | None, logits: Tensor, caller: str) -> None:
    """Raise unless `prior` is None or one probability a class, shared or own to each stack entry.

    `logits` is the tensor of shape (..., N, K) that the prior is meant for.
    """
    if prior is None:
        return
    _check_floating(prior, "prior", caller)
    wanted = (*logits.shape[:-2], logits.shape[-1])
    if prior.ndim == 0 or not _is_suffix(prior.shape, wanted):
        raise ValueError(
            f"The 'prior' parameter of {caller} must have shape {tuple(wanted)}, or that shape "
            f"without leading dimensions. Got shape {tuple(prior.shape)} instead."
        )


def check_option(value: str, allowed: Sequence[str], name: str, caller: str) -> None:
    """Raise unless `value` is one of the strings in `allowed`."""
    if value not in allowed:
        options = ", ".join(repr(option) for option in allowed)
        raise ValueError(
            f"The {name!r} parameter of {caller} must be one of {options}. Got {value!r} instead."
        )


def check_finite_number(value: float, name: str, caller: str) -> None:
    """Raise unless `value` is a finite real number (a tensor is none: it might wait for a GPU)."""
    if not isinstance(value, Real):
        raise TypeError(
            f"The {name!r} parameter of {caller} must be a real number. "
            f"Got {_describe(value)} instead."
        )
    if not math.isfinite(value):
        raise ValueError(
            f"The {name!r} parameter of {caller} must be finite. Got {value!r} instead."
        )


def _check_floating(tensor: Tensor, name: str, caller: str) -> None:
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        raise TypeError(
            f"The {name!r} parameter of {caller} must be a floating torch.Tensor. "
            f"Got {_describe(tensor)} instead."
        )


def _describe(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of dtype {value.dtype}"
    return f"an object of type {type(value).__name__}"


def _is_suffix(shape: torch.Size, whole: Sequence[int]) -> bool:
    # Stricter than broadcasting on purpose: (N, 1, K) against (N, K) would broadcast to N x N
    # pairs, the classic silent error of element-wise losses.
    return tuple(shape) == tuple(whole[max(len(whole) - len(shape), 0) :])
