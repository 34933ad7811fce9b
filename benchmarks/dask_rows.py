"""Clustering on dask: seconds and memory over N and workers, beside one product and dask-ml.

Run as ``python benchmarks/dask_rows.py --rows 100000 1000000``; writes results/dask_rows.csv, where
rows that are there are not measured again, and results/dask_rows.md.

Rows of 128 float32 are generated block by block into a Zarr array in ``--scratch``: 100 clusters
such as those of make_embeddings, which makes a matrix at once. Each method runs in a process of its
own, on a LocalCluster of workers with one thread and 2 GB, after a small run of the same that
imports and compiles:

- product: read X and multiply it with a 128 x 500 matrix, of which only the sum is kept;
- CollisionClusterer: fit, then predict into another Zarr array;
- dask-ml KMeans: the same, with its defaults (k-means||).

Memory is the peak resident one since a process started, libraries included. CPU seconds, of the
client and all workers, say more than those of the clock where others use the machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from _common import RESULTS, append_row, machine, markdown, read_rows, write

N_FEATURES, N_CLUSTERS, N_FACTORS, SPREAD = 128, 100, 4, 1.5
CHUNK_ROWS = 50_000
METHODS = ["product", "CollisionClusterer", "dask-ml KMeans"]
FIELDS = ["rows", "workers", "method", "fit", "predict", "cpu", "nmi", "client", "worker"]


def generate(path: Path, n_rows: int) -> np.ndarray:
    """Write the rows, and return their classes."""
    import zarr

    rng = np.random.default_rng(0)
    centres, mean = (
        rng.standard_normal((N_CLUSTERS, N_FEATURES), "f"),
        rng.standard_normal(N_FEATURES),
    )
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    centres += (mean / np.linalg.norm(mean)).astype("f")
    # Most of a cluster's variance is along four directions of its own.
    bases = rng.standard_normal((N_CLUSTERS, N_FEATURES, N_FACTORS), "f")
    scales = 0.5 ** np.arange(N_FACTORS)
    bases = np.linalg.qr(bases).Q * (scales * np.sqrt(0.8 / np.sum(scales**2))).astype("f")

    shape, chunks = (n_rows, N_FEATURES), (min(n_rows, CHUNK_ROWS), N_FEATURES)
    X = zarr.create_array(path, shape=shape, chunks=chunks, dtype="f4", compressors=None)
    classes = np.empty(n_rows, np.int32)
    for start in range(0, n_rows, chunks[0]):
        rng = np.random.default_rng([1, start])
        rows = slice(start, min(start + chunks[0], n_rows))
        y = classes[rows] = rng.integers(N_CLUSTERS, size=rows.stop - start)
        points = rng.standard_normal((len(y), N_FEATURES), "f") * np.float32(
            (0.2 / N_FEATURES) ** 0.5
        )
        for k in range(N_CLUSTERS):
            factors = rng.standard_normal((np.count_nonzero(y == k), N_FACTORS), "f")
            points[y == k] += factors @ bases[k].T
        points = centres[y] + SPREAD * points
        X[rows] = points / np.linalg.norm(points, axis=1, keepdims=True)
    return classes


def product(X: Any, labels: Path | None) -> tuple[float, float]:
    """Return the seconds of one product."""
    matrix = np.random.default_rng(0).standard_normal((N_FEATURES, 500), "f")

    def total(block: np.ndarray) -> np.ndarray:
        return (block @ matrix).sum(keepdims=True)

    start = time.perf_counter()
    X.map_blocks(total, chunks=(1, 1), dtype="f4", meta=matrix[:0, :0]).sum().compute()
    return time.perf_counter() - start, 0.0


def clustering(make: Callable[[], Any]) -> Callable[[Any, Path], tuple[float, float]]:
    """Return what times the fit of an estimator, and its predictions into a Zarr array."""

    def run(X: Any, labels: Path) -> tuple[float, float]:
        start = time.perf_counter()
        model = make().fit(X)
        fitted = time.perf_counter()
        model.predict(X).to_zarr(str(labels))
        return fitted - start, time.perf_counter() - fitted

    return run


def method_of(name: str) -> Callable[[Any, Path], tuple[float, float]]:
    """Return a method by its name."""
    if name == "product":
        return product
    if name == "CollisionClusterer":
        from skcollision import CollisionClusterer

        return clustering(lambda: CollisionClusterer(N_CLUSTERS, random_state=0))
    from dask_ml.cluster import KMeans

    return clustering(lambda: KMeans(N_CLUSTERS, random_state=0))


def peak() -> float:
    """Return the peak resident memory of this process in GB."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e6


def child(folder: Path, name: str, n_workers: int) -> None:
    """Run one method and print what it took."""
    import dask.array as da
    from distributed import Client, LocalCluster

    run = method_of(name)
    with (
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            memory_limit="2GB",
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster) as client,
    ):
        # A small run may leave workers out.
        client.run(import_module, "zarr")
        client.run(method_of, name)
        X = da.from_zarr(str(folder / "X.zarr"))
        run(X[:10_000].rechunk((5000, -1)), folder / f"warm-{name}.zarr")
        before = sum(client.run(time.process_time).values()) + time.process_time()
        fit, predict = run(X, folder / f"{name}.zarr")
        cpu = sum(client.run(time.process_time).values()) + time.process_time() - before
        worker = max(client.run(peak).values())
    found = {"fit": fit, "predict": predict, "cpu": cpu, "client": peak(), "worker": worker}
    print(json.dumps(found))


def measure(n_rows: int, workers: list[int], methods: list[str], scratch: Path | None) -> None:
    """Append the rows of the CSV that are not there for a number of rows of X."""
    import zarr
    from sklearn.metrics import normalized_mutual_info_score

    path = RESULTS / "dask_rows.csv"
    if not path.exists():
        append_row(path, FIELDS)
    done = {tuple(row) for row in read_rows(path, FIELDS)[FIELDS[:3]].to_numpy().tolist()}
    cells = [(n, name) for n in workers for name in methods if (n_rows, n, name) not in done]
    if not cells:
        return
    with tempfile.TemporaryDirectory(dir=scratch) as name_of_folder:
        folder = Path(name_of_folder)
        classes = generate(folder / "X.zarr", n_rows)
        for n_workers, name in cells:
            labels = folder / f"{name}.zarr"
            for old in (labels, folder / f"warm-{name}.zarr"):
                subprocess.run(["rm", "-rf", str(old)], check=True)
            command = [sys.executable, "-W", "ignore", __file__, "--child", str(folder), name]
            command += ["--workers", str(n_workers)]
            output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
            found = json.loads(output.splitlines()[-1])
            nmi = 1.0
            if name != "product":
                nmi = normalized_mutual_info_score(classes, zarr.open(labels)[:])
            row = [n_rows, n_workers, name, found["fit"], found["predict"], found["cpu"], nmi]
            row += [found["client"], found["worker"]]
            append_row(path, [round(v, 4) if isinstance(v, float) else v for v in row])
            print(row, flush=True)


def table() -> str:
    """Return the table of all that was ever measured."""
    rows = read_rows(RESULTS / "dask_rows.csv", FIELDS).sort_values(["rows", "workers"])
    products = rows[rows.method == "product"].set_index(["rows", "workers"]).fit
    lines = []
    for row in rows.itertuples():
        seconds = row.fit + row.predict
        is_product = row.method == "product"
        lines.append(
            [
                f"{row.rows:,}",
                str(row.workers),
                row.method,
                f"{row.fit:.1f}",
                "" if is_product else f"{row.predict:.1f}",
                "" if is_product else f"{seconds / products[row.rows, row.workers]:.1f}",
                f"{row.cpu:.1f}",
                "" if is_product else f"{row.nmi:.3f}",
                f"{row.client:.2f}",
                f"{row.worker:.2f}",
            ]
        )
    header = ["rows", "workers", "", "fit, s", "predict, s", "in products", "CPU, s", "NMI"]
    return markdown([*header, "client, GB", "worker, GB"], lines)


def main() -> None:
    """Measure what was asked for, and write the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, nargs="+", default=[10**5, 10**6, 10**7])
    arguments.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    arguments.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    arguments.add_argument("--scratch", type=Path, help="folder for the arrays")
    arguments.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.child:
        child(Path(given.child[0]), given.child[1], given.workers[0])
        return
    for n_rows in given.rows:
        measure(n_rows, given.workers, given.methods, given.scratch)
    note = (
        f"\nRows of {N_FEATURES} float32 in chunks of {CHUNK_ROWS:,}, K = {N_CLUSTERS}, one run "
        f'each. "In products": fit and predict, in units of the product\'s time. {machine()}.\n'
    )
    write("dask_rows", table() + note)


if __name__ == "__main__":
    main()
