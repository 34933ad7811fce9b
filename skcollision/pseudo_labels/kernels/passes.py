"""The interior point's passes over the points of a stack of problems.

For each point, with s for 1/p, the slacks are z_k = nu - s sigma_k - delta_k > 0 and the
conditions y_k z_k = mu, sum y = 1, s sigma'y = 1. Linearised, with d = y/z, rho = dz/z and a target
t y z for the products (eta = d nu - ref d s, ref = sum d sigma / sum d):

    dz_k = eta - (sigma_k - ref) ds - ddelta_k ,        dy_k = y_k (t_k - 1 - rho_k)
    eta  = (sum t y - 1 + d'ddelta) / D0 ,              D0 = sum d
    ds   = (1/s - ref - c'(t z) - c'ddelta) / E ,       c = d (sigma - ref), E = c'sigma + p/s

so that dy = ... + Q ddelta with Q = diag(d) - d d'/D0 - c c'/E, a graph Laplacian (Q 1 = 0).
The predictor has t = 0; the corrector t = sigma_mu/(y z) + rho (1 + rho) with the predictor's rho,
which is Mehrotra's second-order term. LINEAR replaces -ln(sigma'y) by -y'ln(sigma) (Shannon's
cross-entropy, eq. 5 of the paper): probs hold ln(sigma), s stays 1 and E is infinite.

The pivot of a point is its largest label, which may have a d that hides all others in a sum.
Differences from its sigma and its price, which leave it out of sums, keep what the others add up
to: REF is kept less the pivot's sigma, and eta less its ddelta.

Loops over clusters write one or two arrays each: with more, LLVM gives up proving that they do not
overlap, and with that on vectors.
"""

from __future__ import annotations

import numpy as np

from skcollision._jit import inner, kernel, new_records

__all__ = ["POINT", "SUMS", "centre", "correct", "measure", "new_records", "predict"]

# Below these a slack or a label is rounding error.
Z_FLOOR, Y_FLOOR = 1e-14, 1e-30
# How much of the way to the boundary a step may go.
TO_BOUNDARY = 0.99
# Newton steps of the start: the iterations that follow mend what these leave.
CENTRE_STEPS = 2
# The Gram product cancels terms of size 1/mu: float32 is exact enough above this mu only. What it
# lacks, later iterations mend.
GRAM_FLOAT32_MU = 1e-5
# Points whose rank-one terms the Gram matrix takes at once.
GRAM_POINTS = 4


# What is known of a point, besides arrays (R, N, K) of probs (ln(sigma) for `linear`), labels and
# moves: 1/z and, after `correct`, dy/y. Of eta and ds, `correct` makes the moves of nu and s; step
# is how far labels can move.
_POINT = ("s", "nu", "d0", "ref", "e", "yz", "eta", "ds", "step")
POINT = np.dtype([("pivot", np.int64)] + [(name, np.float64) for name in _POINT])
# Sums over the points. (y + a_i dy)'(z + a dz) is left + a left_d, with steps a_i of labels and a
# of slacks; low is the lowest dz/z and ds/s; short is what steps of labels lack of one.
_SUMS = ("log_p", "phi", "yz", "left", "left_d", "low", "shortest", "short")
SUMS = np.dtype([(name, np.float64) for name in _SUMS])


@inner
def largest(row):
    """Return the largest number; what is left of the row is not of use.

    By halves, because LLVM leaves a loop that reduces by ``max`` in scalar code.
    """
    n = len(row)
    while n > 1:
        half = (n + 1) // 2
        for j in range(n - half):
            row[j] = max(row[j], row[half + j])
        n = half
    return row[0]


@kernel
def centre(probs, labels, points, mu, linear):
    """Start near the central path at delta = 0: a few Newton steps of each point alone.

    Fills labels y_k = mu / z_k, z_k = nu - s sigma_k, that nearly sum to one, s and nu. With
    s sigma'y = 1 it follows that nu = 1 + K mu, and s is sought; `linear` has s = 1, and seeks nu.
    Either way the unknown is the smallest slack e: 1 / sum y is concave in it, so that Newton on it
    climbs from e = mu.
    """
    n_stack, n_points, n_clusters = probs.shape
    for j in range(n_stack * n_points):
        r, i = j // n_points, j % n_points
        q, y = probs[r, i], labels[r, i]
        top = q[0]
        for k in range(n_clusters):
            top = max(top, q[k])
        e, s, nu = mu, 1.0, 1.0 + mu * n_clusters
        flat, tilt = (1.0, 0.0) if linear else (0.0, 1.0 / top)
        f = 1.0
        for step in range(CENTRE_STEPS + 1):
            if linear:
                nu = top + e
            else:
                s = (nu - e) / top
            f = df = 0.0
            for k in range(n_clusters):
                each = mu / (nu - s * q[k])
                y[k] = each
                f += each
                df += each * each * (flat + tilt * q[k])
            if step < CENTRE_STEPS:
                e += mu * f * (f - 1.0) / df
        for k in range(n_clusters):
            y[k] /= f
        here = points[r, i]
        here.s, here.nu = s, nu
        here.eta = here.ds = here.step = 0.0


@kernel
def measure(
    probs,
    labels,
    moves,
    weights,
    points,
    active,
    with_gram,
    delta,
    step_p,
    step_d,
    linear,
    with_share,
    sums,
    means,
    shares,
    responses,
    grams,
):
    """Take the corrected step; evaluate the certificate and, with_gram, the predictor's system."""
    n_stack, n_points, n_clusters = probs.shape
    row = np.empty(n_clusters)
    columns = np.zeros((2 * GRAM_POINTS, n_clusters))
    columns32 = np.zeros((2 * GRAM_POINTS, n_clusters), dtype=np.float32)
    for r in range(n_stack):
        if not active[r]:
            continue
        mean, share, response, gram = means[r], shares[r], responses[r], grams[r]
        prices = delta[r]
        for k in range(n_clusters):
            mean[k] = share[k] = response[k] = 0.0
            for j in range(n_clusters):
                gram[k, j] = 0.0
        # by mu of the last iterate
        short = sums[r].yz > GRAM_FLOAT32_MU * n_clusters
        log_p = phi = all_yz = 0.0
        for i in range(n_points):
            q, y, inverse, here = probs[r, i], labels[r, i], moves[r, i], points[r, i]
            length = min(here.step, step_p[r])
            s = here.s + step_d[r] * here.ds
            nu = here.nu + step_d[r] * here.eta
            pivot = 0
            for k in range(n_clusters):
                y[k] = max(y[k] * (1.0 + length * inverse[k]), Y_FLOOR)
            for k in range(1, n_clusters):
                if y[k] > y[pivot]:
                    pivot = k
            q_m = q[pivot]
            d0 = d1 = p = norm = yz = 0.0
            for k in range(n_clusters):
                line = s * q[k] + prices[k]
                z = max(nu - line, Z_FLOOR)
                row[k] = line
                each = 1.0 / z
                inverse[k] = each
                d = y[k] * each
                d0 += d
                d1 += d * (q[k] - q_m)
                p += y[k] * q[k]
                norm += y[k]
                yz += y[k] * z
            ref = d1 / d0
            e = np.inf if linear else p / s
            for k in range(n_clusters):
                c = q[k] - q_m - ref
                e += y[k] * inverse[k] * c * c
            here.pivot, here.s, here.nu = pivot, s, nu
            here.ref, here.yz = ref, yz
            here.d0, here.e = d0, e
            weight, top = weights[i], largest(row)
            all_yz += weight * yz
            if linear:
                log_p += weight * (p / norm)
                phi -= weight * top
            else:
                log_p += weight * np.log(p / norm)
                phi += weight * (1.0 + np.log(s) - top)
            of_mean, of_share = weight / norm, weight / p
            for k in range(n_clusters):
                mean[k] += of_mean * y[k]
            if with_share:
                for k in range(n_clusters):
                    share[k] += of_share * y[k] * q[k]
            if with_gram[r]:
                column = 2 * (i % GRAM_POINTS)
                of_d, of_c = columns[column], columns[column + 1]
                root_d, root_c = np.sqrt(weight / d0), np.sqrt(weight / e)
                tilt = root_c * (1.0 / s - q_m - ref)
                for k in range(n_clusters):
                    d = y[k] * inverse[k]
                    of_d[k] = root_d * d
                    of_c[k] = root_c * d * (q[k] - q_m - ref)
                for k in range(n_clusters):
                    response[k] += root_d * of_d[k] + tilt * of_c[k]
                if i == n_points - 1:  # what is left of earlier points
                    for j in range(column + 2, 2 * GRAM_POINTS):
                        for k in range(n_clusters):
                            columns[j, k] = 0.0
                if i == n_points - 1 or column == 2 * GRAM_POINTS - 2:
                    if short:
                        for j in range(2 * GRAM_POINTS):
                            for k in range(n_clusters):
                                columns32[j, k] = columns[j, k]
                        add_gram(columns32, gram)
                    else:
                        add_gram(columns, gram)
        for a in range(n_clusters):
            for b in range(a):
                gram[b, a] = gram[a, b]
        sums[r].log_p = log_p
        sums[r].phi = phi
        sums[r].yz = all_yz


@inner
def add_gram(x, gram):
    """Lower triangle of gram += x'x, eight rows at once: as fast as BLAS, without its threads."""
    for a in range(x.shape[1]):
        x0, x1, x2, x3 = x[0, a], x[1, a], x[2, a], x[3, a]
        x4, x5, x6, x7 = x[4, a], x[5, a], x[6, a], x[7, a]
        for b in range(a + 1):
            first = x0 * x[0, b] + x1 * x[1, b] + x2 * x[2, b] + x3 * x[3, b]
            second = x4 * x[4, b] + x5 * x[5, b] + x6 * x[6, b] + x7 * x[7, b]
            gram[a, b] += first + second


@kernel
def predict(
    probs, labels, moves, weights, points, active, affine, sums, responses_mu, responses_2nd
):
    """Follow the predictor ``affine``; fill the corrector's right-hand sides."""
    n_stack, n_points, n_clusters = probs.shape
    rho, row, lows = np.empty(n_clusters), np.empty(n_clusters), np.empty(n_clusters)
    for r in range(n_stack):
        if not active[r]:
            continue
        step, response_mu, response_2nd = affine[r], responses_mu[r], responses_2nd[r]
        for k in range(n_clusters):
            response_mu[k] = response_2nd[k] = lows[k] = 0.0
        left = left_d = low = 0.0
        for i in range(n_points):
            q, y, inverse, here = probs[r, i], labels[r, i], moves[r, i], points[r, i]
            pivot, weight, s = here.pivot, weights[i], here.s
            d0, e, yz = here.d0, here.e, here.yz
            centre, step_m = q[pivot] + here.ref, step[pivot]
            h0 = h1 = t0 = t1 = 0.0
            for k in range(n_clusters):
                c = q[k] - centre
                h = y[k] * inverse[k] * (step[k] - step_m)
                h0 += h
                h1 += h * c
                t0 += inverse[k]
                t1 += inverse[k] * c
            eta, ds = (h0 - 1.0) / d0, (1.0 / s - centre - h1) / e
            here.eta, here.ds = eta, ds
            low = min(low, ds / s)
            ydz = dydz = c0 = c1 = 0.0
            for k in range(n_clusters):
                c = q[k] - centre
                dz = eta - c * ds - (step[k] - step_m)
                each = dz * inverse[k]
                rho[k] = each
                kept = y[k] * (1.0 + each)
                ydz += y[k] * dz
                dydz -= dz * kept
                c0 += each * kept
                c1 += each * kept * c
            for k in range(n_clusters):
                lows[k] = min(lows[k], rho[k])
                row[k] = rho[k]
            a_p = 1.0 / (1.0 + max(0.0, largest(row)))
            left += weight * ((1.0 - a_p) * yz - a_p * ydz)
            left_d += weight * (ydz + a_p * dydz)
            t0, t1, c0, c1 = t0 / d0, t1 / e, c0 / d0, c1 / e
            for k in range(n_clusters):
                shift = t0 + (q[k] - centre) * t1
                response_mu[k] += weight * inverse[k] * (1.0 - y[k] * shift)
            for k in range(n_clusters):
                target = rho[k] * (1.0 + rho[k])
                shift = c0 + (q[k] - centre) * c1
                response_2nd[k] += weight * y[k] * (target - inverse[k] * shift)
        for k in range(n_clusters):
            low = min(low, lows[k])
        sums[r].left = left
        sums[r].left_d = left_d
        sums[r].low = low


@kernel
def correct(
    probs, labels, moves, weights, points, active, affine, step, sigma_mu, sums, all_missed
):
    """Solve each point for the corrected direction, and find how far it may go."""
    n_stack, n_points, n_clusters = probs.shape
    target, row, lows = np.empty(n_clusters), np.empty(n_clusters), np.empty(n_clusters)
    for r in range(n_stack):
        if not active[r]:
            continue
        first, second, missed = affine[r], step[r], all_missed[r]
        for k in range(n_clusters):
            missed[k] = lows[k] = 0.0
        low, shortest, short = 0.0, 1.0, 0.0
        for i in range(n_points):
            q, y, inverse, here = probs[r, i], labels[r, i], moves[r, i], points[r, i]
            pivot, s = here.pivot, here.s
            centre, first_m, second_m = q[pivot] + here.ref, first[pivot], second[pivot]
            eta, ds = here.eta, here.ds
            h0 = h1 = 0.0
            for k in range(n_clusters):
                c = q[k] - centre
                rho = (eta - c * ds - (first[k] - first_m)) * inverse[k]
                each = sigma_mu[r] * inverse[k] / y[k] + rho * (1.0 + rho)
                target[k] = each
                h = y[k] * (each + inverse[k] * (second[k] - second_m))
                h0 += h
                h1 += h * c
            eta, ds = (h0 - 1.0) / here.d0, (1.0 / s - centre - h1) / here.e
            here.eta, here.ds = eta + second_m + centre * ds, ds
            low = min(low, ds / s)
            for k in range(n_clusters):
                rho = (eta - (q[k] - centre) * ds - (second[k] - second_m)) * inverse[k]
                inverse[k] = target[k] - 1.0 - rho
                target[k] = rho
            for k in range(n_clusters):
                lows[k] = min(lows[k], target[k])
                row[k] = -inverse[k]
            length = min(1.0, TO_BOUNDARY / max(largest(row), 1e-30))
            here.step = length
            shortest = min(shortest, length)
            rest = weights[i] * (1.0 - length)
            short += rest
            if rest > 0.0:
                for k in range(n_clusters):
                    missed[k] += rest * y[k] * inverse[k]
        for k in range(n_clusters):
            low = min(low, lows[k])
        sums[r].low = low
        sums[r].shortest = shortest
        sums[r].short = short
