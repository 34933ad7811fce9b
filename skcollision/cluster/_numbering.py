"""Numbers of clusters that do not depend on rounding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def canonical_order(
    labels: np.ndarray,
    blocks: Iterable[tuple[slice, np.ndarray]],
    weight: np.ndarray | None,
    prior: ArrayLike | str,
    n_clusters: int,
) -> np.ndarray:
    """Return the clusters (K,) in the order of the smallest row that each holds.

    Rows compare by their first feature, then the second and so on. Training numbers clusters by
    comparisons of sums, which the last bit of a product can turn round; rows are what they are, and
    the order of the points does not matter either. Empty clusters come last. A prior that is given
    fixes the numbers of clusters whose proportions differ.
    """
    smallest: list[tuple[float, ...] | None] = [None] * n_clusters
    for rows, block in blocks:
        of_block = labels[rows]
        counts = None if weight is None else weight[rows] > 0
        for k in np.unique(of_block if counts is None else of_block[counts]):
            chosen = (of_block == k) if counts is None else (of_block == k) & counts
            candidate = _smallest_row(block[chosen])
            before = smallest[k]
            smallest[k] = candidate if before is None else min(before, candidate)
    ranks: list[Any] = [(row is None, row or ()) for row in smallest]
    order = np.array(sorted(range(n_clusters), key=lambda k: ranks[k]), dtype=np.int64)
    if isinstance(prior, str):
        return order
    proportions = np.asarray(prior)
    placed = np.empty(n_clusters, dtype=np.int64)
    for share in np.unique(proportions):
        placed[proportions == share] = order[proportions[order] == share]
    return placed


def _smallest_row(rows: np.ndarray) -> tuple[float, ...]:
    """Return the first row in lexicographic order."""
    for column in range(rows.shape[1]):
        if len(rows) == 1:
            break
        values = rows[:, column]
        rows = rows[values == values.min()]
    return tuple(rows[0].tolist())
