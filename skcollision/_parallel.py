"""Threads for numba kernels that release the GIL: deterministic, nestable, safe after a fork.

Not numba's ``parallel=True``: its workqueue layer aborts the process when two Python threads enter
it, its OpenMP layer does not survive a fork, and its reductions depend on the number of threads.
Nor a ThreadPoolExecutor: its threads sleep between two tasks, and waking one takes a tenth of a
millisecond, as long as many a kernel.
"""

from __future__ import annotations

import atexit
import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Lock, Semaphore, Thread, local

import numpy as np
from numba import config

from skcollision._spin import wait

__all__ = ["n_threads", "row_blocks", "run_shares", "run_tasks"]

# Smallest number of array elements and largest number of blocks that make threads worth waking.
_BLOCK_SIZE = 1 << 15
_MAX_BLOCKS = 32

# Entries of int64 between two counters, so that no two are in one cache line.
_STRIDE = 16

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
    thread takes the first share; a single task, a single thread, a call from inside a share and one
    while another thread has the team run in the calling thread alone.
    """
    step = min(n_threads(), n_tasks)
    if step <= 1 or getattr(_worker, "busy", False) or not _team.free.acquire(blocking=False):
        share(0, 1)
        return
    _worker.busy = True
    try:
        _team.run(share, step)
    finally:
        _worker.busy = False
        _team.free.release()


class _Team:
    """Threads that wait for shares: awake for a moment after each, then asleep."""

    def __init__(self) -> None:
        self.free = Lock()
        self._members: list[_Member] = []

    def rest(self) -> None:
        """Let all members fall asleep: Python must not end while one may yet ask for the GIL."""
        for member in self._members:
            for _ in range(1000):
                if member.is_asleep():
                    break
                time.sleep(1e-4)

    def run(self, share: Callable[[int, int], None], step: int) -> None:
        """Run ``step`` shares, one in the calling thread and the others in members."""
        while len(self._members) < step - 1:
            self._members.append(_Member())
        members = self._members[: step - 1]
        for first, member in enumerate(members, 1):
            member.give(partial(share, first, step))
        try:
            share(0, step)
            # where other work has the cores, a share here is done before one is begun there
            for member in members:
                member.take()()
        finally:
            # not before the others have stopped writing, even if a share has failed
            errors = [member.join() for member in members]
        for error in filter(None, errors):
            raise error


class _Member:
    """A thread of the team, with the numbers of shares that it was given and that it has done.

    Either side looks at the other's number for a while before it sleeps. Who is about to sleep says
    so first and then looks again, so that no number changes unseen; a semaphore that was released
    without need only makes for one more look.
    """

    _GIVEN, _DONE = 0, _STRIDE

    def __init__(self) -> None:
        self._counters = np.zeros(2 * _STRIDE, dtype=np.int64)
        self._asleep = {self._GIVEN: False, self._DONE: False}
        self._alarm = {self._GIVEN: Semaphore(0), self._DONE: Semaphore(0)}
        # at most one share; a deque, because its pop happens in one thread or in the other
        self._work: deque[tuple[int, Callable[[], None]]] = deque()
        self._error: BaseException | None = None
        self._is_taken = False
        Thread(target=self._serve, name="skcollision", daemon=True).start()

    def give(self, work: Callable[[], None]) -> None:
        """Give the thread a share."""
        self._is_taken = False
        # one may be left where Ctrl-C has broken off what led to it
        self._work.clear()
        number = int(self._counters[self._GIVEN]) + 1
        self._work.append((number, work))
        self._set(self._GIVEN, number)

    def take(self) -> Callable[[], None]:
        """Take back what the thread has not begun; nothing to do if it has."""
        try:
            _, work = self._work.pop()
        except IndexError:
            return lambda: None
        self._is_taken = True
        return work

    def join(self) -> BaseException | None:
        """Wait for what the thread has begun to end; return what that raised."""
        while not self._is_taken and self._counters[self._DONE] < self._counters[self._GIVEN]:
            self._await(self._DONE, int(self._counters[self._DONE]))
        error, self._error = self._error, None
        return error

    def is_asleep(self) -> bool:
        """Return whether the thread sleeps until it is given something."""
        return self._asleep[self._GIVEN]

    def _serve(self) -> None:
        _worker.busy = True
        given = 0
        while True:
            self._await(self._GIVEN, given)
            given = int(self._counters[self._GIVEN])
            with suppress(IndexError):
                self._do(*self._work.pop())

    def _do(self, number: int, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # raised again in the thread that waits
            self._error = error
        self._set(self._DONE, number)

    def _set(self, which: int, number: int) -> None:
        self._counters[which] = number
        if self._asleep[which]:
            self._alarm[which].release()

    def _await(self, which: int, seen: int) -> None:
        if wait(self._counters, which, seen):
            return
        self._asleep[which] = True
        while self._counters[which] == seen:
            self._alarm[which].acquire()
        self._asleep[which] = False


_team = _Team()


def _forget_team() -> None:
    """Drop the parent's team in a forked child, where its threads do not exist."""
    global _team
    _team = _Team()
    _worker.busy = False


atexit.register(lambda: _team.rest())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_team)
