"""Row passes of the interior point: which one runs, the first and the last of them."""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_dual_factor import GRAM_FLOAT32_MU, GRAM_STRIDE, factor
from skcollision.pseudo_labels.kernels.cpu_dual_state import (
    CENTER,
    CORRECT,
    FACTOR,
    LAM,
    LINEAR,
    LOG_P,
    MEAN,
    MU,
    N_ITER,
    NU,
    PREDICT,
    S,
)
from skcollision.pseudo_labels.kernels.cpu_dual_steps import correct, predict, take_step
from skcollision.pseudo_labels.kernels.cpu_math import fast_max, inline, jit

# Newton steps of the start: the iterations that follow mend what these leave.
CENTER_STEPS = 2


@jit
def sweep_groups(state, phase, first, step):
    """Run one phase on every step-th group from first."""
    for g in range(first, len(state.bounds) - 1, step):
        sweep(state, phase, g)


@jit
def sweep(state, phase, g):
    """Run one phase on the points of group g."""
    if phase == CENTER:
        center(state, g)
    elif phase == FACTOR:
        if state.control[N_ITER] > 0:
            take_step(state, g)
        if state.probs.itemsize == 4 and state.control[MU] > GRAM_FLOAT32_MU:
            columns = np.zeros((state.gram.shape[1], GRAM_STRIDE), dtype=np.float32)
            factor(state, g, columns)
        else:
            columns64 = np.zeros((state.gram.shape[1], GRAM_STRIDE), dtype=np.float64)
            factor(state, g, columns64)
    elif phase == PREDICT:
        predict(state, g)
    elif phase == CORRECT:
        correct(state, g)
    else:
        finish(state, g)


@jit
def center(state, g):
    """Start near the central path at delta = 0: a few Newton steps of each point alone."""
    for i in range(state.bounds[g], state.bounds[g + 1]):
        probs = state.probs[i]
        largest = -np.inf
        for k in range(len(probs)):
            largest = fast_max(largest, np.float64(probs[k]))
        s, nu = center_point(
            probs, state.labels[i], largest, state.control[MU], state.control[LINEAR] > 0
        )
        state.points[i, S] = s
        state.points[i, NU] = nu


@inline
def center_point(probs, labels, largest, mu, linear):
    """Fill labels y_k = mu / z_k, z_k = nu - s sigma_k, that nearly sum to one; return s and nu.

    With s sigma'y = 1 it follows that nu = 1 + K mu, and s is sought; LINEAR has s = 1, and seeks
    nu. Either way the unknown is the smallest slack e, as in ``cpu_em``: 1 / sum y is concave in
    it, so that Newton on it climbs from e = mu. CUDA compiles this function too.
    """
    # s = s0 - s1 e, nu = nu0 + nu1 e
    if linear:
        s0, s1, nu0, nu1 = 1.0, 0.0, largest, 1.0
    else:
        nu0, nu1 = 1.0 + mu * len(probs), 0.0
        s0, s1 = nu0 / largest, 1.0 / largest
    e = mu
    for _ in range(CENTER_STEPS):
        s, nu = s0 - s1 * e, nu0 + nu1 * e
        f = df = 0.0
        for k in range(len(probs)):
            q = np.float64(probs[k])
            y = mu / (nu - s * q)
            f += y
            df += y * y * (nu1 + s1 * q)
        e += mu * f * (f - 1.0) / df
    s, nu = s0 - s1 * e, nu0 + nu1 * e
    total = 0.0
    for k in range(len(probs)):
        y = mu / (nu - s * probs[k])
        labels[k] = y
        total += y
    scale = 1.0 / total
    for k in range(len(probs)):
        labels[k] *= scale
    return s, nu


@jit
def finish(state, g):
    """Normalise the labels; where lambda is infinite, round them to means of exactly the prior.

    Rounding scales every column down to its prior and gives what each row then misses to the
    columns that are short, in proportion (Altschuler et al. 2017, algorithm 2).
    """
    n_clusters = state.probs.shape[1]
    labels = state.labels
    keep = np.ones(n_clusters)
    fill = np.zeros(n_clusters)
    if np.isinf(state.control[LAM]):
        missing = 0.0
        for k in range(n_clusters):
            mean = state.partials[0, MEAN, k]
            keep[k] = min(1.0, state.prior[k] / mean)
            fill[k] = max(0.0, state.prior[k] - mean)
            missing += fill[k]
        for k in range(n_clusters):
            fill[k] /= max(missing, 1e-300)
    log_p = 0.0
    for i in range(state.bounds[g], state.bounds[g + 1]):
        total = kept = 0.0
        for k in range(n_clusters):
            total += labels[i, k]
            kept += labels[i, k] * keep[k]
        rest = 1.0 - kept / total
        p = 0.0
        for k in range(n_clusters):
            y = labels[i, k] * keep[k] / total + rest * fill[k]
            labels[i, k] = y
            p += y * state.probs[i, k]
        log_p += state.weights[i] * (p if state.control[LINEAR] > 0 else np.log(p))
    state.sums[g, LOG_P] = log_p
