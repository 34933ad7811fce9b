"""Threads: every task once, errors come back, nested calls and forks do not hang."""

import multiprocessing
import sys
import threading
import time
import weakref

import numpy as np
import pytest
from skcollision._spin import wait

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


def test_an_error_in_a_task_is_raised_and_leaves_the_team_usable(threads):
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


def test_a_share_that_no_thread_has_begun_is_done_by_the_caller(monkeypatch):
    monkeypatch.setattr(_parallel.config, "NUMBA_NUM_THREADS", 2)
    run_tasks(lambda index: None, 2)
    (member, *_) = _parallel._team._members
    # as if the thread never came to it
    monkeypatch.setattr(member, "_set", lambda which, number: None)
    threads = []
    run_tasks(lambda index: threads.append(threading.current_thread()), 2)
    assert threads == [threading.current_thread()] * 2


def test_a_wait_that_was_broken_off_does_not_confuse_the_next(monkeypatch):
    monkeypatch.setattr(_parallel.config, "NUMBA_NUM_THREADS", 2)
    run_tasks(lambda index: None, 2)
    (member, *_) = _parallel._team._members
    late = []
    with monkeypatch.context() as patch:
        patch.setattr(member, "join", lambda: None)  # as Ctrl-C does

        def slow(index):
            time.sleep(0.05 + 0.3 * index)
            late.append(index)

        run_tasks(slow, 2)
    assert late == [0]
    for _ in range(20):
        test_every_task_runs_once(2, 2)
        time.sleep(0.03)
    assert late == [0, 1]
    assert member.is_asleep()


def test_a_team_that_is_taken_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(_parallel.config, "NUMBA_NUM_THREADS", 2)
    threads = []
    with _parallel._team.free:
        run_tasks(lambda index: threads.append(threading.current_thread()), 3)
    assert threads == [threading.current_thread()] * 3


def test_threads_that_have_gone_to_sleep_are_woken(threads):
    for _ in range(3):
        time.sleep(0.02)
        test_every_task_runs_once(threads, 7)


def test_what_is_done_is_not_kept(threads):
    class Task:
        def __call__(self, index):
            pass

    task = Task()
    gone = weakref.ref(task)
    run_tasks(task, 7)
    del task
    for _ in range(100):
        if gone() is None:
            break
        time.sleep(0.01)
    assert gone() is None


def test_waiting_ends_with_a_change_or_with_patience():
    counters = np.array([3, 0])
    assert wait(counters, 0, 2)
    assert not wait(counters, 0, 3)
    timer = threading.Timer(0.05, counters.__setitem__, (0, 4))
    timer.start()
    while not wait(counters, 0, 3):
        pass
    timer.join()
    assert counters[0] == 4


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
def test_a_forked_child_makes_its_own_team(monkeypatch):
    monkeypatch.setattr(_parallel.config, "NUMBA_NUM_THREADS", 2)
    run_tasks(lambda index: None, 4)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    assert queue.get(timeout=30) == [1, 1, 1, 1]
    process.join(timeout=30)
    assert process.exitcode == 0
