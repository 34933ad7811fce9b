"""Random walks over an undirected graph."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.preprocessing import normalize


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

    def ends(self, values: np.ndarray, n_steps: int) -> np.ndarray:
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
        indices = np.arange(len(labels)), labels
        weight = np.ones(len(labels)) if sample_weight is None else sample_weight
        values = weight.astype(self.step.dtype)
        ends = sparse.csr_array((values, indices), shape=(len(labels), n_clusters))
        # A walk over an undirected graph is two of half the length from the point in its middle,
        # where it is as often as that has edges.
        for _ in range(n_steps // 2):
            ends = self.step @ ends
        weighted = sparse.diags_array(self.degrees.astype(np.float64)) @ ends
        joint = sparse.coo_array(weighted.T @ ends)
        return joint / joint.sum()
