"""Where training starts."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import euclidean_distances
from threadpoolctl import threadpool_limits
from torch import Tensor

from skcollision._parallel import run_tasks
from skcollision.engine._features import Features
from skcollision.engine._heads import LinearHeads

# A start needs no more of K-means than this.
K_MEANS_ITERATIONS = 20

# Points that Ward's method merges before K-means, drawn for each restart: at most half of them, so
# that restarts differ, and no more than this, as it takes their square in time and memory.
WARD_POINTS = 2000
WARD_POINTS_PER_CLUSTER = 20
MOST_WARD_POINTS = 4000

# Slope of the starting logits along the squared distance from a centre, in units of the mean
# squared length: unsure enough that training can still move whole groups of points.
SHARPNESS = 5.0


def initial_heads(
    source: Features,
    n_clusters: int,
    n_restarts: int,
    *,
    basis: Tensor | None = None,
    random_state: np.random.RandomState,
) -> LinearHeads:
    """Draw the starting point of every restart.

    Weights are uniform on ±1/√D with zero bias, as torch initialises a linear layer (Kaiming) and
    as in the paper: predictions start almost uniform and symmetric, and depend on no sample.

    Parameters
    ----------
    source : Features
        Features the heads will see.
    n_clusters : int
        Columns a restart, K.
    n_restarts : int
        Number of restarts, R.
    basis : Tensor of shape (D', D), optional
        Directions that the features are coordinates on.
    random_state : numpy.random.RandomState
        Source of randomness.

    Returns
    -------
    LinearHeads
        On the source's device, in its dtype.
    """
    dtype = np.float64 if source.dtype == torch.float64 else np.float32
    limit = source.n_features**-0.5
    weight = random_state.uniform(-limit, limit, (n_restarts, n_clusters, source.n_features))
    bias = np.zeros((n_restarts, n_clusters), dtype=dtype)
    return LinearHeads(weight.astype(dtype), bias, source.device, basis)


def heads_of_k_means(
    points: Tensor,
    n_clusters: int,
    n_restarts: int,
    *,
    sharpness: float = SHARPNESS,
    basis: Tensor | None = None,
    random_state: np.random.RandomState,
) -> LinearHeads:
    """Start every restart from a K-means clustering of its own.

    From random weights, long clusters that lie close together are often cut in two or merged, and
    no restart finds them all. K-means on neighbourhoods, which are rounder than the clusters, does.
    It begins at the clusters that Ward's method finds in a sample: these differ less from sample to
    sample than what K-means makes of randomly chosen points, and so do results from seed to seed.
    A head is that of Gaussians of one width around the centres c: logits b (x'c - |c|^2 / 2).

    Parameters
    ----------
    points : Tensor of shape (M, D)
        Points to cluster, at least K of them.
    n_clusters : int
        Columns a restart, K.
    n_restarts : int
        Number of restarts, R.
    sharpness : float, default=5.0
        The slope b, in units of the inverse mean squared length of the points.
    basis : Tensor of shape (D', D), optional
        Directions that the points are coordinates on.
    random_state : numpy.random.RandomState
        Source of randomness.

    Returns
    -------
    LinearHeads
        On the points' device, in their dtype.
    """
    values = points.cpu().numpy()
    seeds = random_state.randint(np.iinfo(np.int32).max, size=n_restarts)
    centres = np.empty((n_restarts, n_clusters, values.shape[1]))

    def task(r: int) -> None:
        # OpenMP, too, has a limit for each thread; one, as K-means adds up what its threads found
        # in the order in which they end.
        with threadpool_limits(limits=1, user_api="openmp"):
            centres[r] = _centres(values, n_clusters, int(seeds[r]))

    with threadpool_limits(limits=1), warnings.catch_warnings():
        # Of fewer points than clusters: what becomes of the rest is for training to say.
        warnings.simplefilter("ignore", ConvergenceWarning)
        run_tasks(task, n_restarts)
    slope = sharpness / np.einsum("ij,ij->i", values, values).mean(dtype=np.float64)
    bias = -0.5 * slope * np.square(centres).sum(axis=2)
    dtype = values.dtype
    return LinearHeads((slope * centres).astype(dtype), bias.astype(dtype), points.device, basis)


def _centres(values: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    """Return the centres (K, D) of a K-means clustering."""
    n_points = max(WARD_POINTS, WARD_POINTS_PER_CLUSTER * n_clusters)
    n_points = min(n_points, MOST_WARD_POINTS, len(values) // 2)
    init: str | np.ndarray = "k-means++"
    if n_points >= 2 * n_clusters:
        rows = np.random.RandomState(seed).choice(len(values), n_points, replace=False)
        centres = _ward_centres(values[rows], n_clusters)
        if len(centres) == n_clusters:
            init = centres
    k_means = KMeans(
        n_clusters, init=init, n_init=1, max_iter=K_MEANS_ITERATIONS, random_state=seed
    )
    return k_means.fit(values).cluster_centers_


def _ward_centres(values: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return the means of the K clusters that Ward's method finds, fewer where merges tie.

    From distances by a product of matrices, unlike scikit-learn's, which take longer than the rest
    and hold up the other restarts.
    """
    tree = linkage(squareform(euclidean_distances(values), checks=False), "ward")
    labels = fcluster(tree, n_clusters, "maxclust")
    return np.stack([values[labels == label].mean(axis=0) for label in np.unique(labels)])
