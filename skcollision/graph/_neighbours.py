"""The neighbour graph: what lies together is clustered together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse
from scipy.special import xlogy

from skcollision.graph._labels import fuzzy_graph, labels_on_graph
from skcollision.graph._walks import Walk

# Steps of the walks that points are averaged over, and of those, an even number, that say how well
# clusters hold together.
LEAST_STEPS, MOST_STEPS = 4, 12
KEEPING_STEPS = 4

# Steps of those that compare clusterings of the same points.
COHESION_STEPS = 8

# Shares of walks that leave clusters, over those by chance, are not told apart below this.
LEAST_LEAVING = 1e-4

# How much of the graph walks may reach, in mean clusters: beyond, they average over other clusters.
# So many random vectors are walked along to measure it.
MOST_CLUSTERS_REACHED = 1.75
MEASURING_VECTORS = 32


class NeighbourGraph:
    """Random walks over a graph that joins each point to its nearest ones, and to itself.

    Two points that are each other's neighbours are joined twice: steps between them are twice as
    likely as to a point that is a neighbour from one side alone. Where dimensions are many a few
    points, the hubs, are among the nearest of very many others, of other clusters too.

    Points of one cluster differ in directions that do not matter to it. The mean over the ends of a
    walk has lost these, as the mean over augmentations of an image has in deep clustering; simple
    graph convolution (Wu et al. 2019) feeds classifiers with the same. Walks take twelve steps, or
    fewer but at least four, where they would reach more than one and three quarters of a cluster.

    Attributes
    ----------
    nearest : csr_array of shape (M, M)
        Distances of points to their nearest ones; only these are stored.
    n_steps : int
        Length of the walks that points are averaged over.
    """

    def __init__(self, nearest: sparse.csr_array, *, n_clusters: int) -> None:
        self.nearest = nearest
        ones = np.ones_like(nearest.data)
        joined = sparse.csr_array((ones, nearest.indices, nearest.indptr), shape=nearest.shape)
        graph = joined + joined.T + sparse.eye_array(nearest.shape[0], dtype=nearest.dtype)
        self._walk = Walk(graph)
        self._weighted_walk: Walk | None = None
        self.n_steps = self._count_steps(n_clusters)

    @property
    def weighted_walk(self) -> Walk:
        """The walk along edges that weigh less the longer they are."""
        # Python 3.11's cached_property has one lock for all graphs, which a fork may leave held.
        if self._weighted_walk is None:
            self._weighted_walk = Walk(fuzzy_graph(self.nearest))
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

    def seclusion(
        self, labels: np.ndarray, n_clusters: int, sample_weight: np.ndarray | None = None
    ) -> float:
        """Measure how seldom short walks leave clusters, whatever the sizes of these.

        It is -ln of the share of walks that end in another cluster than they began in, over that by
        chance, times the share of clusters that have points.
        """
        walk = self.weighted_walk
        inside, shares = walk.kept(labels, n_clusters, KEEPING_STEPS, sample_weight)
        by_chance = 1 - float(shares @ shares)
        if by_chance <= 0:
            return 0.0
        leaving = max(1 - float(inside.sum()), LEAST_LEAVING * by_chance)
        return -float(np.log(leaving / by_chance)) * np.count_nonzero(shares) / n_clusters

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
