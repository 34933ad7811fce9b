"""The neighbour graph: what lies together is clustered together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse
from scipy.special import xlogy
from sklearn.neighbors import NearestNeighbors

from skcollision._threads import limiting_blas
from skcollision.graph._labels import fuzzy_graph, labels_on_graph
from skcollision.graph._walks import Walk

MOST_NEIGHBORS = 15

# The share of a cluster that a neighbourhood may be: beyond, neighbours are of other clusters.
SHARE_OF_CLUSTER = 0.1

# Steps of the walks that points are averaged over, and of those, an even number, that say how well
# clusters hold together.
LEAST_STEPS, MOST_STEPS = 4, 12
KEEPING_STEPS = 4

# Steps of those that compare clusterings of the same points.
COHESION_STEPS = 8

# How much of the graph walks may reach, in mean clusters: beyond, they average over other clusters.
# So many random vectors are walked along to measure it.
MOST_CLUSTERS_REACHED = 1.75
MEASURING_VECTORS = 32


def default_neighbors(n_samples: int, n_clusters: int) -> int:
    """Return how many neighbours a point should have: 15, or a tenth of a mean cluster if fewer."""
    return min(MOST_NEIGHBORS, int(SHARE_OF_CLUSTER * n_samples / n_clusters))


class NeighbourGraph:
    """Random walks over a graph that joins each point to its nearest ones, and to itself.

    Two points that are each other's neighbours are joined twice: steps between them are twice as
    likely as to a point that is a neighbour from one side alone. Where dimensions are many a few
    points, the hubs, are among the nearest of very many others, of other clusters too.

    Points of one cluster differ in directions that do not matter to it. The mean over the ends of a
    walk has lost these, as the mean over augmentations of an image has in deep clustering; simple
    graph convolution (Wu et al. 2019) feeds classifiers with the same. Walks take twelve steps, or
    fewer but at least four, where they would reach more than one and three quarters of a cluster.

    Raises ValueError if there are not more points than neighbours.
    """

    def __init__(self, features: np.ndarray, n_neighbors: int, *, n_clusters: int) -> None:
        n_samples = len(features)
        if n_neighbors >= n_samples:
            raise ValueError(
                "The 'n_neighbors' parameter must be less than the number of points that have "
                f"weight, {n_samples}. Got {n_neighbors} instead."
            )
        search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(features)
        with limiting_blas():
            self._distances, self._neighbors = search.kneighbors()
        starts = np.arange(0, self._neighbors.size + 1, n_neighbors)
        ones = np.ones(self._neighbors.size, features.dtype)
        nearest = sparse.csr_array((ones, self._neighbors.ravel(), starts), shape=2 * (n_samples,))
        graph = nearest + nearest.T + sparse.eye_array(n_samples, dtype=features.dtype)
        self._walk = Walk(graph)
        self._weighted_walk: Walk | None = None
        self.n_steps = self._count_steps(n_clusters)

    @property
    def weighted_walk(self) -> Walk:
        """The walk along edges that weigh less the longer they are."""
        # Python 3.11's cached_property has one lock for all graphs, which a fork may leave held.
        if self._weighted_walk is None:
            self._weighted_walk = Walk(fuzzy_graph(self._neighbors, self._distances))
        return self._weighted_walk

    def smoothed(self, features: np.ndarray) -> np.ndarray:
        """Return the mean end of the walks from each point, stretched to the point's length.

        Averages are shorter than what they average; without stretching, the scale of the features
        would depend on the width of the neighbourhoods.
        """
        ends = self._walk.ends(features, self.n_steps)
        lengths = np.linalg.norm(ends, axis=1, keepdims=True)
        lengths = np.maximum(lengths, np.finfo(ends.dtype).tiny)
        return ends * (np.linalg.norm(features, axis=1, keepdims=True) / lengths)

    def labels(
        self,
        labels: np.ndarray,
        sample_weight: np.ndarray | None,
        proportions: np.ndarray,
        estimate: Callable[[np.ndarray], np.ndarray] | None,
        **options: int,
    ) -> sparse.csr_array:
        """Pass labels (M,) along weighted edges; see `labels_on_graph`."""
        weight = np.ones(len(labels)) if sample_weight is None else sample_weight
        steps = self.weighted_walk.step
        return labels_on_graph(steps, labels, weight, proportions, estimate, **options)

    def cohesion(
        self, labels: np.ndarray, n_clusters: int, sample_weight: np.ndarray | None = None
    ) -> float:
        """Measure, from 0 to 1, how well walks stay in clusters.

        Their stability, how much more often than by chance they end in the cluster where they
        began, is the modularity of a graph whose edges are walks (Delvenne, Yaliraki & Barahona
        2010). It is multiplied by the root of the clusters' entropy over its largest value: of many
        clusters chance joins few points, and stability alone would favour unequal ones.
        """
        inside, shares = self._walk.kept(labels, n_clusters, COHESION_STEPS, sample_weight)
        stability = max(0.0, float(inside.sum() - shares @ shares))
        return stability * float(np.sqrt(_entropy(shares) / np.log(max(n_clusters, 2))))

    def kept_information(
        self, labels: np.ndarray, n_clusters: int, sample_weight: np.ndarray | None = None
    ) -> float:
        """Measure, from 0 to 1, what the cluster at the start of a short walk tells of its end.

        The mutual information I of both over the geometric mean of the entropy H of the clusters
        and its largest value, I / sqrt(H ln K): dividing by H alone would favour few large
        clusters, not at all equal ones.
        """
        joint = self._walk.between(labels, n_clusters, KEEPING_STEPS, sample_weight)
        before, after = joint.sum(axis=1), joint.sum(axis=0)
        ratio = joint.data / (before[joint.row] * after[joint.col])
        information = max(0.0, float(joint.data @ np.log(ratio)))
        largest = _entropy(before) * np.log(n_clusters)
        return information / np.sqrt(largest) if largest > 0 else 0.0

    def walks_between(self, labels: np.ndarray, n_clusters: int) -> np.ndarray:
        """Return the shares (K, K) of all short walks that lead from each cluster to each."""
        return np.asarray(self._walk.between(labels, n_clusters, KEEPING_STEPS).toarray())

    def _count_steps(self, n_clusters: int) -> int:
        """Return how many steps may be taken before walks reach too much of the graph.

        In the long run a walk is at j with probability w_j. One that is there with probability p_j
        has reached the share 1 / sum p_j^2 / w_j of the graph: all in the long run, and w_i where
        it is sure to be at i. The sum is the mean square of sum p_j g_j / sqrt(w_j) over vectors g
        of random signs, which are the same for all seeds, so that walks are as long.
        """
        in_the_long_run = self._walk.degrees / self._walk.degrees.sum()
        size = len(in_the_long_run), MEASURING_VECTORS
        signs = np.random.default_rng(0).choice([-1.0, 1.0], size=size)
        ends = (signs / np.sqrt(in_the_long_run)[:, None]).astype(self._walk.step.dtype)
        ends = self._walk.ends(ends, LEAST_STEPS)
        for n_steps in range(LEAST_STEPS, MOST_STEPS):
            ends = self._walk.ends(ends, 1)
            if np.median(np.mean(ends * ends, axis=1)) * MOST_CLUSTERS_REACHED < n_clusters:
                return n_steps
        return MOST_STEPS


def _entropy(shares: np.ndarray) -> float:
    """Return the entropy of clusters, in nats; 0, not less by rounding, for a single one."""
    return max(0.0, -float(xlogy(shares, shares).sum()))
