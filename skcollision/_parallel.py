"""Threads for work that releases the GIL: deterministic, nestable, safe after a fork."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import local
from typing import TypeVar

from joblib import cpu_count

from skcollision._threads import one_thread

T = TypeVar("T")

_worker = local()
_executor: ThreadPoolExecutor | None = None


def n_threads() -> int:
    """Return the number of threads to use: ``NUMBA_NUM_THREADS``, which joblib's workers set."""
    given = os.environ.get("NUMBA_NUM_THREADS", "")
    return int(given) if given.isdigit() and int(given) > 0 else cpu_count()


def run_tasks(task: Callable[[int], None], n_tasks: int) -> None:
    """Call ``task(0), ..., task(n_tasks - 1)``, each exactly once, from several threads.

    Tasks must write to places of their own. The calling thread takes its share of them; all of
    them, if it is itself inside a task.
    """
    # The number of cores takes longer to find out than a small task.
    is_alone = n_tasks <= 1 or getattr(_worker, "busy", False)
    step = 1 if is_alone else min(n_threads(), n_tasks)

    def share(first: int) -> None:
        _worker.busy = True
        try:
            for index in range(first, n_tasks, step):
                task(index)
        finally:
            _worker.busy = False

    if step <= 1:
        for index in range(n_tasks):
            task(index)
        return
    others = [_threads().submit(share, first) for first in range(1, step)]
    try:
        share(0)
    finally:
        # not before the others have stopped writing, even if a share has failed
        errors = [other.exception() for other in others]
    for error in filter(None, errors):
        raise error


@contextmanager
def serial() -> Iterator[None]:
    """Keep the tasks of the calling thread to it, for callers with threads of their own."""
    before, _worker.busy = getattr(_worker, "busy", False), True
    try:
        yield
    finally:
        _worker.busy = before


def in_background(function: Callable[[], T]) -> Callable[[], T]:
    """Start a function in a thread of its own; return what waits for its result.

    Its tasks stay in that thread. Where the caller has but one thread, it is called for its result.
    """
    if n_threads() <= 1 or getattr(_worker, "busy", False):
        return function

    def task() -> T:
        with serial(), one_thread():
            return function()

    executor = ThreadPoolExecutor(1, "skcollision")
    result = executor.submit(task).result
    executor.shutdown(wait=False)
    return result


def _threads() -> ThreadPoolExecutor:
    """Return the process's threads, which start with the first task."""
    global _executor
    if _executor is None:
        _executor = ThreadPoolExecutor(max(1, n_threads() - 1), "skcollision")
    return _executor


def _forget_threads() -> None:
    """Drop the parent's threads in a forked child, where they do not exist."""
    global _executor
    _executor = None
    _worker.busy = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
