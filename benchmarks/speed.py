"""Seconds and memory of a default fit over N and K, beside the k-means of scikit-learn and faiss.

Run as ``python benchmarks/speed.py --data FOLDER``, or for some cells only, as in ``--cells digits
1e4x10``; writes results/speed.csv, where rows that are there are not measured again, and
results/speed.md. Imports and compilation are not timed: benchmarks/start_up.py measures them.
"""

from __future__ import annotations

from _cells import parse, run_all, tables
from _common import machine, write

METHODS = [
    "CollisionClusterer",
    "KMeans(n_init=1)",
    "KMeans(n_init=10)",
    "MiniBatchKMeans",
    "faiss.Kmeans",
]
SIZES = [f"1e{n}x{k}" for n in (3, 4, 5, 6) for k in (2, 10, 100, 1000, 10000) if k <= 10**n / 5]
FIGURES = {
    "seconds": ("Seconds", 2),
    "nmi": ("NMI", 3),
    "n_found": ("Clusters used", 0),
    "memory": ("Peak memory in units of the float32 features, these included", 2),
}


def main() -> None:
    """Measure the cells, and write the tables of all that were ever measured."""
    arguments = parse(__doc__, SIZES)
    rows = run_all("speed", METHODS, arguments)
    note = (
        f"\nMeans over up to {arguments.seeds} seeds, methods by turns, each fit in a process of "
        "its own after a small one that compiles. Sizes like 1e5x100 are of make_embeddings with "
        f"384 features. Left out: the method failed, or took over {arguments.limit:g} s, on data "
        f"no larger. Threads: {arguments.threads}; {machine()}.\n"
    )
    write("speed", tables(rows, METHODS, FIGURES) + note)


if __name__ == "__main__":
    main()
