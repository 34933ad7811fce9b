"""Threads: every task once, errors come back, nested calls and forks do not hang."""

import multiprocessing
import sys
import threading

import numpy as np
import pytest

from skcollision import _parallel
from skcollision._parallel import in_background, n_threads, run_tasks, serial


@pytest.fixture(params=[1, 2, 5])
def threads(request, monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", str(request.param))
    return request.param


def test_the_number_of_threads_is_that_of_the_environment(threads):
    assert n_threads() == threads


@pytest.mark.parametrize("value", ["", "0", "many"])
def test_without_a_number_all_cores_are_used(value, monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", value)
    assert n_threads() >= 1


@pytest.mark.parametrize("n_tasks", [0, 1, 2, 7, 100])
def test_every_task_runs_once(threads, n_tasks):
    count = np.zeros(n_tasks, dtype=int)

    def task(index):
        count[index] += 1

    run_tasks(task, n_tasks)
    assert (count == 1).all()


def test_an_error_in_a_task_is_raised_and_leaves_the_threads_usable(threads):
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


def test_several_threads_may_run_tasks_at_once(threads):
    callers = [
        threading.Thread(target=test_every_task_runs_once, args=(threads, 50)) for _ in range(4)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=30)
    assert not any(caller.is_alive() for caller in callers)


def test_what_runs_in_the_background_keeps_its_tasks_and_comes_back(threads):
    who = []

    def task(index):
        who.append(threading.get_ident())

    def work():
        run_tasks(task, 20)
        return "done"

    result = in_background(work)
    test_every_task_runs_once(threads, 50)  # meanwhile
    assert result() == "done"
    assert len(who) == 20
    assert len({*who}) == 1
    assert (who[0] == threading.get_ident()) == (threads == 1)


def test_an_error_in_the_background_is_raised_where_its_result_is_asked_for(threads):
    result = in_background(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        result()


def child(queue):
    count = np.zeros(4, dtype=int)

    def task(index):
        count[index] += 1

    run_tasks(task, 4)
    queue.put(count.tolist())


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_makes_its_own_threads(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    run_tasks(lambda index: None, 4)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    assert queue.get(timeout=30) == [1, 1, 1, 1]
    process.join(timeout=30)
    assert process.exitcode == 0


def test_serial_keeps_tasks_to_the_calling_thread():
    found = []
    with serial():
        with serial():
            pass
        run_tasks(lambda number: found.append((number, threading.get_ident())), 20)
    assert found == [(number, threading.get_ident()) for number in range(20)]
    with pytest.raises(ValueError, match="inside"), serial():
        raise ValueError("inside")
    assert not getattr(_parallel._worker, "busy", False)
