"""Row passes of the interior point.

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
    AFFINE,
    CENTER,
    CENTER_STEPS,
    CORRECT,
    D0,
    DELTA,
    DS,
    DS_A,
    DUAL,
    ETA,
    ETA_A,
    FACTOR,
    LAM,
    LEFT,
    LEFT_D,
    LINEAR,
    LOG_P,
    MEAN,
    MU,
    N_ITER,
    NU,
    POINT_STEP,
    PREDICT,
    REF,
    RESPONSE,
    RESPONSE_2ND,
    RESPONSE_MU,
    RHO_LOW,
    SECOND_ORDER,
    SHORT,
    SIGMA_MU,
    STEP,
    STEP_D,
    STEP_LOW,
    STEP_P,
    YZ,
    E,
    S,
)
from skcollision.pseudo_labels.kernels.cpu_math import fast_max, fast_min, inline, jit

# How much of the way to the boundary a step may go.
TO_BOUNDARY = 0.99
# Below these a slack or a label is rounding error.
Z_FLOOR = 1e-14
Y_FLOOR = 1e-30
# Columns that the Gram product takes at once: as many as keep K of them in the L2 cache.
GRAM_DEPTH = 256
# Padding that spreads the columns over the sets of the L1 cache.
GRAM_STRIDE = GRAM_DEPTH + 16
# The Gram product cancels terms of size 1/mu: float32 is exact enough above this mu only, and for
# float32 predictions, whose labels are rounded anyway.
GRAM_FLOAT32_MU = 1e-5


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
def take_step(state, g):
    """Move labels and slacks along the corrected direction."""
    control, points = state.control, state.points
    dual = state.dual
    a_d = control[STEP_D]
    sigma_mu, second = control[SIGMA_MU], control[SECOND_ORDER]
    for i in range(state.bounds[g], state.bounds[g + 1]):
        s, nu, ref = points[i, S], points[i, NU], points[i, REF]
        eta_a, ds_a, eta, ds = points[i, ETA_A], points[i, DS_A], points[i, ETA], points[i, DS]
        a_p = min(points[i, POINT_STEP], control[STEP_P])
        probs = state.probs[i]
        labels = state.labels[i]
        for k in range(len(probs)):
            q = np.float64(probs[k])
            y = np.float64(labels[k])
            r = 1.0 / fast_max(nu - s * q - dual[DELTA, k], Z_FLOOR)
            q -= ref
            rho_a = (eta_a - q * ds_a - dual[AFFINE, k]) * r
            rho = (eta - q * ds - dual[STEP, k]) * r
            dy = sigma_mu * r + y * (second * rho_a * (1.0 + rho_a) - 1.0 - rho)
            labels[k] = fast_max(y + a_p * dy, Y_FLOOR)
        points[i, S] = s + a_d * ds
        points[i, NU] = nu + a_d * (eta + ref * ds)


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
        add_response(probs, labels, point, d_row, weight, weight / total, partials)
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
        line = s * q + delta[k]
        top = fast_max(top, line)
        d = y / fast_max(nu - line, Z_FLOOR)
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
def add_response(probs, labels, point, d_row, weight, label_weight, partials):
    """Add the point's normalised label, and its label after a predictor step at ddelta = 0."""
    ref = point[REF]
    shift = weight / point[D0]
    slope = weight * (1.0 / point[S] - ref) / point[E]
    for k in range(len(probs)):
        partials[MEAN, k] += label_weight * labels[k]
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


@jit
def predict(state, g):
    """Step lengths and products along the predictor, and the corrector's right-hand sides."""
    n_clusters = state.probs.shape[1]
    delta = state.dual[DELTA]
    affine = state.dual[AFFINE]
    partials = state.partials[g]
    for k in range(n_clusters):
        partials[RESPONSE_MU, k] = 0.0
        partials[RESPONSE_2ND, k] = 0.0
    r_row = np.empty(n_clusters)
    t_row = np.empty(n_clusters)
    sums = state.sums[g]
    sums[:] = 0.0
    for i in range(state.bounds[g], state.bounds[g + 1]):
        probs = state.probs[i]
        labels = state.labels[i]
        point = state.points[i]
        weight = state.weights[i]
        solve_predictor(probs, labels, delta, affine, point, r_row)
        add_predictor_sums(probs, labels, affine, point, weight, r_row, t_row, sums)
        add_corrector_responses(probs, labels, point, weight, r_row, t_row, partials)


@inline
def solve_predictor(probs, labels, delta, affine, point, r_row):
    """Fill 1/z and the point's predictor (eta, ds)."""
    s, nu, ref = point[S], point[NU], point[REF]
    h0 = h1 = 0.0
    for k in range(len(probs)):
        q = np.float64(probs[k])
        r = 1.0 / fast_max(nu - s * q - delta[k], Z_FLOOR)
        r_row[k] = r
        h = labels[k] * r * affine[k]
        h0 += h
        h1 += h * (q - ref)
    point[ETA_A] = (h0 - 1.0) / point[D0]
    point[DS_A] = (1.0 / s - ref - h1) / point[E]


@inline
def add_predictor_sums(probs, labels, affine, point, weight, r_row, t_row, sums):
    """Fill the second-order targets t; add y'z, y'dz, dy'dz and the extremes of rho."""
    eta, ds, ref = point[ETA_A], point[DS_A], point[REF]
    yz = ydz = dydz = 0.0
    low = fast_min(sums[RHO_LOW], ds / point[S])
    high = 0.0
    for k in range(len(probs)):
        y = np.float64(labels[k])
        dz = eta - (probs[k] - ref) * ds - affine[k]
        rho = r_row[k] * dz
        low = fast_min(low, rho)
        high = fast_max(high, rho)
        t_row[k] = y * rho * (1.0 + rho)
        yz += y / r_row[k]
        ydz += y * dz
        dydz -= y * dz * (1.0 + rho)
    # with steps a_i for the labels, a for the slacks, (y + a_i dy)'(z + a dz) = LEFT + a LEFT_D
    a_p = 1.0 / (1.0 + high)
    sums[RHO_LOW] = low
    sums[YZ] += weight * yz
    sums[LEFT] += weight * ((1.0 - a_p) * yz - a_p * ydz)
    sums[LEFT_D] += weight * (ydz + a_p * dydz)


@inline
def add_corrector_responses(probs, labels, point, weight, r_row, t_row, partials):
    """Add the response of the label to the targets 1/z (times sigma_mu later) and t."""
    ref = point[REF]
    t0 = t1 = c0 = c1 = 0.0
    for k in range(len(probs)):
        q = probs[k] - ref
        t0 += r_row[k]
        t1 += r_row[k] * q
        c0 += t_row[k]
        c1 += t_row[k] * q
    t0 /= point[D0]
    t1 /= point[E]
    c0 /= point[D0]
    c1 /= point[E]
    for k in range(len(probs)):
        q = probs[k] - ref
        d = labels[k] * r_row[k]
        partials[RESPONSE_MU, k] += weight * (r_row[k] - d * (t0 + q * t1))
        partials[RESPONSE_2ND, k] += weight * (t_row[k] - d * (c0 + q * c1))


@jit
def correct(state, g):
    """Solve each point for the corrected direction and find how far it may go."""
    r_row = np.empty(state.probs.shape[1])
    t_row = np.empty(state.probs.shape[1])
    low = short = 0.0
    step_low = 1.0
    for i in range(state.bounds[g], state.bounds[g + 1]):
        point = state.points[i]
        probs = state.probs[i]
        labels = state.labels[i]
        solve_corrector(probs, labels, state.dual, point, state.control, r_row, t_row)
        eta, ds, ref = point[ETA], point[DS], point[REF]
        low = fast_min(low, ds / point[S])
        high = -np.inf
        for k in range(len(probs)):
            rho = (eta - (probs[k] - ref) * ds - state.dual[STEP, k]) * r_row[k]
            low = fast_min(low, rho)
            high = fast_max(high, rho - t_row[k] / labels[k])
        a_p = min(1.0, TO_BOUNDARY / max(1.0 + high, 1e-30))
        point[POINT_STEP] = a_p
        step_low = min(step_low, a_p)
        short += state.weights[i] * (1.0 - a_p)
    state.sums[g, RHO_LOW] = low
    state.sums[g, STEP_LOW] = step_low
    state.sums[g, SHORT] = short


@inline
def solve_corrector(probs, labels, dual, point, control, r_row, t_row):
    """Fill 1/z, the targets t and the point's corrected (eta, ds)."""
    s, nu, ref = point[S], point[NU], point[REF]
    eta_a, ds_a = point[ETA_A], point[DS_A]
    sigma_mu, second = control[SIGMA_MU], control[SECOND_ORDER]
    h0 = h1 = 0.0
    for k in range(len(probs)):
        q = np.float64(probs[k])
        y = np.float64(labels[k])
        r = 1.0 / fast_max(nu - s * q - dual[DELTA, k], Z_FLOOR)
        q -= ref
        rho = (eta_a - q * ds_a - dual[AFFINE, k]) * r
        t = sigma_mu * r + second * y * rho * (1.0 + rho)
        r_row[k] = r
        t_row[k] = t
        h = t + y * r * dual[STEP, k]
        h0 += h
        h1 += h * q
    point[ETA] = (h0 - 1.0) / point[D0]
    point[DS] = (1.0 / s - ref - h1) / point[E]


@jit
def finish(state, g):
    """Normalise the labels; where lambda is infinite, round them to means of exactly the prior.

    Rounding scales every column down to its prior and gives what each row then misses to the
    columns that are short, in proportion (Altschuler et al. 2017, algorithm 2). It multiplies each
    label by min(prior / mean, 1) at least, so the objective rises by max ln(mean / prior) at most.
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
