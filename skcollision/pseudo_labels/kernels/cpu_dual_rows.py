"""Row passes of the interior point: which one runs, the first and the last of them."""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_dual_factor import GRAM_FLOAT32_MU, GRAM_STRIDE, factor
from skcollision.pseudo_labels.kernels.cpu_dual_state import (
    CENTER,
    CENTER_STEPS,
    CORRECT,
    DELTA,
    FACTOR,
    LAM,
    LINEAR,
    LOG_P,
    MEAN,
    MU,
    N_ITER,
    NU,
    PREDICT,
    Z_FLOOR,
    S,
)
from skcollision.pseudo_labels.kernels.cpu_dual_steps import correct, predict, take_step
from skcollision.pseudo_labels.kernels.cpu_math import fast_max, inline, jit


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
    """Start near the central path: labels uniform, then a few Newton steps of each point alone."""
    n_clusters = state.probs.shape[1]
    delta = state.dual[DELTA]
    mu = state.control[MU]
    linear = state.control[LINEAR] > 0
    inverse_z = np.empty(n_clusters)
    for i in range(state.bounds[g], state.bounds[g + 1]):
        probs = state.probs[i]
        labels = state.labels[i]
        total = 0.0
        for k in range(n_clusters):
            total += probs[k]
            labels[k] = 1.0 / n_clusters
        s = 1.0 if linear else n_clusters / max(total, 1e-30)
        top = -np.inf
        for k in range(n_clusters):
            top = fast_max(top, s * probs[k] + delta[k])
        nu = top + mu * n_clusters
        for _ in range(int(state.control[CENTER_STEPS])):
            s, nu = center_step(probs, labels, delta, s, nu, mu, linear, inverse_z)
        state.points[i, S] = s
        state.points[i, NU] = nu


@inline
def center_step(probs, labels, delta, s, nu, mu, linear, inverse_z):
    """Move one point by a damped primal-dual Newton step at fixed delta; return its s and nu."""
    d0 = d1 = p = t0 = t1 = 0.0
    for k in range(len(probs)):
        q = np.float64(probs[k])
        r = 1.0 / fast_max(nu - s * q - delta[k], Z_FLOOR)
        inverse_z[k] = r
        d = labels[k] * r
        d0 += d
        d1 += d * q
        p += labels[k] * q
        t0 += r
        t1 += q * r
    ref = d1 / d0
    e = np.inf if linear else p / s
    for k in range(len(probs)):
        e += labels[k] * inverse_z[k] * (probs[k] - ref) ** 2
    eta = (mu * t0 - 1.0) / d0
    ds = (1.0 / s - ref - mu * (t1 - ref * t0)) / e
    shrink_d = -ds / s
    shrink_p = 0.0
    for k in range(len(probs)):
        rho = (eta - (probs[k] - ref) * ds) * inverse_z[k]
        shrink_d = fast_max(shrink_d, -rho)
        shrink_p = fast_max(shrink_p, 1.0 + rho - mu * inverse_z[k] / labels[k])
    a_d = 0.95 / max(shrink_d, 0.95)
    a_p = 0.95 / max(shrink_p, 0.95)
    for k in range(len(probs)):
        rho = (eta - (probs[k] - ref) * ds) * inverse_z[k]
        labels[k] += a_p * (mu * inverse_z[k] - labels[k] * (1.0 + rho))
    return s + a_d * ds, nu + a_d * (eta + ref * ds)


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
