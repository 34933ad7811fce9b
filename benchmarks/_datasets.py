"""The data sets of the accuracy benchmark: real features, and what is made from them.

A set is loaded for a seed: the rows that a subsample keeps follow it, everything else is the same
for all seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from _common import FEATURE_SETS, load
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skcollision.datasets import make_embeddings

Arrays = tuple[np.ndarray, np.ndarray]

# Rows of the sets on which many variants are compared.
VARIANT_ROWS = 3000


@dataclass(frozen=True)
class DataSet:
    """A named set: `make(folder, seed)` gives features and true classes, for evaluation only.

    Methods are asked for `cluster_factor` times as many clusters as there are classes.
    """

    name: str
    group: str
    make: Callable[[Path | None, int], Arrays]
    cluster_factor: float = 1.0
    depends_on_seed: bool = False

    @property
    def feature_set(self) -> str | None:
        """Name of the file that the set is made from; None for sets that need none."""
        base = self.name.partition("/")[0]
        return base if base in FEATURE_SETS else None

    def load(self, folder: Path | None, seed: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Return float32 features, classes, and the number of clusters to ask for."""
        X, y = self.make(folder, seed)
        n_clusters = max(2, round(len(np.unique(y)) * self.cluster_factor))
        return np.ascontiguousarray(X, dtype=np.float32), y, n_clusters


def _real(name: str, folder: Path | None, seed: int) -> Arrays:
    assert folder is not None
    return load(folder, name)


def _digits(folder: Path | None, seed: int) -> Arrays:
    return load_digits(return_X_y=True)


def _subsample(name: str, n_rows: int, folder: Path | None, seed: int) -> Arrays:
    X, y = _real(name, folder, seed)
    rows = np.random.default_rng(seed).permutation(len(X))[:n_rows]
    return X[rows], y[rows]


def _long_tail(name: str, ratio: float, folder: Path | None, seed: int) -> Arrays:
    """Let class sizes fall geometrically, the largest `ratio` times the smallest.

    Which class is the largest follows the seed, and as many rows are kept as the classes allow.
    """
    X, y = _real(name, folder, seed)
    rng = np.random.default_rng(seed)
    counts = np.bincount(y)
    shares = ratio ** -(rng.permutation(len(counts)) / (len(counts) - 1))
    sizes = np.maximum(1, np.round(shares * (counts / shares).min())).astype(int)
    parts = [rng.choice(np.flatnonzero(y == k), size, False) for k, size in enumerate(sizes)]
    rows = rng.permutation(np.concatenate(parts))
    return X[rows], y[rows]


def _changed(name: str, change: str, folder: Path | None, seed: int) -> Arrays:
    """Scale, shift or rotate the same rows for all seeds: good clusters stay where they are."""
    X, y = _subsample(name, VARIANT_ROWS, folder, 0)
    rng = np.random.default_rng(0)
    if change == "shifted":
        direction = rng.standard_normal(X.shape[1])
        lengths = np.linalg.norm(X, axis=1)
        return X + 10 * lengths.mean() * direction / np.linalg.norm(direction), y
    if change == "rotated":
        rotation, _ = np.linalg.qr(rng.standard_normal((X.shape[1], X.shape[1])))
        return X @ rotation, y
    return X * {"as_is": 1.0, "times_1000": 1000.0, "over_1000": 0.001}[change], y


def _projected(name: str, n_features: int, folder: Path | None, seed: int) -> Arrays:
    X, y = _subsample(name, VARIANT_ROWS, folder, 0)
    return PCA(n_features, svd_solver="randomized", random_state=0).fit_transform(X), y


def _synthetic(n_features: int, folder: Path | None, seed: int) -> Arrays:
    factors = min(4, n_features)
    return make_embeddings(VARIANT_ROWS, 10, n_features, n_factors=factors, random_state=seed)


def _made(n_samples: int, n_clusters: int, folder: Path | None, seed: int) -> Arrays:
    """Make embeddings, or read what was made for another method and left in the folder."""
    assert folder is not None
    path = folder / f"{n_samples}x{n_clusters}_{seed}.npz"
    if not path.exists():
        X, y = make_embeddings(n_samples, n_clusters, 384, random_state=seed)
        np.savez(path, X=X, y=y)
    return load(folder, path.stem)


def _all() -> Iterator[DataSet]:
    yield DataSet("digits", "digits", _digits)
    for name in FEATURE_SETS:
        yield DataSet(name, "embeddings", partial(_real, name))
        for ratio in (10, 50):
            make = partial(_long_tail, name, ratio)
            yield DataSet(f"{name}/tail_{ratio}", "imbalanced", make, depends_on_seed=True)
        for factor in (0.5, 1.5):
            yield DataSet(f"{name}/k_times_{factor}", "wrong_k", partial(_real, name), factor)
        for n_rows in (200, 1000, 3000):
            make = partial(_subsample, name, n_rows)
            yield DataSet(f"{name}/n_{n_rows}", "size", make, depends_on_seed=True)
    for name in ("mnist_resnet50", "20news_minilm"):
        for change in ("as_is", "times_1000", "over_1000", "shifted", "rotated"):
            yield DataSet(f"{name}/{change}", "scale", partial(_changed, name, change))
        for n_features in (2, 8, 32, 128):
            make = partial(_projected, name, n_features)
            yield DataSet(f"{name}/pca_{n_features}", "dimension", make)
    for n_features in (2, 8, 32, 128, 512, 2048):
        make = partial(_synthetic, n_features)
        yield DataSet(f"synthetic/d_{n_features}", "dimension", make, depends_on_seed=True)


DATA_SETS = {data.name: data for data in _all()}
GROUPS = tuple(dict.fromkeys(data.group for data in DATA_SETS.values()))


def find(name: str) -> DataSet:
    """Return a set by its name; one like 1e5x100 is of so many embeddings and clusters."""
    if name in DATA_SETS:
        return DATA_SETS[name]
    n_samples, n_clusters = (int(float(number)) for number in name.split("x"))
    return DataSet(name, "made", partial(_made, n_samples, n_clusters), depends_on_seed=True)


def select(wanted: list[str]) -> list[DataSet]:
    """Return the sets of the groups, or of the names, that are wanted."""
    unknown = set(wanted) - set(GROUPS) - set(DATA_SETS)
    if unknown:
        raise ValueError(
            f"No data set or group {', '.join(sorted(unknown))}. Groups: {', '.join(GROUPS)}; "
            f"data sets: {', '.join(DATA_SETS)}."
        )
    return [d for d in DATA_SETS.values() if d.group in wanted or d.name in wanted]
