"""Projected gradient descent on the simplex, the baseline of the paper's Table 1."""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_math import fast_max, inline, jit


@jit
def step_rows(probs, labels, new_labels, weights, slope, step, mean, start, stop):
    """Project labels - step * gradient onto the simplex, row by row.

    The gradient of a row (per unit of its weight) is -sigma/(sigma'y) + slope, with the fairness
    term's derivative ``slope``. Adds the new rows to mean; returns the sum of weight ln(sigma'y).
    """
    n_clusters = probs.shape[1]
    row = np.empty(n_clusters)
    log_p = 0.0
    for i in range(start, stop):
        p = 0.0
        for k in range(n_clusters):
            p += np.float64(probs[i, k]) * labels[i, k]
        scale = step / fast_max(p, 1e-300)
        for k in range(n_clusters):
            row[k] = labels[i, k] + scale * probs[i, k] - step * slope[k]
        shift = simplex_shift(row)
        p = 0.0
        for k in range(n_clusters):
            y = fast_max(row[k] - shift, 0.0)
            new_labels[i, k] = y
            p += y * probs[i, k]
            mean[k] += weights[i] * y
        log_p += weights[i] * np.log(p)
    return log_p


@inline
def simplex_shift(row):
    """Return the shift t with sum max(row - t, 0) = 1 (Michelot 1986: exact, at most K rounds).

    The same projection as Chen & Ye (2011), without sorting.
    """
    shift = -np.inf
    count = 0
    while True:
        total = 0.0
        above = 0
        for k in range(len(row)):
            inside = row[k] > shift
            total += row[k] if inside else 0.0
            above += 1 if inside else 0
        if above == count:
            break
        count = above
        shift = (total - 1.0) / count
    return shift
