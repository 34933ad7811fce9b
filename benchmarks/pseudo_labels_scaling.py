"""Time and memory of the dual against N and K, each measurement in a fresh process.

Run as ``python benchmarks/pseudo_labels_scaling.py``; writes results/pseudo_labels_scaling.md.
``--largest 1e9`` adds the corner N = 1e6, K = 1000, which takes 12 GB and long.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from _common import machine, markdown, write

from skcollision._parallel import n_threads
from skcollision.pseudo_labels import solve_pseudo_labels

POINTS = (1000, 10_000, 100_000, 1_000_000)
CLUSTERS = (10, 100, 1000)
LAM, TOL = 100.0, 1e-6
HEADER = [
    "N",
    "K",
    "iterations",
    "seconds",
    "seconds an iteration",
    "ns an iteration and prediction",
    "probabilities, MB",
    "peak memory / probabilities",
]


def fill(n_points: int, n_clusters: int) -> np.ndarray:
    """Return float32 predictions, made in blocks so that nothing larger was ever allocated."""
    rng = np.random.default_rng(0)
    probs = np.empty((n_points, n_clusters), dtype=np.float32)
    for start in range(0, n_points, 1000):
        block = rng.standard_normal(probs[start : start + 1000].shape, dtype=np.float32) * 1.5
        np.exp(block, out=block)
        probs[start : start + 1000] = block / block.sum(axis=1, keepdims=True)
    return probs


def child(n_points: int, n_clusters: int, max_iter: int | None) -> None:
    """Solve one problem and print what it took; memory beyond what the imports take."""
    solve_pseudo_labels(fill(50, 3), lam=LAM)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    probs = fill(n_points, n_clusters)
    start = time.perf_counter()
    result = solve_pseudo_labels(probs, lam=LAM, tol=TOL, max_iter=max_iter)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    found = {
        "seconds": seconds,
        "n_iter": result.n_iter,
        "converged": result.converged,
        "size": probs.nbytes,
        "memory": peak / probs.nbytes,
    }
    print(json.dumps(found))


def measure(n_points: int, n_clusters: int, max_iter: int | None) -> list[str]:
    """Return the row of one problem."""
    command = [sys.executable, __file__, "--child", str(n_points), str(n_clusters)]
    if max_iter is not None:
        command += ["--max-iter", str(max_iter)]
    run = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=Path(__file__).parent
    )
    found = json.loads(run.stdout.splitlines()[-1])
    each = found["seconds"] / found["n_iter"]
    return [
        f"{n_points:,}",
        f"{n_clusters}",
        f"{found['n_iter']}" + ("" if found["converged"] else " (stopped)"),
        f"{found['seconds']:.3f}",
        f"{each:.4f}",
        f"{1e9 * each / (n_points * n_clusters):.1f}",
        f"{found['size'] / 1e6:.1f}",
        f"{found['memory']:.2f}",
    ]


def main() -> None:
    """Measure every size up to the largest, the largest ones for a few iterations only."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", nargs=2, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--max-iter", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--largest", type=float, default=1e8, help="most predictions, N x K")
    parser.add_argument(
        "--stop-above", type=float, default=2e7, help="predictions above which 3 iterations do"
    )
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child, arguments.max_iter)
        return
    rows, left_out = [], []
    for n_clusters in CLUSTERS:
        for n_points in POINTS:
            size = n_points * n_clusters
            if size > arguments.largest:
                left_out.append(f"{n_points:,} x {n_clusters}")
                continue
            rows.append(measure(n_points, n_clusters, 3 if size > arguments.stop_above else None))
            print(rows[-1], flush=True)
    note = (
        f"\nfloat32, lam = {LAM:g}, to a relative gap of {TOL:g} or, where it says stopped, for "
        "three iterations; softmax of normal logits of standard deviation 1.5; every row in a "
        f"fresh process, {n_threads()} threads. Seconds include the start and the checks of the "
        "input. Memory is the peak beyond the imports and counts the probabilities themselves: "
        f"there are three copies in float64 (predictions, labels and their moves). {machine()}.\n"
    )
    if left_out:
        note += f"\nLeft out by `--largest`: {', '.join(left_out)}.\n"
    write("pseudo_labels_scaling", markdown(HEADER, rows) + note)


if __name__ == "__main__":
    main()
