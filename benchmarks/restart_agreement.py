"""Do the restarts find the same clusters? With weight decay that comes down, and without.

Run as ``python benchmarks/restart_agreement.py --data FOLDER``; writes
results/restart_agreement.md. Agreement is the adjusted Rand index between the clusters of two
restarts, averaged over all pairs: it needs no labels. ACC is shown beside it, for evaluation alone.
"""

from __future__ import annotations

from itertools import combinations
from unittest import mock

import numpy as np
from _common import load, machine, markdown, mean_std, parser, write
from sklearn.metrics import adjusted_rand_score

from skcollision import CollisionClusterer
from skcollision.cluster import _base
from skcollision.engine import _schedule, select_restart
from skcollision.metrics import clustering_accuracy_score

EXTRA_DECAYS = (0.0, _schedule.EXTRA_DECAY)


def restarts(X, n_clusters, seed):
    """Fit with the defaults; return the labels that each restart would give."""
    found = []

    def select(heads, features, *scores):
        found[:] = heads(features.features.batch(slice(None))).argmax(2).numpy()
        return select_restart(heads, features, *scores)

    with mock.patch.object(_base, "select_restart", select):
        CollisionClusterer(n_clusters, random_state=seed).fit(X)
    return found


def main():
    """Compare both settings on every set."""
    arguments = parser(__doc__).parse_args()
    rows = []
    for name in arguments.sets:
        X, y = load(arguments.data, name)
        for extra in EXTRA_DECAYS:
            _schedule.EXTRA_DECAY = extra
            agreement, accuracy = [], []
            for seed in range(arguments.seeds):
                found = restarts(X, len(np.unique(y)), seed)
                agreement += [adjusted_rand_score(a, b) for a, b in combinations(found, 2)]
                accuracy += [clustering_accuracy_score(y, labels) for labels in found]
            rows.append([name, f"{1 + extra:g}", mean_std(agreement), mean_std(accuracy)])
            print(rows[-1], flush=True)
    header = ["features", "first weight decay / last", "agreement of restarts", "ACC of a restart"]
    note = f"\nMean ± standard deviation; {arguments.seeds} seeds of 5 restarts; {machine()}.\n"
    write("restart_agreement", markdown(header, rows) + note)


if __name__ == "__main__":
    main()
