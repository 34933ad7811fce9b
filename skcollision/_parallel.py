"""Threads for numba kernels that release the GIL: deterministic, nestable, safe after a fork.

Not numba's ``parallel=True``: its workqueue layer aborts the process when two Python threads enter
it, its OpenMP layer does not survive a fork, and its reductions depend on the number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from numba import config

__all__ = ["n_threads", "run_tasks"]

_pool: ThreadPoolExecutor | None = None
_lock = Lock()


def n_threads() -> int:
    """Return the number of threads to use: ``NUMBA_NUM_THREADS``, which joblib's workers set."""
    return int(config.NUMBA_NUM_THREADS)


def run_tasks(task: Callable[[int], None], n_tasks: int) -> None:
    """Call ``task(0), ..., task(n_tasks - 1)``, each exactly once, from several threads.

    The calling thread takes its share, so that a single task or thread costs no synchronisation.
    Tasks must write to places of their own; which thread runs a task is not defined.
    """
    workers = min(n_threads(), n_tasks)
    if workers <= 1:
        for index in range(n_tasks):
            task(index)
        return
    pool = _get_pool()

    def share(first: int) -> None:
        for index in range(first, n_tasks, workers):
            task(index)

    futures = [pool.submit(share, first) for first in range(1, workers)]
    share(0)
    for future in futures:
        future.result()


def _get_pool() -> ThreadPoolExecutor:
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(n_threads(), thread_name_prefix="skcollision")
        return _pool


def _forget_pool() -> None:
    """Drop the parent's pool in a forked child, whose threads do not exist there."""
    global _pool, _lock
    _pool = None
    _lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
