"""CollisionClusterer beside KMeans on real embeddings: defaults, both sides in one run.

Run as ``python benchmarks/main_job.py --data FOLDER``; writes results/main_job.md and the README's
table.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
from _common import load, machine, markdown, mean_std, parser, write
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from skcollision import CollisionClusterer
from skcollision.metrics import clustering_accuracy_score

METHODS = {
    "KMeans(n_init=10)": lambda k, seed: KMeans(k, n_init=10, random_state=seed),
    "CollisionClusterer()": lambda k, seed: CollisionClusterer(k, random_state=seed),
}
SCORES = {
    "ACC": clustering_accuracy_score,
    "NMI": normalized_mutual_info_score,
    "ARI": adjusted_rand_score,
}


def measure(make, X, y, seed):
    """Fit once; return scores and seconds."""
    start = time.perf_counter()
    labels = make(len(np.unique(y)), seed).fit_predict(X)
    seconds = time.perf_counter() - start
    return {**{name: score(y, labels) for name, score in SCORES.items()}, "seconds": seconds}


def main():
    """Measure every set, method and seed, by turns so that both methods meet the same load."""
    arguments = parser(__doc__).parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    # Compile the kernels before the clock runs: they are cached from then on.
    CollisionClusterer(3, max_iter=2).fit(np.random.default_rng(0).normal(size=(99, 4)).astype("f"))
    rows = []
    for name in arguments.sets:
        X, y = load(arguments.data, name)
        found = {method: [] for method in METHODS}
        for seed in range(arguments.seeds):
            for method, make in METHODS.items():
                found[method].append(measure(make, X, y, seed))
                print(name, method, seed, found[method][-1], flush=True)
        for method, runs in found.items():
            columns = [mean_std([run[s] for run in runs]) for s in SCORES]
            seconds = f"{np.median([run['seconds'] for run in runs]):.1f}"
            rows.append([f"{name} (K = {len(np.unique(y))})", method, *columns, seconds])
    header = ["features", "method", *SCORES, "seconds"]
    note = (
        f"\nMean ± standard deviation over {arguments.seeds} seeds; median seconds, both methods "
        f"by turns; {machine()}.\n"
    )
    write("main_job", markdown(header, rows) + note)


if __name__ == "__main__":
    main()
