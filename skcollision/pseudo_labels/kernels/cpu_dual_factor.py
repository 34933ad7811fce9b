"""The interior point's first row pass: the Newton system of each point, summed.

For each point, with s for 1/p, the slacks are z_k = nu - s sigma_k - delta_k > 0 and the
conditions y_k z_k = mu, sum y = 1, s sigma'y = 1. Linearised, with d = y/z, rho = dz/z and a target
t z for the products (eta = d nu - ref d s, ref = sum d sigma / sum d):

    dz_k = eta - (sigma_k - ref) ds - ddelta_k ,        dy_k = t_k - y_k (1 + rho_k)
    eta  = (sum t - 1 + d'ddelta) / D0 ,                D0 = sum d
    ds   = (1/s - ref - c't/d - c'ddelta) / E ,         c = d (sigma - ref), E = c'sigma + p/s

so that dy = ... + Q ddelta with Q = diag(d) - d d'/D0 - c c'/E, a graph Laplacian (Q 1 = 0).
The predictor has t = 0; the corrector t = sigma_mu/z + y rho (1 + rho) with the predictor's rho,
which is Mehrotra's second-order term -dy dz / z. LINEAR replaces -ln(sigma'y) by -y'ln(sigma)
(Shannon's cross-entropy, eq. 5 of the paper): probs hold ln(sigma), s stays 1 and E is infinite.
Slacks are recomputed in float64 in each pass: cheaper than a third N x K array, and exact however
labels are stored.
"""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_dual_state import (
    D0,
    DELTA,
    DUAL,
    LINEAR,
    LOG_P,
    MEAN,
    N_ITER,
    NU,
    REF,
    RESPONSE,
    SHARE,
    STEP,
    STEP_D,
    Z_FLOOR,
    E,
    S,
)
from skcollision.pseudo_labels.kernels.cpu_math import fast_max, inline, jit, slack

# Columns that the Gram product takes at once: as many as keep K of them in the L2 cache.
GRAM_DEPTH = 256
# Padding that spreads the columns over the sets of the L1 cache.
GRAM_STRIDE = GRAM_DEPTH + 16
# The Gram product cancels terms of size 1/mu: float32 is exact enough above this mu only, and for
# float32 predictions, whose labels are rounded anyway.
GRAM_FLOAT32_MU = 1e-5


@jit
def factor(state, g, columns):
    """Evaluate the certificate, the predictor's right-hand side and Q, summed over the group."""
    n_clusters = state.probs.shape[1]
    delta = np.empty(n_clusters)
    a_d = state.control[STEP_D] if state.control[N_ITER] > 0 else 0.0
    for k in range(n_clusters):
        delta[k] = state.dual[DELTA, k] + a_d * state.dual[STEP, k]
    gram = state.gram[g]
    partials = state.partials[g]
    gram[:] = 0.0
    partials[:] = 0.0
    d_row = np.empty(n_clusters)
    linear = state.control[LINEAR] > 0
    log_p = 0.0
    dual = 0.0
    used = 0
    for i in range(state.bounds[g], state.bounds[g + 1]):
        probs = state.probs[i]
        labels = state.labels[i]
        point = state.points[i]
        weight = state.weights[i]
        p, total, top = point_moments(probs, labels, delta, point, linear, d_row)
        if linear:
            log_p += weight * (p / total)
            dual -= weight * top
        else:
            log_p += weight * np.log(p / total)
            dual += weight * (1.0 + np.log(point[S]) - top)
        share = 0.0 if linear else weight / p
        add_response(probs, labels, point, d_row, weight, weight / total, share, partials)
        put_columns(probs, point, d_row, weight, columns, used)
        used += 2
        if used == GRAM_DEPTH:
            add_gram(columns, used, gram)
            used = 0
    if used > 0:
        add_gram(columns, used, gram)
    state.sums[g, LOG_P] = log_p
    state.sums[g, DUAL] = dual


@inline
def point_moments(probs, labels, delta, point, linear, d_row):
    """Fill d = y/z and the point's D0, REF, E; return p, sum y and max_k s sigma_k + delta_k."""
    s, nu = point[S], point[NU]
    d0 = d1 = p = total = 0.0
    top = -np.inf
    for k in range(len(probs)):
        q = np.float64(probs[k])
        y = np.float64(labels[k])
        top = fast_max(top, s * q + delta[k])
        d = y / fast_max(slack(nu, s, q, delta[k]), Z_FLOOR)
        d_row[k] = d
        d0 += d
        d1 += d * q
        p += y * q
        total += y
    ref = d1 / d0
    e = np.inf if linear else p / s
    for k in range(len(probs)):
        e += d_row[k] * (probs[k] - ref) ** 2
    point[D0] = d0
    point[REF] = ref
    point[E] = e
    return p, total, top


@inline
def add_response(probs, labels, point, d_row, weight, label_weight, share_weight, partials):
    """Add the point's normalised label, its shares in p, and its predictor at ddelta = 0."""
    ref = point[REF]
    shift = weight / point[D0]
    slope = weight * (1.0 / point[S] - ref) / point[E]
    for k in range(len(probs)):
        partials[MEAN, k] += label_weight * labels[k]
        partials[SHARE, k] += share_weight * labels[k] * probs[k]
        partials[RESPONSE, k] += d_row[k] * (shift + slope * (probs[k] - ref))


@inline
def put_columns(probs, point, d_row, weight, columns, used):
    """Store the two rank-one terms of the point's Q as columns."""
    ref = point[REF]
    scale_d = np.sqrt(weight / point[D0])
    scale_c = np.sqrt(weight / point[E])
    for k in range(len(probs)):
        d = d_row[k]
        columns[k, used] = scale_d * d
        columns[k, used + 1] = scale_c * d * (probs[k] - ref)


@jit
def add_gram(columns, depth, gram):
    """Upper triangle of gram += columns columns', in register tiles of 4 x 2 dot products."""
    zero = columns.dtype.type(0.0)
    for a in range(0, len(columns), 4):
        x0, x1, x2, x3 = columns[a], columns[a + 1], columns[a + 2], columns[a + 3]
        for b in range(a, len(columns), 2):
            u = columns[b]
            v = columns[b + 1]
            s0 = s1 = s2 = s3 = t0 = t1 = t2 = t3 = zero
            for j in range(depth):
                s0 += x0[j] * u[j]
                s1 += x1[j] * u[j]
                s2 += x2[j] * u[j]
                s3 += x3[j] * u[j]
                t0 += x0[j] * v[j]
                t1 += x1[j] * v[j]
                t2 += x2[j] * v[j]
                t3 += x3[j] * v[j]
            gram[a, b] += s0
            gram[a + 1, b] += s1
            gram[a + 2, b] += s2
            gram[a + 3, b] += s3
            gram[a, b + 1] += t0
            gram[a + 1, b + 1] += t1
            gram[a + 2, b + 1] += t2
            gram[a + 3, b + 1] += t3
