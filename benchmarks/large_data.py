"""Features larger than memory: what a streamed fit costs in memory, and in accuracy.

Run as ``python benchmarks/large_data.py --data FOLDER``; writes results/large_data.md.

Memory: a memory map of ``--gigabytes``, rows sorted by class, is generated in ``--scratch``, fitted
in a process of its own, which writes its labels to another map, and deleted. The figure is the peak
of the memory resident in that process, pages of the file included.

Accuracy: the same sets in memory and streamed: as they are, sorted by class, and sorted by class as
a plain iterable. Training draws the same rows from a stream as from an array.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from _common import load, machine, markdown, mean_std, parser, write

COLUMNS, CLASSES = 2048, 10

CHILD = """
import json, sys, time
import numpy as np
from skcollision import CollisionClusterer

def peak():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**20

path, epochs = sys.argv[1], int(sys.argv[2])
CollisionClusterer(3, max_iter=2).fit(np.random.default_rng(0).normal(size=(99, 4)).astype("f"))
before = peak()
X = np.load(path, mmap_mode="r")
clusterer = CollisionClusterer(10, max_iter=epochs, random_state=0)
clusterer.fit(X, checkpoint=path + ".checkpoint")
fitted = peak()
out = np.lib.format.open_memmap(path + ".labels", mode="w+", dtype=np.int32, shape=(len(X),))
clusterer.predict(X, out=out)
same = bool((out == clusterer.labels_).all())
print(json.dumps({"before": before, "fit": fitted, "predict": peak(), "same": same}))
"""


class Blocks:
    """A plain iterable: its blocks come in one order only."""

    def __init__(self, X: np.ndarray) -> None:
        self._X = X

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield blocks of 256 rows."""
        return (self._X[start : start + 256] for start in range(0, len(self._X), 256))


def generate(path: Path, gigabytes: float) -> tuple[int, int]:
    """Write rows around as many centres as there are classes, one class after the other."""
    n_rows = int(gigabytes * 2**30 / (4 * COLUMNS))
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((CLASSES, COLUMNS), dtype=np.float32)
    np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n_rows, COLUMNS))
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - n_rows * COLUMNS * 4)
        for start in range(0, n_rows, 4096):
            rows = np.arange(start, min(start + 4096, n_rows))
            noise = 4 * rng.standard_normal((len(rows), COLUMNS), dtype=np.float32)
            (centres[rows * CLASSES // n_rows] + noise).tofile(file)
    return n_rows, COLUMNS


def memory(scratch: Path | None, gigabytes: float, epochs: int) -> str:
    """Return the table of peak memory."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        path = Path(folder) / "X.npy"
        shape = generate(path, gigabytes)
        command = [sys.executable, "-W", "ignore", "-c", CHILD, str(path), str(epochs)]
        found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert found["same"], "labels written by predict must be those of fit"
    names = ("libraries and a small fit", "after fit", "after predict to a file")
    values = [f"{found[key]:.2f}" for key in ("before", "fit", "predict")]
    return (
        f"Peak resident memory, a map of {gigabytes:g} GiB ({shape[0]:,} x {shape[1]}, float32, "
        f"{epochs} epochs, checkpointed):\n\n"
        + markdown(["", "GiB"], [list(row) for row in zip(names, values, strict=True)])
    )


def accuracy(folder: Path, names: list[str], n_seeds: int) -> str:
    """Return the table of accuracies."""
    from skcollision import CollisionClusterer, FeatureBlocks
    from skcollision.metrics import clustering_accuracy_score

    rows = []
    for name in names:
        X, y = load(folder, name)
        order = np.argsort(y, kind="stable")
        cases = [
            ("in memory", X, y),
            ("streamed", FeatureBlocks(X, block_rows=256), y),
            ("streamed, sorted", FeatureBlocks(X[order], block_rows=256), y[order]),
            ("iterable, sorted", FeatureBlocks(Blocks(X[order])), y[order]),
        ]
        for case, features, labels in cases:
            scores = []
            for seed in range(n_seeds):
                model = CollisionClusterer(len(np.unique(y)), random_state=seed).fit(features)
                scores.append(clustering_accuracy_score(labels, model.labels_))
            rows.append([name, case, mean_std(scores)])
            print(rows[-1], flush=True)
    return f"Accuracy over {n_seeds} seeds:\n\n" + markdown(["features", "X", "ACC"], rows)


def main() -> None:
    """Measure what was asked for."""
    arguments = parser(__doc__)
    arguments.add_argument("--gigabytes", type=float, default=10.0, help="size of the memory map")
    arguments.add_argument("--epochs", type=int, default=2, help="epochs of the fit of the map")
    arguments.add_argument("--scratch", type=Path, help="folder for the memory map")
    given = arguments.parse_args()
    parts = [accuracy(given.data, given.sets, given.seeds)]
    parts.append(memory(given.scratch, given.gigabytes, given.epochs))
    write("large_data", "\n".join([*parts, f"{machine()}.\n"]))


if __name__ == "__main__":
    main()
