"""The nearest neighbours of points, found here or given: matrices of distances."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array

from skcollision._threads import limiting_blas

MOST_NEIGHBORS = 15

# The share of a cluster that a neighbourhood may be: beyond, neighbours are of other clusters.
SHARE_OF_CLUSTER = 0.1


def default_neighbors(n_samples: int, n_clusters: int) -> int:
    """Return how many neighbours a point should have: 15, or a tenth of a mean cluster if fewer."""
    return min(MOST_NEIGHBORS, int(SHARE_OF_CLUSTER * n_samples / n_clusters))


def nearest_neighbors(features: np.ndarray, n_neighbors: int) -> sparse.csr_array:
    """Return the distances (M, M) of points to their nearest others, which alone are stored.

    Raises ValueError if there are not more points than neighbours.
    """
    n_samples = len(features)
    if n_neighbors >= n_samples:
        raise ValueError(
            "The 'n_neighbors' parameter must be less than the number of points that have "
            f"weight, {n_samples}. Got {n_neighbors} instead."
        )
    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(features)
    with limiting_blas():
        distances, neighbors = search.kneighbors()
    starts = np.arange(0, neighbors.size + 1, n_neighbors)
    entries = distances.ravel().astype(features.dtype), neighbors.ravel(), starts
    return sparse.csr_array(entries, shape=(n_samples, n_samples))


def given_neighbors(
    neighbors: Any, rows: np.ndarray, n_samples: int, dtype: np.dtype
) -> sparse.csr_array:
    """Return the distances between some rows, given those (n_samples, n_samples) between all.

    They come in units of the largest one: only ratios matter.
    """
    if not sparse.issparse(neighbors) or neighbors.shape != (n_samples, n_samples):
        raise ValueError(
            f"neighbors must be a sparse matrix of shape {(n_samples, n_samples)}, as "
            f"sklearn.neighbors.kneighbors_graph(X, mode='distance') is. Got {neighbors!r} instead."
        )
    options = {"accept_sparse": "csr", "ensure_non_negative": True, "input_name": "neighbors"}
    distances = sparse.csr_array(check_array(neighbors, dtype=np.float64, **options))
    if len(rows) < n_samples:
        distances = distances[rows][:, rows]
    edges = distances.tocoo()
    others = edges.row != edges.col  # each point is joined to itself in any case
    values = edges.data[others]
    values = values / (values.max(initial=0.0) or 1.0)
    entries = values.astype(dtype), (edges.row[others], edges.col[others])
    return sparse.csr_array(entries, shape=distances.shape)
