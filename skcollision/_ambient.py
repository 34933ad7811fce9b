"""Torch as it is at the start of a program, whatever the caller has set around us."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from threading import RLock

import torch

from skcollision._threads import safe_threads

_CPU = torch.device("cpu")
_drawing = RLock()


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


@contextmanager
def own_generator(cuda_devices: Iterable[torch.device] = ()) -> Iterator[None]:
    """Have torch's global generator, which networks draw from, to ourselves; leave it as it was.

    There is one for the whole process: fits that seed it wait for each other.
    """
    with _drawing, torch.random.fork_rng(cuda_devices):
        yield


def _forget_lock() -> None:
    """Free a forked child of a lock that a thread of its parent holds."""
    global _drawing
    _drawing = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_lock)
