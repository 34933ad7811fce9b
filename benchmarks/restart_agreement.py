"""Do fits from different seeds find the same clusters? One restart, the default, and KMeans.

Run as ``python benchmarks/restart_agreement.py --data FOLDER``; writes
results/restart_agreement.md. Agreement is the adjusted Rand index between the clusters of two
seeds, averaged over all pairs: it needs no labels. ACC is shown beside it, for evaluation alone.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from _common import load, machine, markdown, mean_std, parser, write
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from skcollision import CollisionClusterer
from skcollision.metrics import clustering_accuracy_score

METHODS = {
    "CollisionClusterer, n_init=1": (CollisionClusterer, 1),
    "CollisionClusterer (default)": (CollisionClusterer, "auto"),
    "KMeans, n_init=1": (KMeans, 1),
    "KMeans, n_init=10": (KMeans, 10),
}


def main():
    """Compare the methods on every set."""
    arguments = parser(__doc__).parse_args()
    rows = []
    for name in arguments.sets:
        X, y = load(arguments.data, name)
        n_clusters = len(np.unique(y))
        for label, (estimator, n_init) in METHODS.items():
            found = [
                estimator(n_clusters, n_init=n_init, random_state=seed).fit_predict(X)
                for seed in range(arguments.seeds)
            ]
            agreement = [adjusted_rand_score(a, b) for a, b in combinations(found, 2)]
            accuracy = [clustering_accuracy_score(y, labels) for labels in found]
            rows.append([name, label, mean_std(agreement), mean_std(accuracy)])
            print(rows[-1], flush=True)
    header = ["features", "method", "agreement of seeds", "ACC"]
    note = f"\nMean ± standard deviation; {arguments.seeds} seeds and their pairs; {machine()}.\n"
    write("restart_agreement", markdown(header, rows) + note)


if __name__ == "__main__":
    main()
