"""Threads: every task once, errors come back, nested calls and forks do not hang."""

import multiprocessing
import sys

import numpy as np
import pytest

from skcollision import _parallel
from skcollision._parallel import row_blocks, run_tasks


@pytest.fixture(params=[1, 2, 5])
def threads(request, monkeypatch):
    monkeypatch.setattr(_parallel.config, "NUMBA_NUM_THREADS", request.param)
    return request.param


@pytest.mark.parametrize("n_tasks", [0, 1, 2, 7, 100])
def test_every_task_runs_once(threads, n_tasks):
    count = np.zeros(n_tasks, dtype=int)

    def task(index):
        count[index] += 1

    run_tasks(task, n_tasks)
    assert (count == 1).all()


def test_an_error_in_a_task_is_raised_and_leaves_the_pool_usable(threads):
    def fail(index):
        if index == 3:
            raise RuntimeError("task 3")

    with pytest.raises(RuntimeError, match="task 3"):
        run_tasks(fail, 8)
    test_every_task_runs_once(threads, 7)


def test_tasks_may_run_tasks(threads):
    count = np.zeros((6, 6), dtype=int)

    def outer(i):
        def inner(j):
            count[i, j] += 1

        run_tasks(inner, 6)

    run_tasks(outer, 6)
    assert (count == 1).all()


@pytest.mark.parametrize(("n_rows", "row_size"), [(1, 1), (3, 10**6), (5000, 20), (10**6, 1000)])
def test_blocks_cover_the_rows(n_rows, row_size):
    bounds = row_blocks(n_rows, row_size)
    assert bounds[0] == 0
    assert bounds[-1] == n_rows
    assert (np.diff(bounds) > 0).all()


def child(queue):
    count = np.zeros(4, dtype=int)

    def task(index):
        count[index] += 1

    run_tasks(task, 4)
    queue.put(count.tolist())


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_makes_its_own_pool(monkeypatch):
    monkeypatch.setattr(_parallel.config, "NUMBA_NUM_THREADS", 2)
    run_tasks(lambda index: None, 4)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    assert queue.get(timeout=30) == [1, 1, 1, 1]
    process.join(timeout=30)
    assert process.exitcode == 0
