"""Optimal-transport labels: softmax rows and their means, in log space."""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_math import fast_max, jit


@jit
def softmax_rows(log_probs, potential, sharpness, labels, weights, mean, start, stop):
    """Fill labels = softmax(sharpness (ln sigma + potential)); add them to mean.

    Returns the sum of weight times logsumexp of the rows.
    """
    n_clusters = log_probs.shape[1]
    total_lse = 0.0
    for i in range(start, stop):
        top = -np.inf
        for k in range(n_clusters):
            top = fast_max(top, sharpness * (log_probs[i, k] + potential[k]))
        total = 0.0
        for k in range(n_clusters):
            e = np.exp(sharpness * (log_probs[i, k] + potential[k]) - top)
            labels[i, k] = e
            total += e
        scale = 1.0 / total
        for k in range(n_clusters):
            y = labels[i, k] * scale
            labels[i, k] = y
            mean[k] += weights[i] * y
        total_lse += weights[i] * (top + np.log(total))
    return total_lse


@jit
def round_rows(labels, keep, fill, start, stop):
    """Scale columns by ``keep`` and add what a row then misses times ``fill``."""
    n_clusters = labels.shape[1]
    for i in range(start, stop):
        kept = 0.0
        for k in range(n_clusters):
            kept += labels[i, k] * keep[k]
        rest = 1.0 - kept
        for k in range(n_clusters):
            labels[i, k] = labels[i, k] * keep[k] + rest * fill[k]


@jit
def cost_rows(log_probs, labels, weights, start, stop):
    """Return the sums of weight times -y'ln(sigma) and of weight times y'ln(y)."""
    cost = 0.0
    entropy = 0.0
    for i in range(start, stop):
        for k in range(labels.shape[1]):
            y = np.float64(labels[i, k])
            if y > 0.0:
                cost -= weights[i] * y * log_probs[i, k]
                entropy += weights[i] * y * np.log(y)
    return cost, entropy
