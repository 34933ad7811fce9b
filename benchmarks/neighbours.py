"""Which library finds nearest neighbours: seconds, recall, size on disk and import time.

Run as ``python benchmarks/neighbours.py --rows 20000 100000``; writes results/neighbours.md.
Libraries that are not installed are left out. Rows are of unit length in 128 dimensions, in 100
clusters whose variances differ; recall is the share of the 15 nearest that a library finds, on
1,000 rows, against an exact search. Each library runs in a process of its own with two threads.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from importlib.metadata import distribution

import numpy as np
from _common import machine, markdown, write

N_NEIGHBORS, N_FEATURES, N_CHECKED = 15, 128, 1000
PACKAGES = {
    "scikit-learn, brute": "scikit-learn",
    "faiss, flat": "faiss-cpu",
    "faiss, HNSW": "faiss-cpu",
    "pynndescent": "pynndescent",
    "usearch": "usearch",
}


def rows_of(n_rows: int) -> np.ndarray:
    """Return float32 rows of unit length: clusters whose variance is along few directions."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((100, N_FEATURES), "f")
    X = centres[rng.integers(100, size=n_rows)]
    for start in range(0, n_rows, 100_000):
        block = X[start : start + 100_000]
        block += 1.5 * rng.standard_normal(block.shape, "f") * np.geomspace(2, 0.2, N_FEATURES)
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def exact(X: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the nearest others of some rows."""
    similarity = X[rows] @ X.T
    similarity[np.arange(len(rows)), rows] = -np.inf
    return np.argpartition(-similarity, N_NEIGHBORS, axis=1)[:, :N_NEIGHBORS]


def search(name: str, X: np.ndarray) -> np.ndarray:
    """Return the nearest of all rows, some of them with themselves as the first."""
    if name == "scikit-learn, brute":
        from sklearn.neighbors import NearestNeighbors

        finder = NearestNeighbors(n_neighbors=N_NEIGHBORS, algorithm="brute").fit(X)
        return finder.kneighbors(return_distance=False)
    if name == "pynndescent":
        from pynndescent import NNDescent

        return NNDescent(X, n_neighbors=N_NEIGHBORS + 1, random_state=0).neighbor_graph[0]
    if name == "usearch":
        from usearch.index import Index

        index = Index(ndim=N_FEATURES, metric="ip", connectivity=16, expansion_search=64)
        index.add(np.arange(len(X)), X)
        return index.search(X, N_NEIGHBORS + 1).keys.astype(np.int64)
    import faiss

    if name == "faiss, flat":
        index = faiss.IndexFlatIP(N_FEATURES)
    else:
        index = faiss.IndexHNSWFlat(N_FEATURES, 16, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efSearch = 64
    index.add(X)
    return index.search(X, N_NEIGHBORS + 1)[1]


def measure(name: str, n_rows: int) -> dict[str, float]:
    """Search a few rows first, which imports and compiles, then all of them."""
    start = time.perf_counter()
    search(name, rows_of(2000))
    first = time.perf_counter() - start
    X = rows_of(n_rows)
    start = time.perf_counter()
    found = search(name, X)
    seconds = time.perf_counter() - start
    rows = np.random.default_rng(1).choice(n_rows, N_CHECKED, replace=False)
    nearest = zip(found[rows], exact(X, rows), strict=True)
    recall = np.mean([len(np.intersect1d(ours, theirs)) for ours, theirs in nearest]) / N_NEIGHBORS
    return {"first": first, "seconds": seconds, "recall": float(recall)}


def size_of(package: str) -> float:
    """Return the size of a package on disk, in MB, without what it depends on."""
    files = distribution(package).files or []
    sizes = [path.stat().st_size for path in (file.locate() for file in files) if path.exists()]
    return sum(sizes) / 1e6


def main() -> None:
    """Measure each library at each size in a process of its own, and write a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one[0], int(arguments.one[1]))))
        return
    lines = []
    for n_rows in arguments.rows:
        for name, package in PACKAGES.items():
            command = [sys.executable, __file__, "--one", name, str(n_rows)]
            environment = os.environ | {"OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"}
            done = subprocess.run(command, capture_output=True, text=True, env=environment)
            if done.returncode:
                print(name, done.stderr.strip().splitlines()[-1], file=sys.stderr)
                continue
            found = json.loads(done.stdout.splitlines()[-1])
            numbers = [f"{found['seconds']:.1f}", f"{found['recall']:.3f}"]
            numbers += [f"{found['first']:.1f}", f"{size_of(package):.0f}"]
            lines.append([f"{n_rows:,}", name, *numbers])
            print(lines[-1], flush=True)
    header = ["rows", "library", "seconds", "recall", "first 2,000 rows, s", "package, MB"]
    note = (
        f"\nThe {N_NEIGHBORS} nearest neighbours of all rows of {N_FEATURES} float32, two threads, "
        "one run each, after a search of 2,000 rows that imports and compiles. "
        f"{machine()}.\n"
    )
    write("neighbours", markdown(header, lines) + note)


if __name__ == "__main__":
    main()
