"""Threads for numba kernels that release the GIL: deterministic, nestable, safe after a fork.

Not numba's ``parallel=True``: its workqueue layer aborts the process when two Python threads enter
it, its OpenMP layer does not survive a fork, and its reductions depend on the number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Lock, local

import numpy as np
from numba import config

__all__ = ["n_threads", "row_blocks", "run_shares", "run_tasks"]

# Smallest number of array elements and largest number of blocks that make threads worth waking.
_BLOCK_SIZE = 1 << 15
_MAX_BLOCKS = 32

_pool: ThreadPoolExecutor | None = None
_lock = Lock()
_worker = local()


def n_threads() -> int:
    """Return the number of threads to use: ``NUMBA_NUM_THREADS``, which joblib's workers set."""
    return int(config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]


def row_blocks(
    n_rows: int, row_size: int, max_blocks: int = _MAX_BLOCKS, block_size: int = _BLOCK_SIZE
) -> np.ndarray:
    """Return the bounds of consecutive blocks of rows, which depend on the sizes alone.

    Sums over blocks, added in order, are then the same for any number of threads.
    """
    n_blocks = max(1, min(n_rows * row_size // block_size, max_blocks, n_rows))
    return np.linspace(0, n_rows, n_blocks + 1).astype(np.int64)


def run_tasks(task: Callable[[int], None], n_tasks: int) -> None:
    """Call ``task(0), ..., task(n_tasks - 1)``, each exactly once, from several threads.

    Threads as in `run_shares`. Tasks must write to places of their own.
    """

    def share(first: int, step: int) -> None:
        for index in range(first, n_tasks, step):
            task(index)

    run_shares(share, n_tasks)


def run_shares(share: Callable[[int, int], None], n_tasks: int) -> None:
    """Call ``share(first, step)`` in each thread, for the tasks ``range(first, n_tasks, step)``.

    For kernels that loop over their tasks themselves: a call a thread, not one a task. The calling
    thread takes the first share; a single task, a single thread and a call from inside a share run
    in the calling thread alone.
    """
    step = min(n_threads(), n_tasks)
    if step <= 1 or getattr(_worker, "busy", False):
        share(0, 1)
        return

    def run(first: int) -> None:
        _worker.busy = True
        try:
            share(first, step)
        finally:
            _worker.busy = False

    pool = _get_pool()
    futures = [pool.submit(run, first) for first in range(1, step)]
    try:
        run(0)
    finally:
        # not before the others have stopped writing, even if this share has failed
        wait(futures)
    for future in futures:
        future.result()


def _get_pool() -> ThreadPoolExecutor:
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(n_threads(), thread_name_prefix="skcollision")
        return _pool


def _forget_pool() -> None:
    """Drop the parent's pool in a forked child, where its threads do not exist."""
    global _pool, _lock
    _pool = None
    _lock = Lock()
    _worker.busy = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
