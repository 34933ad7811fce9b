"""Data that nothing was tuned on: few features, few points, many clusters, awkward matrices.

Run as ``python benchmarks/other_data.py``; writes results/other_data.md. It makes its own data or
takes scikit-learn's, so --data is there for `make bench` only. The last columns leave out what is
done for fewer than 16 features (rows that keep most of their length, weaker weight decay, a steeper
start that restarts may return to), and the geometric median as the centre of data with rows far
outside.
"""

from __future__ import annotations

import warnings
from unittest import mock

import numpy as np
import sklearn.datasets as sets
from _common import machine, markdown, parser, write
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score
from sklearn.preprocessing import StandardScaler

from skcollision import CollisionClusterer
from skcollision.datasets import make_embeddings
from skcollision.engine import _normalisation, _schedule
from skcollision.metrics import clustering_accuracy_score

# Dimensions, clusters and spread.
BLOBS = ((1, 3, 1.0), (2, 5, 1.0), (2, 10, 1.0), (3, 8, 1.0), (8, 20, 3.0))
# Points, clusters, dimensions, spread and imbalance.
EMBEDDINGS = (
    (200, 5, 64, 1.5, 1),
    (200, 20, 64, 1.0, 1),
    (500, 50, 128, 1.0, 1),
    (1000, 10, 2, 0.5, 1),
    (1000, 5, 4, 1.0, 1),
    (2000, 3, 64, 1.5, 50),
    (2000, 10, 64, 1.0, 100),
)


def of_scikit_learn(seed):
    """Yield its small sets, in units of their standard deviations and as they are."""
    for name in ("iris", "wine", "breast_cancer", "digits"):
        X, y = getattr(sets, f"load_{name}")(return_X_y=True)
        yield f"{name}, standardised", StandardScaler().fit_transform(X), y
        yield f"{name}, as it is", X, y


def made(seed):
    """Yield blobs and embeddings."""
    for n_features, k, spread in BLOBS:
        X, y = sets.make_blobs(
            1000, n_features, centers=k, cluster_std=spread, random_state=100 + seed
        )
        yield f"blobs: {k} in {n_features} dimensions", X, y
    for n, k, d, spread, imbalance in EMBEDDINGS:
        X, y = make_embeddings(
            n, k, d, spread=spread, n_factors=min(4, d), imbalance=imbalance, random_state=seed
        )
        what = f"{n} points, {k} clusters, {d} dimensions, spread {spread:g}"
        yield f"embeddings: {what}, imbalance {imbalance}", X, y


def awkward(seed):
    """Yield one set of embeddings as matrices in practice are."""
    X, y = make_embeddings(1000, 10, 64, random_state=seed)
    rng = np.random.default_rng(seed)
    yield "awkward: as it is", X, y
    far = X.copy()
    far[:20] *= rng.uniform(10, 1000, (20, 1)).astype(np.float32)
    yield "awkward: 20 rows far outside", far, y
    rows = np.r_[np.arange(1000), rng.integers(0, 50, 1000)]
    yield "awkward: 50 rows drawn 20 times again", X[rows], y[rows]
    yield "awkward: 64 constant columns", np.hstack([X, np.full_like(X, 7)]), y
    yield "awkward: float16", X.astype(np.float16), y
    yield "awkward: one column x 1000", X * np.r_[1000, np.ones(63)].astype(np.float32), y


def ours(X, n_clusters, seed):
    """Cluster with the defaults."""
    return CollisionClusterer(n_clusters, random_state=seed).fit_predict(X)


def without_rules(X, n_clusters, seed):
    """Cluster few features as many, and around the mean."""
    length = np.linalg.norm(X - X.mean(0, dtype=float), axis=1)
    is_tame = np.sqrt(np.mean(length**2)) < _normalisation.HEAVY_TAILS * length.mean()
    if X.shape[1] >= _normalisation.FEW_FEATURES and is_tame:
        return None
    with (
        mock.patch.object(_normalisation, "HEAVY_TAILS", np.inf),
        mock.patch.object(_normalisation, "FEW_FEATURES", 0),
        mock.patch.object(_schedule, "FEW_FEATURES", 0),
    ):
        return ours(X, n_clusters, seed)


def kmeans(X, n_clusters, seed):
    """Cluster as most would; scikit-learn's centres overflow in half precision."""
    X = X.astype(np.float32) if X.dtype == np.float16 else X
    return KMeans(n_clusters, n_init=10, random_state=seed).fit_predict(X)


METHODS = {
    "CollisionClusterer": ours,
    "KMeans(n_init=10)": kmeans,
    "without both rules": without_rules,
}


def scores(method, X, y, seed):
    """Return ACC, NMI and the share of the clusters that have points; None for what is the same."""
    n_clusters = len(np.unique(y))
    labels = method(X, n_clusters, seed)
    if labels is None:
        return [np.nan] * 3
    used = len(np.unique(labels)) / n_clusters
    return [clustering_accuracy_score(y, labels), normalized_mutual_info_score(y, labels), used]


def main():
    """Measure every set for every seed."""
    arguments = argparse_of(parser(__doc__))
    warnings.simplefilter("ignore")
    runs = {}
    for seed in range(arguments.seeds):
        for family in (of_scikit_learn, made, awkward):
            for name, X, y in family(seed):
                found = [scores(method, X, y, seed) for method in METHODS.values()]
                runs.setdefault(name, []).append(found)
                print(seed, name, np.round(found, 3).tolist(), flush=True)
    rows = []
    for name, found in runs.items():
        mean = np.mean(found, axis=0)
        cells = ["–" if np.isnan(value) else f"{value:.3f}" for value in mean[:, :2].ravel()]
        rows.append([name, *cells, f"{mean[0, 2]:.2f}"])
    header = ["data", *(f"{score}, {name}" for name in METHODS for score in ("ACC", "NMI"))]
    note = (
        f"\nMeans over {arguments.seeds} seeds, which also draw the data that are made. Without "
        "both rules: fewer than 16 features treated as more are, and rows far outside as any. "
        f"Used: share of the clusters of CollisionClusterer that have points; {machine()}.\n"
    )
    write("other_data", markdown([*header, "used"], rows) + note)


def argparse_of(options):
    """Parse the command line; no folder is needed."""
    for action in options._actions:
        action.required = False
    return options.parse_args()


if __name__ == "__main__":
    main()
