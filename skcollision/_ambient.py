"""Torch as it is at the start of a program, whatever the caller has set around us."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_STANDARD_DTYPE = torch.float32
_STANDARD_DEVICE = torch.device("cpu")
# Functions that make tensors of the default type, and those that do so for Python's floats.
_FLOATING = {
    torch.empty,
    torch.eye,
    torch.linspace,
    torch.logspace,
    torch.ones,
    torch.rand,
    torch.randn,
    torch.zeros,
}
_INFERRING = {torch.arange, torch.as_tensor, torch.asarray, torch.full, torch.tensor}
_CONVERTING = {Tensor.bfloat16, Tensor.double, Tensor.half, Tensor.to, Tensor.type, Tensor.view}


@contextmanager
def isolated() -> Iterator[None]:
    """Compute with gradients, in float32 and on the CPU unless told otherwise, in this thread.

    Inside, neither ``no_grad``, ``inference_mode`` and ``autocast`` of the caller count, nor a
    default device or type; all are as they were afterwards. Also a decorator: ``@isolated()``.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        # While a device or a mode is set, every call of torch goes through Python: only if needed.
        if torch.get_default_device() != _STANDARD_DEVICE:
            stack.enter_context(_STANDARD_DEVICE)
        if torch.get_default_dtype() != _STANDARD_DTYPE:
            stack.enter_context(_StandardDtype())
        yield


class _StandardDtype(TorchFunctionMode):
    """Replace the default type in this thread; `torch.set_default_dtype` sets that of them all."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = dict(kwargs or {})
        if options.get("dtype") is not None or options.get("out") is not None:
            return func(*args, **options)
        if func in _FLOATING:
            return func(*args, **options | {"dtype": _STANDARD_DTYPE})
        result = func(*args, **options)
        if not isinstance(result, Tensor) or result.dtype != torch.get_default_dtype():
            return result
        if func in _INFERRING and not hasattr(args[0], "dtype"):
            return func(*args, **options | {"dtype": _STANDARD_DTYPE})
        tensors = [each for each in (*args, *options.values()) if isinstance(each, Tensor)]
        promoted = tensors and not any(map(torch.is_floating_point, tensors))
        return result.to(_STANDARD_DTYPE) if promoted and func not in _CONVERTING else result
