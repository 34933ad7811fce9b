"""Data sets x methods x seeds: accuracy, its spread, seconds and memory of every clusterer.

Run as ``python benchmarks/accuracy.py --data FOLDER``; for each group of data sets it writes
results/accuracy_GROUP.csv, .md and .png. Runs that the CSV already has are skipped, so that a
benchmark that was stopped goes on where it was; --fresh forgets those selected. A run that fails or
passes the time limit is a row too. Costly methods run only when they are named: add
``--methods TURTLE "GemClus MMD" "GemClus Wasserstein" --seeds 2``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import _datasets
import _methods
from _common import RESULTS
from _report import report
from _runs import Results, Run, measure, start_server


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of feature sets: NAME.npz with X and y")
    parser.add_argument(
        "--sets",
        nargs="+",
        default=["embeddings"],
        metavar="NAME",
        help=f"data sets, or groups of them: {', '.join(_datasets.GROUPS)}",
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        default=[],
        metavar="PREFIX",
        help="methods whose names begin so; by default those that the group runs",
    )
    parser.add_argument("--seeds", type=int, default=6, help="number of seeds")
    parser.add_argument("--limit", type=float, default=300, help="seconds of a fit")
    parser.add_argument("--threads", type=int, default=1, help="threads of a run")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured before")
    arguments = parser.parse_args()
    try:
        sets = _datasets.select(arguments.sets)
        for data in sets:
            _methods.check_installed(_methods.select(data.group, arguments.methods))
    except (ImportError, ValueError) as error:
        parser.error(str(error))
    # Before the run: a file that is not there is no failure of a method.
    for name in filter(None, (data.feature_set for data in sets)):
        if arguments.data is None or not (arguments.data / f"{name}.npz").exists():
            parser.error(f"--data must name a folder with {name}.npz.")
    return arguments


def plan(sets: Iterable[_datasets.DataSet], prefixes: list[str], n_seeds: int) -> list[Run]:
    """Return the runs, seed by seed: an early stop leaves every method with the same seeds.

    What depends on the seed in neither data nor method runs once.
    """
    return [
        Run(data.name, method.name, seed)
        for seed in range(n_seeds)
        for data in sets
        for method in _methods.select(data.group, prefixes)
        if seed == 0 or data.depends_on_seed or not method.deterministic
    ]


def run_group(group: str, runs: list[Run], arguments: argparse.Namespace) -> None:
    """Measure what is missing of a group, and write its report."""
    results = Results(RESULTS / f"accuracy_{group}.csv")
    if arguments.fresh:
        results.forget(runs)
    todo = results.missing(runs)
    print(f"{group}: {len(runs)} runs, {len(todo)} of them to do", flush=True)
    context = start_server(arguments.threads)
    start = time.perf_counter()

    def work(run: Run) -> None:
        row = measure(context, run, arguments.data, arguments.limit)
        results.add(row)
        said = row["error"] if row.get("error") else f"ACC {row['acc']:.3f}, {row['seconds']} s"
        print(
            f"{time.perf_counter() - start:6.0f} s  {run.data}  {run.method}  {run.seed}: {said}",
            flush=True,
        )

    with ThreadPoolExecutor(arguments.jobs) as pool:
        # Exceptions come out of the iterator.
        list(pool.map(work, todo))
    report(group, results.rows)


def main() -> None:
    arguments = parse_arguments()
    sets = sorted(
        _datasets.select(arguments.sets), key=lambda data: _datasets.GROUPS.index(data.group)
    )
    for group, members in groupby(sets, key=lambda data: data.group):
        run_group(group, plan(list(members), arguments.methods, arguments.seeds), arguments)


if __name__ == "__main__":
    main()
