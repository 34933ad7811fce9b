"""Numbers of clusters that do not depend on rounding."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def canonical_order(
    labels: np.ndarray, rows: np.ndarray, prior: ArrayLike | str, n_clusters: int
) -> np.ndarray:
    """Return the clusters (K,) in the order of the smallest row that each holds, empty ones last.

    Rows compare by their first feature, then the second and so on. Training numbers clusters by
    comparisons of sums, which the last bit of a product can turn round; rows are what they are, and
    the order of the points does not matter either. A prior that is given fixes the numbers of
    clusters whose proportions differ.
    """
    by_cluster = np.argsort(labels, kind="stable")
    members = np.split(by_cluster, np.searchsorted(labels[by_cluster], np.arange(1, n_clusters)))
    smallest = [_smallest_row(rows, each) for each in members]
    order = np.array(sorted(range(n_clusters), key=lambda k: (not smallest[k], smallest[k])))
    if isinstance(prior, str):
        return order
    proportions, placed = np.asarray(prior), np.empty(n_clusters, dtype=np.int64)
    for share in np.unique(proportions):
        placed[proportions == share] = order[proportions[order] == share]
    return placed


def _smallest_row(rows: np.ndarray, members: np.ndarray) -> list[float]:
    """Return the first of some rows in lexicographic order; nothing where there are none."""
    for column in range(rows.shape[1]):
        if len(members) < 2:
            break
        values = rows[members, column]
        members = members[values == values.min()]
    return rows[members[0]].tolist() if len(members) else []
