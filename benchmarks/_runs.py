"""Runs of clusterers: each in a process of its own, kept in a CSV as soon as it ends.

The processes are forked from a server that has imported the libraries and computed nothing, so that
none pays for imports or inherits threads or memory of another.
"""

from __future__ import annotations

import csv
import multiprocessing
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

KEY = ("data", "method", "seed")
FIGURES = ("acc", "nmi", "ari", "n_found", "coverage", "seconds", "cpu_seconds", "peak_mib")
FIELDS = (*KEY, "n_points", "n_features", "n_clusters", *FIGURES, "threads", "error")
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
MOST_MATCHED = 2000
PRELOADED = [
    "faiss",
    "gemclus.linear",
    "pandas",
    "scipy.optimize",
    "skcollision.cluster",
    "skcollision.metrics",
    "sklearn.cluster",
    "sklearn.datasets",
    "sklearn.mixture",
    "torch",
]


@dataclass(frozen=True)
class Run:
    """What is to be measured."""

    data: str
    method: str
    seed: int

    def key(self) -> tuple[str, str, str]:
        """Return what a row of the CSV is found by."""
        return self.data, self.method, str(self.seed)


class Results:
    """Rows in a CSV file; one is appended as soon as it is measured."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self.rows: list[dict[str, str]] = []
        if path.exists():
            with path.open(newline="") as file:
                # A row that was being written when the run was killed is short.
                self.rows = [row for row in csv.DictReader(file) if None not in row.values()]

    def forget(self, runs: Iterable[Run]) -> None:
        """Drop the rows of some runs."""
        dropped = {run.key() for run in runs}
        self.rows = [row for row in self.rows if self._key(row) not in dropped]
        self._write("w", self.rows)

    def missing(self, runs: Iterable[Run]) -> list[Run]:
        """Return the runs without a row, and make the file whole for appending."""
        self._write("w", self.rows)
        known = {self._key(row) for row in self.rows}
        return [run for run in runs if run.key() not in known]

    def add(self, row: dict[str, Any]) -> None:
        """Append a row."""
        with self._lock:
            self.rows.append({field: str(row.get(field, "")) for field in FIELDS})
            self._write("a", self.rows[-1:])

    @staticmethod
    def _key(row: dict[str, str]) -> tuple[str, ...]:
        return tuple(row[field] for field in KEY)

    def _write(self, mode: str, rows: list[dict[str, str]]) -> None:
        self.path.parent.mkdir(exist_ok=True)
        with self.path.open(mode, newline="") as file:
            writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
            if mode == "w":
                writer.writeheader()
            writer.writerows(rows)


def start_server(n_threads: int) -> multiprocessing.context.BaseContext:
    """Return the context of a server whose processes compute in `n_threads` threads."""
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(n_threads)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def measure(
    context: multiprocessing.context.BaseContext, run: Run, folder: Path | None, limit: float
) -> dict[str, Any]:
    """Measure in a new process; what went wrong is in the row's `error`.

    The limit, in seconds, is that of the fit: loading and compilation are over before.
    """
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(run, folder, sender))
    process.start()
    sender.close()
    row: dict[str, Any] = {"error": f"over the limit of {limit:g} s"}
    try:
        row = receiver.recv() or (receiver.recv() if receiver.poll(limit) else row)
    except EOFError:
        process.join()
        row = {"error": f"died with exit code {process.exitcode}"}
    process.kill()
    process.join()
    threads = os.environ[THREAD_VARIABLES[0]]
    return {"data": run.data, "method": run.method, "seed": run.seed, "threads": threads, **row}


def _child(run: Run, folder: Path | None, sender: Any) -> None:
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        row = _fit(run, folder, lambda: sender.send(None))
    except Exception as error:
        row = {"error": " ".join(f"{type(error).__name__}: {error}".split())[:200]}
    sender.send(row)


def _die_with_parent() -> None:
    """Leave no fit running behind a benchmark that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _fit(run: Run, folder: Path | None, say_ready: Callable[[], None]) -> dict[str, Any]:
    from _datasets import find
    from _methods import METHODS, SAMPLED

    warnings.simplefilter("ignore")
    method = (METHODS | SAMPLED)[run.method]
    X, y, n_clusters = find(run.data).load(folder, run.seed)
    method.warm_up()
    say_ready()
    before = _restart_peak()
    start, cpu_start = time.perf_counter(), time.process_time()
    labels, coverage = method.fit_predict(X, n_clusters, run.seed)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    row = {"seconds": round(seconds, 3), "cpu_seconds": round(cpu_seconds, 3)}
    row |= {"peak_mib": round(_peak() - before, 1), "coverage": round(coverage, 4)}
    row |= {"n_points": X.shape[0], "n_features": X.shape[1], "n_clusters": n_clusters}
    return row | _scores(y, labels)


def _scores(y: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    from skcollision.metrics import clustering_accuracy_score

    # Matching that many classes and clusters would take longer than fits.
    can_match = len(np.unique(y)) <= MOST_MATCHED
    return {
        "acc": round(clustering_accuracy_score(y, labels), 5) if can_match else "",
        "nmi": round(normalized_mutual_info_score(y, labels), 5),
        "ari": round(adjusted_rand_score(y, labels), 5),
        "n_found": len(np.unique(labels)),
    }


def _status(field: str) -> float:
    """Read a size in MiB from the kernel; not a number where there is no such file."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def _restart_peak() -> float:
    """Make the kernel forget the peak so far; return what is in memory now."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return float("nan")
    return _status("VmRSS")


def _peak() -> float:
    return _status("VmHWM")
