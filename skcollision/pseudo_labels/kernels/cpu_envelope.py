"""Exact pseudo-labels and lower bounds from a dual variable, by search on the upper envelope.

For one point, phi(sigma, v) = max over s > 0 of 1 + ln s - max_k (s sigma_k + v_k). The maximum is
at 1/s = sigma_k on one line, or at a breakpoint of two lines a, b with sigma_a < 1/s < sigma_b.
"""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_math import fast_max, inline, jit

# Look-ups end long before, at the second on average; this only bounds the loop.
MAX_LOOKUPS = 64


@jit
def bound_rows(probs, weights, delta, start, stop):
    """Return the sum over rows of weight times phi(sigma, delta), never above the exact value."""
    total = 0.0
    for i in range(start, stop):
        s, top, _, _ = best_scale(probs[i], delta)
        total += weights[i] * (1.0 + np.log(s) - top)
    return total


@jit
def label_rows(probs, delta, labels, start, stop):
    """Fill the labels that attain phi: at most two are not zero in a row."""
    for i in range(start, stop):
        s, _, a, b = best_scale(probs[i], delta)
        for k in range(probs.shape[1]):
            labels[i, k] = 0.0
        if probs[i, b] > probs[i, a]:
            share = (probs[i, b] - 1.0 / s) / (np.float64(probs[i, b]) - probs[i, a])
            share = min(max(share, 0.0), 1.0)
            labels[i, a] = share
            labels[i, b] = 1.0 - share
        else:
            labels[i, a] = 1.0


@inline
def best_scale(probs, delta):
    """Return s, the envelope there, and the lines a, b (equal for a one-hot label).

    Line a is active where the objective still rises with s, b where it falls; their two-line model
    is maximised and the envelope looked up there, until no line is above the model.
    """
    b = steepest_line(probs, delta)
    s = 1.0 / np.float64(probs[b])
    a = top_line(probs, delta, s)
    top = s * probs[a] + delta[a]
    if probs[a] < probs[b]:
        for _ in range(MAX_LOOKUPS):
            # model: s = 1/sigma_a if line b is below there, else 1/sigma_b likewise, else crossing
            slope_a, slope_b = np.float64(probs[a]), np.float64(probs[b])
            s = (delta[a] - delta[b]) / (slope_b - slope_a)
            if slope_a * s > 1.0:
                s = 1.0 / slope_a
            elif slope_b * s < 1.0:
                s = 1.0 / slope_b
            model = fast_max(s * slope_a + delta[a], s * slope_b + delta[b])
            c = top_line(probs, delta, s)
            top = s * probs[c] + delta[c]
            if top <= model or c in (a, b):
                break
            if probs[c] * s < 1.0:
                a = c
            else:
                b = c
        if probs[a] * s >= 1.0:
            b = a
        elif probs[b] * s <= 1.0:
            a = b
    else:
        b = a
    return s, top, a, b


@inline
def steepest_line(probs, delta):
    """Return the line of the largest slope, the highest one of these."""
    best = 0
    for k in range(1, len(probs)):
        if probs[k] > probs[best] or (probs[k] == probs[best] and delta[k] > delta[best]):
            best = k
    return best


@inline
def top_line(probs, delta, s):
    """Return the line on the envelope at s: the maximum vectorises, the search for it is short."""
    top = -np.inf
    for k in range(len(probs)):
        top = fast_max(top, s * probs[k] + delta[k])
    best = 0
    for k in range(len(probs)):
        if s * probs[k] + delta[k] >= top:
            best = k
            break
    return best
