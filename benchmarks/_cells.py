"""Methods by turns on sets of many sizes, with a time limit; tables of what they took and found.

A made set is named by its size: 1e5x100 has 100,000 embeddings of 384 features in 100 clusters.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from _common import FEATURE_SETS, RESULTS, markdown
from _datasets import DATA_SETS
from _methods import METHODS, SAMPLED, check_installed
from _runs import Results, Run, measure, start_server

OURS, BASELINE = "CollisionClusterer", "KMeans(n_init=10)"


def parse(description: str, sizes: Iterable[str]) -> argparse.Namespace:
    """Read the command line; `cells` are those asked for, or all that can be measured."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, help="folder of feature sets: NAME.npz with X and y")
    parser.add_argument(
        "--cells",
        nargs="+",
        metavar="CELL",
        help="names of sets, and sizes like 1e5x100; by default digits, the feature sets if --data "
        f"is given, and {', '.join(sizes)}",
    )
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--limit", type=float, default=600, help="seconds of a fit")
    parser.add_argument("--threads", type=int, default=2, help="threads of a fit")
    arguments = parser.parse_args()
    real = ["digits", *(FEATURE_SETS if arguments.data else ())]
    arguments.cells = arguments.cells or [*real, *sizes]
    for cell in arguments.cells:
        if cell in FEATURE_SETS and arguments.data is None:
            parser.error(f"--data must name a folder with {cell}.npz.")
        if cell not in DATA_SETS and not _is_size(cell):
            parser.error(f"--cells: no set and no size like 1e5x100: {cell}.")
    return arguments


def run_all(
    name: str, methods: Iterable[str], arguments: argparse.Namespace
) -> list[dict[str, str]]:
    """Append what results/NAME.csv lacks; return all its rows.

    A method that failed is left out with the other seeds of the set, and of sets no smaller.
    """
    methods = list(methods)
    check_installed((METHODS | SAMPLED)[method] for method in methods)
    results = Results(RESULTS / f"{name}.csv")
    context = start_server(arguments.threads)
    for cell, seed in product(arguments.cells, range(arguments.seeds)):
        # By turns, so that all methods meet the same load of the machine.
        runs = [Run(cell, method, seed) for method in methods]
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) if _is_size(cell) else arguments.data
            for run in results.missing(runs):
                if any(_excludes(row, run) for row in results.rows):
                    continue
                row = measure(context, run, folder, arguments.limit)
                results.add(row)
                print(*run.key(), row.get("error") or f"{row['seconds']} s", flush=True)
    return results.rows


def tables(
    rows: list[dict[str, str]], methods: list[str], figures: dict[str, tuple[str, int]]
) -> str:
    """Return a table for each figure: its title by column, with its number of digits."""
    runs = pd.DataFrame(rows).replace("", np.nan)
    numbers = [column for column in runs if column not in ("data", "method", "error")]
    runs[numbers] = runs[numbers].apply(pd.to_numeric)
    runs["memory"] = 1 + runs["peak_mib"] * 2**20 / (4 * runs["n_points"] * runs["n_features"])
    means = runs.groupby(["data", "method"])[["memory", *numbers]].mean()
    errors = runs.dropna(subset=["error"]).groupby(["data", "method"])["error"].first()
    sizes = runs.groupby("data", sort=False)[["n_points", "n_clusters"]].first()
    text = []
    for figure, (title, digits) in figures.items():
        lines = []
        for data, size in sizes.iterrows():
            cells = [_cell(means, errors, (data, method), figure, digits) for method in methods]
            line = [str(data), *(f"{value:,.0f}" for value in size), *cells]
            if figure == "seconds" and BASELINE in methods:
                line.append(_ratio(means, data))
            lines.append(line)
        header = ["data", "N", "K", *methods]
        header += [f"{OURS} / {BASELINE}"] if len(lines[0]) > len(header) else []
        text.append(f"{title}:\n\n" + markdown(header, lines))
    return "\n".join(text)


def _cell(
    means: pd.DataFrame, errors: pd.Series, key: tuple[str, str], figure: str, digits: int
) -> str:
    if key in errors and figure == "seconds":
        return errors[key]
    value = means[figure].get(key, np.nan)
    if np.isnan(value):
        return "–" if key in means.index else "left out"
    return f"{value:,.{digits}f}"


def _ratio(means: pd.DataFrame, data: str) -> str:
    ours, baseline = (means["seconds"].get((data, name), np.nan) for name in (OURS, BASELINE))
    return "–" if np.isnan(ours / baseline) else f"{ours / baseline:.2f}"


def _is_size(name: str) -> bool:
    try:
        return len([float(number) for number in name.split("x")]) == 2
    except ValueError:
        return False


def _excludes(row: dict[str, str], run: Run) -> bool:
    """Tell whether a failed row makes a run hopeless."""
    if not row["error"] or row["method"] != run.method:
        return False
    if not (_is_size(row["data"]) and _is_size(run.data)):
        return row["data"] == run.data
    failed, wanted = (map(float, name.split("x")) for name in (row["data"], run.data))
    return all(small <= large for small, large in zip(failed, wanted, strict=True))
