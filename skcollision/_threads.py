"""How many threads torch may use, set for the calling thread alone."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from threading import RLock

import torch
from threadpoolctl import ThreadpoolController

# Multiplications in a step's product from which a second thread pays. Below it, torch's threads
# spend their time waiting for each other, which costs dearly where the cores are busy.
THREADING_PAYS = 2**25

_is_forked = False
_limiting = RLock()


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep OpenMP, and torch's MKL, to the calling thread.

    Both have a limit for each calling thread: other threads of the process, and fits in them, keep
    theirs. With one thread no sum depends on how many there are.
    """
    set_mkl = _mkl_setter()
    with _openmp().limit(limits=1):
        before = set_mkl(1)
        try:
            yield
        finally:
            set_mkl(before)


def threads_worth(multiplications: int) -> AbstractContextManager[None]:
    """Keep torch to one thread while the products of a step are too small to share."""
    return nullcontext() if multiplications >= THREADING_PAYS else one_thread()


def safe_threads() -> AbstractContextManager[None]:
    """Keep a forked child to one thread: OpenMP waits for ever for threads of its parent."""
    return one_thread() if _is_forked else nullcontext()


@contextmanager
def limiting_blas() -> Iterator[None]:
    """Call alone what limits BLAS's threads, which are the process's, and restores them.

    Of two that overlap, the last would restore the limit of the other.
    """
    with _limiting:
        yield


@cache
def _openmp() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="openmp")


@cache
def _mkl_setter() -> Callable[[int], int]:
    library = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    try:
        return ctypes.CDLL(str(library)).MKL_Set_Num_Threads_Local
    except (OSError, AttributeError):  # another system, or a torch with another BLAS
        return lambda limit: limit


def _note_fork() -> None:
    global _is_forked, _limiting
    _is_forked, _limiting = True, RLock()  # a thread of the parent may hold the old lock


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
