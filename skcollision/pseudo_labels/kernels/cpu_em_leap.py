"""Means of labels in tiles (``cpu_tiles``), and SQUAREM's leap."""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_em import LABEL_FLOOR
from skcollision.pseudo_labels.kernels.cpu_math import fast_max, inner_jit, jit
from skcollision.pseudo_labels.kernels.cpu_vectors import LANES, get, put, total, vector_jit


@jit
def block_means(labels, weights, lanes, bounds, first, step, means):
    """Fill every step-th row of means from first with the weighted sums of a block's labels."""
    n_clusters = means.shape[1]
    sums = np.empty((n_clusters, LANES))
    for g in range(first, len(means), step):
        means[g], sums[:] = 0.0, 0.0
        i = bounds[g]
        while lanes == LANES and i + lanes <= bounds[g + 1]:
            add_tile(labels, i * n_clusters, weights, i, sums)
            i += lanes
        for k in range(n_clusters):
            means[g, k] = total(get(sums, k, 0))
        while i < bounds[g + 1]:
            n = min(lanes, bounds[g + 1] - i)
            for k in range(n_clusters):
                for t in range(n):
                    means[g, k] += weights[i + t] * labels[i * n_clusters + k * n + t]
            i += n


@vector_jit
def add_tile(labels, at, weights, i, sums):
    """Add the weighted labels of a full tile."""
    tile = labels[at : at + len(sums) * LANES].reshape(sums.shape)
    weight = get(weights[i : i + LANES].reshape((1, LANES)), 0, 0)
    for k in range(len(sums)):
        put(sums, k, 0, get(sums, k, 0) + weight * get(tile, k, 0))


@jit
def leap_norms(first, second, third, weights, n_clusters, lanes, start, stop):
    """Return weighted squares of the first and second differences of ln(labels).

    An EM sweep multiplies a label by about 1 +- 1/lam: geometric, so straight in the logarithm.
    """
    step = bend = 0.0
    for i in range(start, stop, lanes):
        n = min(lanes, stop - i)
        for k in range(n_clusters):
            for t in range(n):
                j = i * n_clusters + k * n + t
                a, b, c = log_label(first[j]), log_label(second[j]), log_label(third[j])
                step += weights[i + t] * (b - a) ** 2
                bend += weights[i + t] * (c - 2.0 * b + a) ** 2
    return step, bend


@jit
def leap(first, second, third, length, n_clusters, lanes, start, stop):
    """Overwrite the first labels with SQUAREM's point, in the logarithm, each normalised."""
    scores = np.empty((n_clusters, lanes))
    top, total = np.empty(lanes), np.empty(lanes)
    for i in range(start, stop, lanes):
        n = min(lanes, stop - i)
        top[:] = -np.inf
        total[:] = 0.0
        for k in range(n_clusters):
            for t in range(n):
                j = i * n_clusters + k * n + t
                a, b, c = log_label(first[j]), log_label(second[j]), log_label(third[j])
                score = a + 2.0 * length * (b - a) + length * length * (c - 2.0 * b + a)
                scores[k, t] = score
                top[t] = fast_max(top[t], score)
        for k in range(n_clusters):
            for t in range(n):
                scores[k, t] = np.exp(scores[k, t] - top[t])
                total[t] += scores[k, t]
        for k in range(n_clusters):
            for t in range(n):
                y = max(scores[k, t] / total[t], LABEL_FLOOR)
                first[i * n_clusters + k * n + t] = y


@inner_jit
def log_label(label):
    """Return ln of a label, finite."""
    return np.log(max(np.float64(label), LABEL_FLOOR))
