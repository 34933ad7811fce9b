"""The neighbour graph: what lies together is clustered together."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

# Steps of the walks that points are averaged over, and of those, an even number, that say how well
# clusters hold together; they lead over at most this many neighbours a point.
LEAST_STEPS, MOST_STEPS = 4, 12
KEEPING_STEPS = 4
MOST_NEIGHBORS = 15

# How much of the graph walks may reach, in mean clusters: beyond, they average over other clusters.
# So many random vectors are walked along to measure it.
MOST_CLUSTERS_REACHED = 1.75
MEASURING_VECTORS = 32

# The share of a cluster that a neighbourhood may be: beyond, neighbours are of other clusters.
SHARE_OF_CLUSTER = 0.1

# Points that can be neighbours, and how many of them a cluster should have; all of them in smaller
# data. This keeps the cost linear in the number of points.
MOST_LANDMARKS = 20_000
LANDMARKS_PER_CLUSTER = 200


def default_neighbors(n_samples: int, n_clusters: int) -> int:
    """Return how many neighbours a point should have: 15, or a tenth of a mean cluster if fewer."""
    return min(MOST_NEIGHBORS, int(SHARE_OF_CLUSTER * n_samples / n_clusters))


def count_landmarks(n_samples: int, n_clusters: int) -> int:
    """Return how many points can be neighbours."""
    return min(n_samples, max(MOST_LANDMARKS, LANDMARKS_PER_CLUSTER * n_clusters))


class NeighbourGraph:
    """Random walks over a graph that joins each point to its nearest ones, and to itself.

    Two points that are each other's neighbours are joined twice: steps between them are twice as
    likely as to a point that is a neighbour from one side alone. Where dimensions are many a few
    points, the hubs, are among the nearest of very many others, of other clusters too.

    Points of one cluster differ in directions that do not matter to it. The mean over the ends of a
    walk has lost these, as the mean over augmentations of an image has in deep clustering; simple
    graph convolution (Wu et al. 2019) feeds classifiers with the same.

    Parameters
    ----------
    features : ndarray of shape (N, D)
        Features in which neighbours are near, by the euclidean distance.
    n_neighbors : int
        Nearest points to join each point to.
    n_clusters : int
        Number of clusters, K: more of them need more landmarks.
    random_state : numpy.random.RandomState
        Draws the landmarks of large data, the points that can be neighbours.

    Raises
    ------
    ValueError
        If there are not more points than neighbours.

    Attributes
    ----------
    landmarks : ndarray of shape (M,)
        The points that are in the graph, all where there are at most 20,000 or 200 a cluster.
    n_steps : int
        Steps of the walks that points are averaged over: twelve, or fewer but at least four, where
        walks would reach more of the graph than one and three quarters of a mean cluster.
    """

    def __init__(
        self,
        features: np.ndarray,
        n_neighbors: int,
        *,
        n_clusters: int,
        random_state: np.random.RandomState,
    ) -> None:
        n_samples = len(features)
        if n_neighbors >= n_samples:
            raise ValueError(
                "The 'n_neighbors' parameter must be less than the number of points that have "
                f"weight, {n_samples}. Got {n_neighbors} instead."
            )
        n_landmarks = count_landmarks(n_samples, n_clusters)
        self.landmarks = np.arange(n_samples)
        if n_landmarks < n_samples:
            self.landmarks = np.sort(random_state.choice(n_samples, n_landmarks, replace=False))
        self._search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute")
        nearest = self._search.fit(features[self.landmarks]).kneighbors_graph()
        graph = sparse.csr_array(nearest).astype(features.dtype)
        graph = graph + graph.T + sparse.eye_array(n_landmarks, dtype=features.dtype)
        self._degrees = graph.sum(axis=1)
        self._step = normalize(graph, norm="l1")
        self.n_steps = self._count_steps(n_clusters)

    def smooth_(self, features: np.ndarray) -> np.ndarray:
        """Replace each point in place by the mean end of its walks, stretched to its own length.

        Averages are shorter than what they average; without stretching, the scale of the features
        would depend on the width of the neighbourhoods.
        """
        if len(self.landmarks) == len(features):
            features[:] = _with_lengths_of(features, self._walk(features, self.n_steps))
            return features
        ends = self.walk_ends(features[self.landmarks])
        for rows in np.array_split(np.arange(len(features)), len(features) // len(ends) + 1):
            features[rows] = self.smoothed(features[rows], ends)
        return features

    def walk_ends(self, landmarks: np.ndarray) -> np.ndarray:
        """Return the mean end of the walks from each landmark that have one step behind them."""
        return self._walk(landmarks, self.n_steps - 1)

    def smoothed(self, points: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Return for any points what `smooth_` makes of those in the graph.

        The first step leads to the landmarks nearest to a point; `ends` are those of the others.
        """
        found = self._search.kneighbors(points, return_distance=False)
        return _with_lengths_of(points, ends[found].mean(axis=1))

    def kept_information(self, labels: np.ndarray, n_clusters: int) -> float:
        """Measure how much the cluster at the start of a short walk tells of that at its end.

        The mutual information I of both over the geometric mean of the entropy H of the clusters
        and its largest value, I / sqrt(H ln K): dividing by H alone would favour few large
        clusters, not at all equal ones.

        Parameters
        ----------
        labels : ndarray of shape (M,)
            Clusters of the landmarks.
        n_clusters : int
            Number of clusters, K.

        Returns
        -------
        float
            Between 0 and 1; higher is better.
        """
        joint = self.walks_between(labels, n_clusters)
        before, after = joint.sum(axis=1), joint.sum(axis=0)
        seen = joint > 0
        ratio = joint[seen] / np.outer(before, after)[seen]
        information = max(0.0, float(joint[seen] @ np.log(ratio)))
        entropy = -float(before[before > 0] @ np.log(before[before > 0]))
        return information / np.sqrt(entropy * np.log(n_clusters)) if information else 0.0

    def walks_between(self, labels: np.ndarray, n_clusters: int) -> np.ndarray:
        """Return the shares of all short walks (K, K) that lead from each cluster to each.

        Parameters
        ----------
        labels : ndarray of shape (M,)
            Clusters of the landmarks.
        n_clusters : int
            Number of clusters, K.

        Returns
        -------
        ndarray of shape (K, K), float64
            They sum to 1.
        """
        clusters = np.zeros((len(labels), n_clusters), dtype=self._step.dtype)
        clusters[np.arange(len(labels)), labels] = 1
        # A walk over an undirected graph is two of half the length from the point in its middle,
        # where it is as often as that has edges.
        ends = self._walk(clusters, KEEPING_STEPS // 2)
        joint = (ends * self._degrees[:, None]).T.astype(np.float64) @ ends
        return np.asarray(joint / joint.sum())

    def _count_steps(self, n_clusters: int) -> int:
        """Return how many steps may be taken before walks reach too much of the graph.

        In the long run a walk is at j with probability w_j. One that is there with probability p_j
        has reached the share 1 / sum p_j^2 / w_j of the graph: all in the long run, and w_i where
        it is sure to be at i. The sum is the mean square of sum p_j g_j / sqrt(w_j) over vectors g
        of random signs, which are the same for all seeds, so that walks are as long.
        """
        in_the_long_run = self._degrees / self._degrees.sum()
        size = len(self.landmarks), MEASURING_VECTORS
        signs = np.random.default_rng(0).choice([-1.0, 1.0], size=size)
        ends = (signs / np.sqrt(in_the_long_run)[:, None]).astype(self._step.dtype)
        ends = self._walk(ends, LEAST_STEPS)
        for n_steps in range(LEAST_STEPS, MOST_STEPS):
            ends = self._walk(ends, 1)
            if np.median(np.mean(ends * ends, axis=1)) * MOST_CLUSTERS_REACHED < n_clusters:
                return n_steps
        return MOST_STEPS

    def _walk(self, values: np.ndarray, n_steps: int) -> np.ndarray:
        for _ in range(n_steps):
            values = self._step @ values
        return values


def _with_lengths_of(features: np.ndarray, smoothed: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(smoothed, axis=1, keepdims=True)
    lengths = np.maximum(lengths, np.finfo(smoothed.dtype).tiny)
    return smoothed * (np.linalg.norm(features, axis=1, keepdims=True) / lengths)
