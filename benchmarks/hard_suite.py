"""The dual on every problem of a hard suite: its certified gap, and whether anything went wrong.

Run as ``python benchmarks/hard_suite.py``; writes results/hard_suite.csv, a row a problem, and .md.
A problem that the CSV has is not solved again, so that a benchmark that was stopped goes on where
it was; ``--fresh`` forgets them all, ``--report`` solves none. Problems of more predictions than
``--full`` are solved for a part of the settings only, as the table says.
"""

from __future__ import annotations

import argparse
import itertools
import time

import numpy as np
from _common import RESULTS, append_row, machine, markdown, read_rows, write

from skcollision.pseudo_labels import solve_pseudo_labels

POINTS = (1, 50, 5000, 100_000)
CLUSTERS = (2, 10, 77, 200, 1000)
LAMBDAS = (0.0, 0.1, 1.0, 10.0, 100.0, 1e4, np.inf)
TOL = 1e-6
CSV = RESULTS / "hard_suite.csv"
PROBLEM = ["n_points", "n_clusters", "kind", "lam", "dtype"]
FIELDS = [*PROBLEM, "relative_gap", "n_iter", "seconds", "fault"]
NO_FAULT = "none"
# What is left of the settings where there are many predictions.
LARGE_LAMBDAS = (1.0, 100.0, np.inf)


def _softmax(rng, n, k, scale):
    logits = rng.standard_normal((n, k), dtype=np.float32) * np.float32(scale)
    return np.exp(logits - logits.max(axis=1, keepdims=True))


def _one_hot(rng, n, k):
    probs = np.zeros((n, k), dtype=np.float32)
    probs[np.arange(n), rng.integers(k, size=n)] = 1
    return probs


def _dead(rng, n, k):
    probs = _softmax(rng, n, k, 2.0)
    probs[:, : k // 2] = 0
    return probs


def _duplicates(rng, n, k):
    return np.repeat(_softmax(rng, -(-n // 10), k, 2.0), 10, axis=0)[:n]


KINDS = {
    "soft": lambda rng, n, k: _softmax(rng, n, k, 1.0),
    "nearly one-hot": lambda rng, n, k: _softmax(rng, n, k, 40.0),
    "one-hot": _one_hot,
    "dead clusters": _dead,
    "duplicated points": _duplicates,
}


def make(kind: str, n: int, k: int, dtype: type) -> np.ndarray:
    """Return the predictions of one problem."""
    probs = KINDS[kind](np.random.default_rng(n + k), n, k).astype(dtype)
    probs /= probs.sum(axis=1, keepdims=True)
    return probs


def fault(probs: np.ndarray, lam: float, result: object) -> str:
    """Say what is wrong with a result, or return an empty string."""
    labels = result.pseudo_labels
    mean = np.zeros(probs.shape[1])
    log_p = 0.0
    for rows in range(0, len(probs), 10_000):
        part = labels[rows : rows + 10_000].astype(np.float64)
        if not (np.isfinite(part).all() and (part >= 0).all()):
            return "labels"
        totals = part.sum(axis=1, keepdims=True)
        if np.abs(totals - 1).max() > 2e-6:
            return "simplex"
        # in float32 rows sum to one within 1e-7, which lam multiplies
        part /= totals
        mean += part.sum(axis=0) / len(probs)
        p = np.einsum("ik,ik->i", part, probs[rows : rows + 10_000], dtype=np.float64)
        log_p += np.log(p).sum() / len(probs)
    objective = -log_p
    if np.isinf(lam):
        if np.abs(mean * probs.shape[1] - 1).max() > 1e-3:
            return "balance"
    elif lam > 0:
        objective -= lam * np.log(mean * probs.shape[1]).mean()
    scale = max(1.0, abs(objective))
    if abs(objective - result.objective) > 1e-6 * scale:
        return f"objective {objective - result.objective:.0e}"
    if result.converged != (result.duality_gap <= TOL * max(1.0, abs(result.objective))):
        return "converged"
    return ""


def problems(n: int, k: int, full: float) -> list[tuple]:
    """Return the problems that are solved at this size, as the fields that name one."""
    lambdas, dtypes = LAMBDAS, ("float32", "float64")
    if n * k > full:
        lambdas, dtypes = LARGE_LAMBDAS, ("float32",)
    return [(n, k, *setting) for setting in itertools.product(KINDS, lambdas, dtypes)]


def solve(n: int, k: int, kind: str, lam: float, dtype: str) -> list:
    """Solve a problem; return its relative gap, iterations, seconds and what is wrong with it."""
    probs = make(kind, n, k, np.dtype(dtype).type)
    start = time.perf_counter()
    result = solve_pseudo_labels(probs, lam=lam, tol=TOL)
    seconds = time.perf_counter() - start
    relative = result.duality_gap / max(1.0, abs(result.objective))
    wrong = fault(probs, lam, result) if relative <= TOL else "gap"
    return [np.nan_to_num(relative, nan=np.inf), result.n_iter, f"{seconds:.3f}", wrong or NO_FAULT]


def solve_missing(wanted: list[tuple]) -> None:
    """Append a row to the CSV for each problem that has none."""
    rows = read_rows(CSV, FIELDS)
    known = set(rows[PROBLEM].itertuples(index=False, name=None))
    rows.to_csv(CSV, index=False)
    for k, dtype in itertools.product((2, 10), ("float32", "float64")):
        solve(50, k, "soft", 1.0, dtype)  # compiled before the clock runs
    for problem in wanted:
        if problem not in known:
            found = solve(*problem)
            append_row(CSV, [*problem, *found])
            print(*problem, *found, flush=True)


def report(wanted: list[tuple], full: float, left_out: list[str]) -> None:
    """Write the table of the problems that were asked for, as far as they are solved."""
    rows = read_rows(CSV, FIELDS).set_index(PROBLEM)
    missing = [name for name in wanted if name not in rows.index]
    left_out = left_out + [", ".join(map(str, name)) for name in missing]
    rows = rows.loc[[name for name in wanted if name in rows.index]].reset_index()
    table = [
        [
            f"{n}",
            f"{k}",
            f"{len(size)}",
            f"{(size['fault'] != NO_FAULT).sum()}",
            f"{size['relative_gap'].max():.1e}",
            f"{size['n_iter'].mean():.1f}",
            f"{size['n_iter'].max():.0f}",
            f"{size['seconds'].max():.2f}",
        ]
        for (n, k), size in rows.groupby(PROBLEM[:2])
    ]
    header = [
        "N",
        "K",
        "problems",
        "failures",
        "largest relative gap",
        "mean iterations",
        "most iterations",
        "longest, s",
    ]
    failed = rows[rows["fault"] != NO_FAULT]
    lines = [
        f"\n{len(rows)} problems, {len(failed)} failures: a relative gap above {TOL:g}, or NaN, "
        "labels off the simplex, an objective that is not that of the labels, or `converged` that "
        f"does not tell the truth. Predictions: {', '.join(KINDS)}; lam in "
        f"{{{', '.join(f'{lam:g}' for lam in LAMBDAS)}}}; float32 and float64.",
    ]
    if any(n * k > full for n, k, *_ in wanted):
        lines.append(
            f"Above {full:,.0f} predictions: lam in "
            f"{{{', '.join(f'{lam:g}' for lam in LARGE_LAMBDAS)}}}, float32."
        )
    if left_out:
        lines.append(f"Left out for time: {'; '.join(left_out)}.")
    lines.append(f"{machine()}.\n")
    text = markdown(header, table) + "\n".join(lines)
    if len(failed):
        text += "\nFailures:\n\n" + "".join(
            f"- {row.kind}, N = {row.n_points}, K = {row.n_clusters}, lam = {row.lam:g}, "
            f"{row.dtype}: {row.fault}, {row.relative_gap:.1e} after {row.n_iter:.0f} iterations\n"
            for row in failed.itertuples()
        )
    write("hard_suite", text)


def main() -> None:
    """Solve every problem of every size up to the largest asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--full", type=float, default=1e6, help="most predictions, N x K, for all settings"
    )
    parser.add_argument("--largest", type=float, default=1e7, help="most predictions, N x K")
    parser.add_argument("--report", action="store_true", help="only write the table again")
    parser.add_argument("--fresh", action="store_true", help="forget what was solved before")
    arguments = parser.parse_args()
    if arguments.fresh:
        CSV.unlink(missing_ok=True)
    sizes = list(itertools.product(POINTS, CLUSTERS))
    solved = [size for size in sizes if np.prod(size) <= arguments.largest]
    wanted = [problem for size in solved for problem in problems(*size, arguments.full)]
    if not arguments.report:
        solve_missing(wanted)
    report(wanted, arguments.full, [f"{n} x {k}" for n, k in sizes if (n, k) not in solved])


if __name__ == "__main__":
    main()
