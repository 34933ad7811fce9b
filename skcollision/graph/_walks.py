"""Random walks over an undirected graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.preprocessing import normalize

# Clusters whose walks are followed at a time.
BLOCK_CLUSTERS = 32


class Walk:
    """Steps from point to point, each edge as likely as its share of its point's weights.

    Attributes
    ----------
    step : csr_array of shape (M, M)
        Probability of each step from each point.
    degrees : ndarray of shape (M,)
        Sums of the weights of each point's edges: where a long walk is, in proportion.
    """

    def __init__(self, graph: sparse.csr_array) -> None:
        self.degrees = graph.sum(axis=1)
        self.step = normalize(graph, norm="l1")

    def ends(self, values: Any, n_steps: int) -> Any:
        """Return the mean of values (M, D) at the ends of the walks from each point."""
        for _ in range(n_steps):
            values = self.step @ values
        return values

    def between(
        self,
        labels: np.ndarray,
        n_clusters: int,
        n_steps: int,
        sample_weight: np.ndarray | None = None,
    ) -> sparse.coo_array:
        """Return the shares (K, K) of all walks, of an even number of steps, between clusters.

        Points of weight w count w times, where walks start and where they end.
        """
        # A walk over an undirected graph is two of half the length from the point in its middle,
        # where it is as often as that has edges.
        ends = self.ends(self._members(labels, n_clusters, sample_weight), n_steps // 2)
        weighted = sparse.diags_array(self.degrees.astype(np.float64)) @ ends
        joint = sparse.coo_array(weighted.T @ ends)
        return joint / joint.sum()

    def kept(
        self,
        labels: np.ndarray,
        n_clusters: int,
        n_steps: int,
        sample_weight: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the shares (K,) of all walks that stay in each cluster, and that start there.

        They are the diagonal and the row sums of `between`, in a fraction of its time.
        """
        members = self._members(labels, n_clusters, sample_weight).tocsc()
        inside, starting = np.empty(n_clusters), np.empty(n_clusters)
        # sums, not products of BLAS, which depend on its threads
        total = (self.ends(members.sum(axis=1), n_steps // 2) * self.degrees)[:, None]
        for start in range(0, n_clusters, BLOCK_CLUSTERS):
            block = slice(start, start + BLOCK_CLUSTERS)
            ends = self.ends(members[:, block].toarray(), n_steps // 2)
            starting[block] = (total * ends).sum(axis=0)
            inside[block] = (self.degrees[:, None] * ends * ends).sum(axis=0)
        return inside / starting.sum(), starting / starting.sum()

    def _members(
        self, labels: np.ndarray, n_clusters: int, sample_weight: np.ndarray | None
    ) -> sparse.csr_array:
        """Return the clusters' members (M, K), points of weight w as w."""
        weight = np.ones(len(labels)) if sample_weight is None else sample_weight
        values, rows = weight.astype(self.step.dtype), np.arange(len(labels))
        return sparse.csr_array((values, (rows, labels)), shape=(len(labels), n_clusters))
