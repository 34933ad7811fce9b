"""What a search costs beyond its fits: GridSearchCV over λ and fairness weight, 5 x 5 x 3 folds.

Run as ``python benchmarks/grid_search.py --data FOLDER`` on an idle machine; writes
results/grid_search.md. The searches with different ``n_jobs`` choose among the same fits.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
import torch
from _common import load, machine, markdown, parser, write
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_info

from skcollision import CollisionClusterer
from skcollision._parallel import n_threads
from skcollision.metrics import get_scorer

LAMBDAS = (1.0, 3.0, 10.0, 30.0, 100.0)
FAIRNESS_WEIGHTS = (0.0, 0.3, 1.0, 3.0, 10.0)
N_FOLDS = 3
TARGET = 1.3
SCORER = "neighbor_info"


def score(estimator, X, y=None):
    """Score, and look up how many threads torch, numba and BLAS use in the process that fits."""
    blas = max((pool["num_threads"] for pool in threadpool_info()), default=1)
    threads = {"torch": torch.get_num_threads(), "numba": n_threads(), "pools": blas}
    return {SCORER: get_scorer(SCORER)(estimator, X)} | threads


def search(X, n_clusters, n_jobs):
    """Search once; return the fitted search and its seconds."""
    found = GridSearchCV(
        CollisionClusterer(n_clusters, random_state=0),
        {"lam": LAMBDAS, "fairness_weight": FAIRNESS_WEIGHTS},
        scoring=score,
        refit=SCORER,
        cv=N_FOLDS,
        n_jobs=n_jobs,
    )
    start = time.perf_counter()
    found.fit(X)
    return found, time.perf_counter() - start


def row(name, found, seconds, n_jobs):
    """Format the table's row: all the seconds that the fits took, the last on all points too."""
    results = found.cv_results_
    fits = N_FOLDS * results["mean_fit_time"].sum() + found.refit_time_
    scoring = N_FOLDS * results["mean_score_time"].sum()
    threads = [f"{results[f'mean_test_{pool}'].max():.0f}" for pool in ("torch", "numba", "pools")]
    times = [f"{value:.1f}" for value in (seconds, fits, scoring, found.refit_time_)]
    ratio = f"{seconds / fits:.2f}"
    return [name, str(n_jobs), *times, ratio, " / ".join(threads), str(found.best_params_)]


def main():
    """Search each set with each number of jobs."""
    options = parser(__doc__)
    options.set_defaults(sets=["20news_minilm"])
    options.add_argument("--jobs", nargs="+", type=int, default=[1, 2], help="numbers of processes")
    options.add_argument("--rows", type=int, help="only the first so many rows")
    arguments = options.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    rows = []
    for name in arguments.sets:
        X, y = load(arguments.data, name)
        X, n_clusters = X[: arguments.rows], len(np.unique(y))
        CollisionClusterer(n_clusters, max_iter=1, random_state=0).fit(X[:1000])  # compiles
        for n_jobs in arguments.jobs:
            rows.append(row(f"{name}, {len(X)} rows", *search(X, n_clusters, n_jobs), n_jobs))
            print(rows[-1], flush=True)
    header = ["set", "n_jobs", "seconds", "its fits", "scoring", "last fit", "seconds / fits"]
    header += ["threads of torch / numba / pools", "chosen"]
    note = (
        f"\nGridSearchCV with {len(LAMBDAS)} values of lam, {len(FAIRNESS_WEIGHTS)} of "
        f"fairness_weight, {N_FOLDS} folds and the scorer {SCORER}. Seconds: of the search. Its "
        "fits: the sum of what each took by itself, the last fit on all points among them; the "
        f"target is a search in at most {TARGET} times that. With two processes the sum counts the "
        "time of both. Threads: most in the processes that fit. Compiled before the clock starts; "
        f"{machine()}.\n"
    )
    write("grid_search", markdown(header, rows) + note)


if __name__ == "__main__":
    main()
