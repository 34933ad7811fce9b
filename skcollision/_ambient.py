"""Torch as it is at the start of a program, whatever the caller has set around us."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from skcollision._threads import safe_threads

_CPU = torch.device("cpu")


@contextmanager
def isolated() -> Iterator[None]:
    """Compute with gradients, without autocast and on the CPU unless told otherwise."""
    # A default dtype needs no guard: tensors are made with a dtype.
    with ExitStack() as stack:
        stack.enter_context(safe_threads())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        # While a device is set, every call of torch goes through Python: only if needed.
        if torch.get_default_device() != _CPU:
            stack.enter_context(_CPU)
        yield
