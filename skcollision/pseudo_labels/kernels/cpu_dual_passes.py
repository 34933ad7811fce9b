"""Passes of the interior point over the points: which one runs, the first and the last of them."""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_dual_factor import factor
from skcollision.pseudo_labels.kernels.cpu_dual_points import (
    load_rows,
    new_scratch,
)
from skcollision.pseudo_labels.kernels.cpu_dual_state import (
    CENTER,
    CERTIFY,
    CORRECT,
    FACTOR,
    LAM,
    LINEAR,
    LOG_P,
    MEAN,
    MU,
    N_POINT_ROWS,
    NU,
    PREDICT,
    ROWS,
    S,
)
from skcollision.pseudo_labels.kernels.cpu_dual_steps import correct, predict
from skcollision.pseudo_labels.kernels.cpu_math import fast_max, inline, inner_jit, jit
from skcollision.pseudo_labels.kernels.cpu_vectors import (
    get,
    put,
    splat,
    total,
    vector_jit,
    vector_log,
)

# Newton steps of the start: the iterations that follow mend what these leave.
CENTER_STEPS = 2


@jit
def sweep_groups(state, phase, first, step):
    """Run one phase on every step-th group from first."""
    for g in range(first, len(state.bounds) - 1, step):
        if phase == CENTER:
            center(state, g)
        elif phase in (CERTIFY, FACTOR):
            factor(state, g, phase == FACTOR)
        elif phase == PREDICT:
            predict(state, g)
        elif phase == CORRECT:
            correct(state, g)
        else:
            finish(state, g)


@vector_jit
def center(state, g):
    """Start near the central path at delta = 0: a few Newton steps of each point alone."""
    tile, _, copy, probs = new_scratch(state)
    mu, linear = state.control[MU], state.control[LINEAR] > 0
    for i in range(state.bounds[g], state.bounds[g + 1]):
        point = i * N_POINT_ROWS
        at = here = i * len(tile)
        if state.control[ROWS] > 0:
            at = 0
            load_rows(state.probs, i, copy)
        center_tile(probs, at, state.labels, here, state.points, point, mu, linear, len(tile))


@inline
def center_tile(probs, at, labels, here, points, point, mu, linear, n_clusters):
    """Fill labels y_k = mu / z_k, z_k = nu - s sigma_k, that nearly sum to one, s and nu.

    With s sigma'y = 1 it follows that nu = 1 + K mu, and s is sought; LINEAR has s = 1, and seeks
    nu. Either way the unknown is the smallest slack e, as in ``cpu_em``: 1 / sum y is concave in
    it, so that Newton on it climbs from e = mu.
    """
    largest = splat(-np.inf)
    for k in range(n_clusters):
        largest = fast_max(largest, get(probs, at + k, 0))
    e, s, nu = splat(mu), splat(1.0), splat(1.0 + mu * n_clusters)
    flat, tilt = (splat(1.0), splat(0.0)) if linear else (splat(0.0), 1.0 / largest)
    for step in range(CENTER_STEPS + 1):
        if linear:
            nu = largest + e
        else:
            s = (nu - e) * tilt
        f = df = splat(0.0)
        for k in range(n_clusters):
            q = get(probs, at + k, 0)
            y = mu / (nu - s * q)
            f += y
            if step < CENTER_STEPS:
                df += y * y * (flat + tilt * q)
            else:
                put(labels, here + k, 0, y)
        if step < CENTER_STEPS:
            e += mu * f * (f - 1.0) / df
    scale = 1.0 / f
    for k in range(n_clusters):
        put(labels, here + k, 0, get(labels, here + k, 0) * scale)
    put(points, point + S, 0, s)
    put(points, point + NU, 0, nu)


@vector_jit
def finish(state, g):
    """Normalise the labels; where lambda is infinite, round them to means of exactly the prior.

    Rounding scales every column down to its prior and gives what each point then misses to the
    columns that are short, in proportion (Altschuler et al. 2017, algorithm 2).
    """
    tile, _, copy, probs = new_scratch(state)
    keep, fill = np.ones(len(tile)), np.zeros(len(tile))
    if np.isinf(state.control[LAM]):
        fill_rounding(state.partials[0, MEAN], state.prior, keep, fill)
    linear = state.control[LINEAR] > 0
    log_p = splat(0.0)
    for i in range(state.bounds[g], state.bounds[g + 1]):
        at = here = i * len(tile)
        if state.control[ROWS] > 0:
            at = 0
            load_rows(state.probs, i, copy)
        p = round_labels(probs, at, state.labels, here, keep, fill)
        weight = get(state.weights, i, 0)
        log_p += weight * (p if linear else vector_log(p))
    state.sums[g, LOG_P] = total(log_p)


@inner_jit
def fill_rounding(mean, prior, keep, fill):
    """Fill the factor of each column, and its part of what points then miss."""
    missing = 0.0
    for k in range(len(prior)):
        keep[k] = min(1.0, prior[k] / mean[k])
        fill[k] = max(0.0, prior[k] - mean[k])
        missing += fill[k]
    for k in range(len(prior)):
        fill[k] /= max(missing, 1e-300)


@inline
def round_labels(probs, at, labels, here, keep, fill):
    """Normalise the labels and round them; return sigma'y."""
    norm = kept = p = splat(0.0)
    for k in range(len(keep)):
        y = get(labels, here + k, 0)
        norm += y
        kept += keep[k] * y
    scale = 1.0 / norm
    rest = 1.0 - kept * scale
    for k in range(len(keep)):
        y = get(labels, here + k, 0) * keep[k] * scale + rest * fill[k]
        put(labels, here + k, 0, y)
        p += y * get(probs, at + k, 0)
    return p
