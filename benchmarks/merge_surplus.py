"""What `merge_surplus` makes of too many clusters: how many are left, and how good they are.

Run as ``python benchmarks/merge_surplus.py --data FOLDER``; writes results/merge_surplus.md. Every
method is asked for 1, 1.5 and 2 times as many clusters as there are classes; the classes are used
for ACC and NMI only. Subsamples, another one for each seed, keep it to minutes.
"""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
from _common import load, machine, markdown, parser, write
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import normalized_mutual_info_score

from skcollision import CollisionClusterer
from skcollision.datasets import make_embeddings
from skcollision.metrics import clustering_accuracy_score

ROWS = 4000
FACTORS = (1.0, 1.5, 2.0)
SYNTHETIC = {
    "synthetic, spread 1": {"spread": 1.0},
    "synthetic, spread 2": {"spread": 2.0},
    "synthetic, largest 10 x smallest": {"spread": 1.0, "imbalance": 10.0},
}
METHODS = {
    "merge_surplus=True": lambda k, seed: CollisionClusterer(
        k, merge_surplus=True, random_state=seed
    ),
    "CollisionClusterer": lambda k, seed: CollisionClusterer(k, random_state=seed),
    "KMeans(n_init=10)": lambda k, seed: KMeans(k, n_init=10, random_state=seed),
}


def subsample(folder, name, seed):
    """Return rows of a feature set."""
    X, y = load(folder, name)
    rows = np.random.default_rng(seed).permutation(len(X))[:ROWS]
    return X[rows], y[rows]


def data_sets(folder, names):
    """Return what makes the features and classes of each set for a seed."""
    sets = {name: partial(subsample, folder, name) for name in names}
    digits = load_digits(return_X_y=True)
    sets["digits"] = lambda seed: (digits[0].astype(np.float32), digits[1])
    for name, settings in SYNTHETIC.items():
        sets[name] = lambda seed, settings=settings: make_embeddings(
            2000, 10, 64, random_state=seed, **settings
        )
    return sets


def measure(make, X, y, n_clusters, seed):
    """Fit once; return the clusters that have points, ACC and NMI."""
    labels = make(n_clusters, seed).fit_predict(X)
    n_found = len(np.unique(labels))
    return n_found, clustering_accuracy_score(y, labels), normalized_mutual_info_score(y, labels)


def rows_of(name, make_data, n_seeds):
    """Return the table's rows for one set, a row for each number of clusters."""
    runs = {}
    for seed in range(n_seeds):
        X, y = make_data(seed)
        n_classes = len(np.unique(y))
        for factor in FACTORS:
            for method, make in METHODS.items():
                found = measure(make, X, y, round(factor * n_classes), seed)
                runs.setdefault((factor, method), []).append(found)
    rows = []
    for factor in FACTORS:
        mean = np.array([np.mean(runs[factor, method], axis=0) for method in METHODS])
        scores = [f"{value:.3f}" for value in mean[:, 1:].T.ravel()]
        found = [run[0] for run in runs[factor, "merge_surplus=True"]]
        spread = f"{mean[0, 0]:.1f} ({min(found)}–{max(found)})"
        rows.append([name, str(n_classes), str(round(factor * n_classes)), spread, *scores])
    return rows, mean_by_factor(runs)


def mean_by_factor(runs):
    """Return mean ACC and NMI, shape (factors, methods, 2)."""
    return np.array([[np.mean(runs[f, m], axis=0)[1:] for m in METHODS] for f in FACTORS])


def main():
    """Measure every set; add the means over them."""
    arguments = parser(__doc__).parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    rows, means = [], []
    for name, make_data in data_sets(arguments.data, arguments.sets).items():
        of_set, mean = rows_of(name, make_data, arguments.seeds)
        rows += of_set
        means.append(mean)
        print(*of_set, sep="\n", flush=True)
    for factor, mean in zip(FACTORS, np.mean(means, axis=0), strict=True):
        scores = [f"{value:.3f}" for value in mean.T.ravel()]
        rows.append(["mean of the sets", "K", f"{factor:g} K", "", *scores])
    header = ["set", "classes", "asked for", "left", *(f"ACC, {name}" for name in METHODS)]
    header += [f"NMI, {name}" for name in METHODS]
    note = (
        f"\nMeans over {arguments.seeds} seeds; left: clusters that merge_surplus=True leaves, "
        f"mean (least–most). At most {ROWS} rows a set, the synthetic ones 2000 in 64 dimensions. "
        f"ACC counts one cluster a class, so the surplus is lost to it; {machine()}.\n"
    )
    write("merge_surplus", markdown(header, rows) + note)


if __name__ == "__main__":
    main()
