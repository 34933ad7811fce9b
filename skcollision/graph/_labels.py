"""Labels on the neighbour graph: soft, fair, and alike where points are neighbours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

# Sharpening power, rounds, and half-steps towards the target proportions in each round.
POWER, N_ROUNDS, BALANCING_STEPS = 2.0, 10, 5

# How far a round moves estimated proportions towards those of the labels.
RATE = 0.2

# Entries of soft labels below this are dropped, so that labels stay sparse.
SMALLEST = 1e-4


def labels_on_graph(
    steps: sparse.csr_array,
    labels: np.ndarray,
    sample_weight: np.ndarray,
    proportions: np.ndarray,
    estimate: Callable[[np.ndarray], np.ndarray] | None,
    n_rounds: int = N_ROUNDS,
) -> sparse.csr_array:
    r"""Pass labels (M,) along the steps P (M, M) of a walk; return soft labels (M, K), sparse.

    The collision cross-entropy is symmetric, so that a neighbour's label can stand where the
    prediction stands. The labels alone then minimise

        -mean_i ln sum_j P_ij y_i'y_j + lam KL(u || mean y) ,

    a soft and fair cut of the graph. With m = P Y fixed, a closed form close to the best labels is
    y_k ~ m_k^2 b_k, where the factors b bring the mean label near the proportions u by Sinkhorn's
    half-steps. `estimate` maps the shares of the clusters to new proportions; None keeps u.
    """
    weight = sample_weight / sample_weight.sum()
    n_points, n_clusters = len(labels), len(proportions)
    one_hot = np.ones(n_points, steps.dtype), (np.arange(n_points), labels)
    soft = sparse.csr_array(one_hot, shape=(n_points, n_clusters))
    for _ in range(n_rounds):
        soft = steps @ soft
        soft.data **= POWER
        _normalise_rows(soft)
        soft.data[soft.data < SMALLEST] = 0
        soft.eliminate_zeros()
        for _ in range(BALANCING_STEPS):
            shares = np.maximum(weight @ soft, 1e-9)
            soft.data *= np.sqrt(proportions / shares)[soft.indices].astype(soft.dtype)
            _normalise_rows(soft)
        if estimate is not None:
            proportions = (1 - RATE) * proportions + RATE * estimate(weight @ soft)
    return soft


def _normalise_rows(matrix: sparse.csr_array) -> None:
    sums = np.add.reduceat(matrix.data, matrix.indptr[:-1])
    matrix.data /= np.repeat(sums, np.diff(matrix.indptr))


def most_probable(labels: sparse.csr_array) -> np.ndarray:
    """Return the column of the largest entry of each row; no row is empty."""
    counts = np.diff(labels.indptr)
    largest = np.maximum.reduceat(labels.data, labels.indptr[:-1])
    found = np.flatnonzero(labels.data == np.repeat(largest, counts))[::-1]
    columns = np.empty(len(counts), dtype=labels.indices.dtype)
    columns[np.repeat(np.arange(len(counts)), counts)[found]] = labels.indices[found]
    return columns


def fuzzy_graph(distances: sparse.csr_array) -> sparse.csr_array:
    """Return a graph (M, M) whose edges are weighted by each point's own scale.

    The weight of a neighbour falls exponentially with its distance beyond that of the nearest one;
    the scale makes a point's weights sum to log2 of their number, and two weights a, b of an edge
    become a + b - a b, all as in UMAP (McInnes et al. 2018). Each point is its own neighbour, too.
    """
    counts = np.diff(distances.indptr)
    has_any = counts > 0
    points = np.repeat(np.arange(len(counts)), counts)
    beyond = distances.data - np.repeat(
        np.minimum.reduceat(distances.data, distances.indptr[:-1][has_any]), counts[has_any]
    )

    def sums(values: np.ndarray) -> np.ndarray:
        return np.bincount(points, values, len(counts))

    def weights(scale: np.ndarray) -> np.ndarray:
        return np.exp(-beyond / scale[points])

    target = np.log2(np.maximum(counts, 2))
    low, high = np.zeros(len(counts)), np.full(len(counts), np.inf)
    scale = np.maximum(sums(beyond) / np.maximum(counts, 1), np.finfo(np.float64).tiny)
    for _ in range(50):
        too_many = sums(weights(scale)) > target
        high, low = np.where(too_many, scale, high), np.where(too_many, low, scale)
        scale = np.where(np.isinf(high), 2 * scale, (low + high) / 2)
    entries = weights(scale).astype(distances.dtype), distances.indices, distances.indptr
    edges = sparse.csr_array(entries, shape=distances.shape)
    both = edges + edges.T - edges.multiply(edges.T)
    return sparse.csr_array(both + sparse.eye_array(len(counts), dtype=both.dtype))
