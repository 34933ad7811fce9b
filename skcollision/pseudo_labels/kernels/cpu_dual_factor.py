"""The interior point's first pass: the Newton system of each point, summed.

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
labels are stored. REF is kept less the sigma of the pivot, and eta less its ddelta
(``cpu_dual_points``).
"""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_dual_points import (
    AFFINE_M,
    Q_M,
    STEP_M,
    D,
    Q,
    load_pivots,
    load_rows,
    new_scratch,
)
from skcollision.pseudo_labels.kernels.cpu_dual_state import (
    AFFINE,
    D0,
    DELTA,
    DS,
    DS_A,
    DUAL,
    ETA,
    ETA_A,
    LINEAR,
    LOG_P,
    MEAN,
    MU,
    N_POINT_ROWS,
    NU,
    PENDING,
    PIVOT,
    POINT_STEP,
    REF,
    RESPONSE,
    ROWS,
    SECOND_ORDER,
    SHARE,
    SIGMA_MU,
    STEP,
    STEP_D,
    STEP_P,
    Y_FLOOR,
    Z_FLOOR,
    E,
    S,
)
from skcollision.pseudo_labels.kernels.cpu_math import fast_max, fast_min, inline, inner_jit
from skcollision.pseudo_labels.kernels.cpu_vectors import (
    LANES,
    get,
    put,
    slacks,
    splat,
    total,
    vector_jit,
    vector_log,
    vector_sqrt,
    where_greater,
)

# Columns that the Gram product takes at once, two a point: as many as keep K in the L2 cache.
GRAM_DEPTH = 256
GRAM_TILES = GRAM_DEPTH // (2 * LANES)
# Padding that spreads the columns over the sets of the L1 cache.
GRAM_STRIDE = GRAM_DEPTH + 16
# The Gram product cancels terms of size 1/mu: float32 is exact enough above this mu only. What it
# lacks, later iterations mend, but a solution far from the optimum is rounded by it. For float64
# predictions it is used only where it is most of the time: for so many clusters.
GRAM_FLOAT32_MU = 1e-5
MANY_CLUSTERS = 64


@inner_jit
def factor(state, g, with_gram):
    """Take the last step; evaluate the certificate and, with_gram, the predictor's system."""
    control, gram = state.control, state.gram[g]
    n_clusters = len(state.prior)
    a_d = control[STEP_D] if control[PENDING] > 0 else 0.0
    delta = np.empty(n_clusters)
    for k in range(n_clusters):
        delta[k] = state.dual[DELTA, k] + a_d * state.dual[STEP, k]
    sums = np.zeros((n_clusters, 3 * LANES))
    certificate = np.zeros(2)
    short = control[MU] > GRAM_FLOAT32_MU and (
        state.labels.itemsize == 4 or n_clusters > MANY_CLUSTERS
    )
    width = GRAM_STRIDE if with_gram else 0
    columns32 = np.zeros((len(gram), width if short else 0), dtype=np.float32)
    columns = np.zeros((len(gram), 0 if short else width))
    if with_gram:
        gram[:] = 0.0
    stop = state.bounds[g + 1]
    for first in range(state.bounds[g], stop, GRAM_TILES):
        end = min(stop, first + GRAM_TILES)
        depth = 2 * LANES * (end - first)
        measure_tiles(state, first, end, delta, sums, certificate, columns, columns32)
        if columns32.shape[1] > 0:
            add_gram(columns32, depth, gram)
        elif columns.shape[1] > 0:
            add_gram(columns, depth, gram)
    partials = state.partials[g]
    for k in range(n_clusters):
        partials[MEAN, k] = total(get(sums, k, 0))
        partials[SHARE, k] = total(get(sums, k, LANES))
        partials[RESPONSE, k] = total(get(sums, k, 2 * LANES))
    state.sums[g, LOG_P] = certificate[0]
    state.sums[g, DUAL] = certificate[1]


@vector_jit
def measure_tiles(state, start, stop, delta, sums, certificate, columns, columns32):
    """Take the last step of some tiles; add to all sums, fill the columns that have room."""
    tile, pivots, copy, probs = new_scratch(state)
    labels, points = state.labels, state.points
    moved, linear = state.control[PENDING] > 0, state.control[LINEAR] > 0
    log_p = bound = splat(0.0)
    for i in range(start, stop):
        point = i * N_POINT_ROWS
        at = here = i * len(tile)
        if state.control[ROWS] > 0:
            at = 0
            load_rows(state.probs, i, copy)
        if moved:
            load_pivots(probs, at, points, point, state.dual, pivots)
            take_step(probs, at, labels, here, points, point, pivots, state.dual, state.control)
        choose_pivots(probs, at, labels, here, points, point, pivots, len(tile))
        p, norm, top = measure(probs, at, labels, here, points, point, pivots, delta, linear, tile)
        weight, s = get(state.weights, i, 0), get(points, point + S, 0)
        if linear:
            log_p += weight * (p / norm)
            bound -= weight * top
        else:
            log_p += weight * vector_log(p / norm)
            bound += weight * (1.0 + vector_log(s) - top)
        shift, slope = weight / get(points, point + D0, 0), weight / get(points, point + E, 0)
        center = get(pivots, Q_M, 0) + get(points, point + REF, 0)
        tilt = slope * (1.0 / s - center)
        of_share = splat(0.0) if linear else weight / p
        add_responses(probs, at, labels, here, tile, weight / norm, of_share, shift, tilt, sums)
        scale_d, scale_c = vector_sqrt(shift), vector_sqrt(slope)
        if columns32.shape[1] > 0:
            put_columns(tile, scale_d, scale_c, columns32, 2 * LANES * (i - start))
        elif columns.shape[1] > 0:
            put_columns(tile, scale_d, scale_c, columns, 2 * LANES * (i - start))
    certificate[0] += total(log_p)
    certificate[1] += total(bound)


@inline
def take_step(probs, at, labels, here, points, point, pivots, dual, control):
    """Move labels and slacks along the corrected direction."""
    s, nu, ref = get(points, point + S, 0), get(points, point + NU, 0), get(points, point + REF, 0)
    q_m, affine_m, step_m = get(pivots, Q_M, 0), get(pivots, AFFINE_M, 0), get(pivots, STEP_M, 0)
    eta_a, ds_a = get(points, point + ETA_A, 0), get(points, point + DS_A, 0)
    eta, ds = get(points, point + ETA, 0), get(points, point + DS, 0)
    a_p = fast_min(get(points, point + POINT_STEP, 0), control[STEP_P])
    sigma_mu, second = control[SIGMA_MU], control[SECOND_ORDER]
    for k in range(dual.shape[1]):
        q, y = get(probs, at + k, 0), get(labels, here + k, 0)
        r = 1.0 / fast_max(slacks(nu, s, q, dual[DELTA, k]), Z_FLOOR)
        q = q - q_m - ref
        rho_a = (eta_a - q * ds_a - (dual[AFFINE, k] - affine_m)) * r
        rho = (eta - q * ds - (dual[STEP, k] - step_m)) * r
        dy = sigma_mu * r + y * (second * rho_a * (1.0 + rho_a) - 1.0 - rho)
        put(labels, here + k, 0, fast_max(y + a_p * dy, Y_FLOOR))
    put(points, point + S, 0, s + control[STEP_D] * ds)
    put(points, point + NU, 0, nu + control[STEP_D] * (eta + step_m + (q_m + ref) * ds))


@inline
def choose_pivots(probs, at, labels, here, points, point, pivots, n_clusters):
    """Make each point's largest label its pivot."""
    top = pivot = splat(0.0)
    for k in range(n_clusters):
        y = get(labels, here + k, 0)
        pivot = where_greater(y, top, splat(np.float64(k)), pivot)
        top = fast_max(top, y)
    put(points, point + PIVOT, 0, pivot)
    for t in range(LANES):
        pivots[Q_M, t] = probs[at + int(points[point + PIVOT, t]), t]


@inline
def measure(probs, at, labels, here, points, point, pivots, delta, linear, tile):
    """Fill d = y/z, sigma - ref and the points' D0, REF, E.

    Returns p, sum y and max_k s sigma_k + delta_k.
    """
    s, nu, q_m = get(points, point + S, 0), get(points, point + NU, 0), get(pivots, Q_M, 0)
    top = splat(-np.inf)
    d0 = d1 = p = norm = splat(0.0)
    for k in range(len(tile)):
        q, y = get(probs, at + k, 0), get(labels, here + k, 0)
        d = y / fast_max(slacks(nu, s, q, delta[k]), Z_FLOOR)
        put(tile, k, D, d)
        top = fast_max(top, s * q + delta[k])
        d0 += d
        d1 += d * (q - q_m)
        p += y * q
        norm += y
    ref = d1 / d0
    e = splat(np.inf) if linear else p / s
    for k in range(len(tile)):
        q = get(probs, at + k, 0) - q_m - ref
        put(tile, k, Q, q)
        e += get(tile, k, D) * q * q
    put(points, point + D0, 0, d0)
    put(points, point + REF, 0, ref)
    put(points, point + E, 0, e)
    return p, norm, top


@inline
def add_responses(probs, at, labels, here, tile, of_mean, of_share, shift, tilt, sums):
    """Add normalised labels, their shares in p, and the predictor at ddelta = 0."""
    for k in range(len(tile)):
        y = get(labels, here + k, 0)
        put(sums, k, 0, get(sums, k, 0) + of_mean * y)
        put(sums, k, LANES, get(sums, k, LANES) + of_share * y * get(probs, at + k, 0))
        response = get(tile, k, D) * (shift + tilt * get(tile, k, Q))
        put(sums, k, 2 * LANES, get(sums, k, 2 * LANES) + response)


@inline
def put_columns(tile, scale_d, scale_c, columns, at):
    """Store the two rank-one terms of each point's Q as columns."""
    for k in range(len(tile)):
        d = get(tile, k, D)
        put(columns, k, at, scale_d * d)
        put(columns, k, at + LANES, scale_c * d * get(tile, k, Q))


@inner_jit
def add_gram(columns, depth, gram):
    """Lower triangle of gram += columns columns', in register tiles of 4 x 2 dot products."""
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
            gram[b, a] += s0
            gram[b, a + 1] += s1
            gram[b, a + 2] += s2
            gram[b, a + 3] += s3
            gram[b + 1, a] += t0
            gram[b + 1, a + 1] += t1
            gram[b + 1, a + 2] += t2
            gram[b + 1, a + 3] += t3
