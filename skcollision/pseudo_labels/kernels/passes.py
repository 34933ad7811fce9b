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

from typing import NamedTuple

import numpy as np

from skcollision.pseudo_labels.kernels._jit import inner, kernel

# Below these a slack or a label is rounding error.
Z_FLOOR, Y_FLOOR = 1e-14, 1e-30
# How much of the way to the boundary a step may go.
TO_BOUNDARY = 0.99
# Newton steps of the start: the iterations that follow mend what these leave.
CENTRE_STEPS = 2
# Points whose rank-one terms the Gram matrix takes at once.
GRAM_POINTS = 4


class Points(NamedTuple):
    """Where the points stand: arrays over problems and points and, where it says so, clusters."""

    probs: np.ndarray  # (R, N, K), ln(sigma) for `linear`
    labels: np.ndarray  # (R, N, K)
    moves: np.ndarray  # (R, N, K): 1/z and, after `correct`, dy/y
    weights: np.ndarray  # (N,), sum to 1
    pivot: np.ndarray  # int64
    s: np.ndarray
    nu: np.ndarray
    d0: np.ndarray
    ref: np.ndarray
    e: np.ndarray
    yz: np.ndarray
    eta: np.ndarray  # of the predictor; after `correct`, the move of nu
    ds: np.ndarray
    step: np.ndarray  # how far labels can move


class Sums(NamedTuple):
    """Weighted sums over the points: of shape (R,) or (R, K), of Q's rank-one terms (R, K, K)."""

    log_p: np.ndarray
    phi: np.ndarray  # of the dual function
    yz: np.ndarray
    left: np.ndarray  # (y + a_i dy)'(z + a dz) is left + a left_d, with steps a_i of labels ...
    left_d: np.ndarray  # ... and a of slacks
    low: np.ndarray  # the lowest dz/z and ds/s
    shortest: np.ndarray  # the shortest step of labels
    short: np.ndarray  # by how much these fall short of one
    mean: np.ndarray
    share: np.ndarray  # of sigma_k y_k / p
    response: np.ndarray  # of the labels to the predictor without ddelta
    response_mu: np.ndarray  # to a unit of sigma_mu
    response_2nd: np.ndarray  # to Mehrotra's term
    missed: np.ndarray  # what short steps leave of the labels' moves
    gram: np.ndarray


def new_points(probs: np.ndarray, weights: np.ndarray) -> Points:
    """Return points with room for everything."""
    n_stack, n_points, _ = probs.shape
    scalars = np.zeros((9, n_stack, n_points))
    pivot = np.zeros((n_stack, n_points), dtype=np.int64)
    return Points(probs, np.empty_like(probs), np.zeros_like(probs), weights, pivot, *scalars)


def new_sums(n_stack: int, n_clusters: int) -> Sums:
    """Return sums of zero."""
    numbers, vectors = np.zeros((8, n_stack)), np.zeros((6, n_stack, n_clusters))
    return Sums(*numbers, *vectors, np.zeros((n_stack, n_clusters, n_clusters)))


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
def centre(points, mu, linear):
    """Start near the central path at delta = 0: a few Newton steps of each point alone.

    Fills labels y_k = mu / z_k, z_k = nu - s sigma_k, that nearly sum to one, s and nu. With
    s sigma'y = 1 it follows that nu = 1 + K mu, and s is sought; `linear` has s = 1, and seeks nu.
    Either way the unknown is the smallest slack e: 1 / sum y is concave in it, so that Newton on it
    climbs from e = mu.
    """
    n_stack, n_points, n_clusters = points.probs.shape
    for j in range(n_stack * n_points):
        r, i = j // n_points, j % n_points
        q, y = points.probs[r, i], points.labels[r, i]
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
        points.s[r, i], points.nu[r, i] = s, nu


@kernel
def measure(points, active, with_gram, delta, step_p, step_d, linear, sums):
    """Take the corrected step; evaluate the certificate and, with_gram, the predictor's system."""
    n_stack, n_points, n_clusters = points.probs.shape
    row = np.empty(n_clusters)
    columns = np.zeros((2 * GRAM_POINTS, n_clusters))
    for r in range(n_stack):
        if not active[r]:
            continue
        mean, share, response, prices = sums.mean[r], sums.share[r], sums.response[r], delta[r]
        gram = sums.gram[r]
        for k in range(n_clusters):
            mean[k] = share[k] = response[k] = 0.0
            for j in range(n_clusters):
                gram[k, j] = 0.0
        log_p = phi = all_yz = 0.0
        for i in range(n_points):
            q, y, inverse = points.probs[r, i], points.labels[r, i], points.moves[r, i]
            length = min(points.step[r, i], step_p[r])
            s = points.s[r, i] + step_d[r] * points.ds[r, i]
            nu = points.nu[r, i] + step_d[r] * points.eta[r, i]
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
                inverse[k] = 1.0 / z
                d = y[k] / z
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
            points.pivot[r, i], points.s[r, i], points.nu[r, i] = pivot, s, nu
            points.ref[r, i], points.yz[r, i] = ref, yz
            points.d0[r, i], points.e[r, i] = d0, e
            weight, top = points.weights[i], largest(row)
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
                    add_gram(columns, gram)
        for a in range(n_clusters):
            for b in range(a):
                gram[b, a] = gram[a, b]
        sums.log_p[r], sums.phi[r], sums.yz[r] = log_p, phi, all_yz


@inner
def add_gram(x, gram):
    """Lower triangle of gram += x'x, eight rows at once: as fast as BLAS, and without its threads."""
    for a in range(x.shape[1]):
        x0, x1, x2, x3 = x[0, a], x[1, a], x[2, a], x[3, a]
        x4, x5, x6, x7 = x[4, a], x[5, a], x[6, a], x[7, a]
        for b in range(a + 1):
            first = x0 * x[0, b] + x1 * x[1, b] + x2 * x[2, b] + x3 * x[3, b]
            second = x4 * x[4, b] + x5 * x[5, b] + x6 * x[6, b] + x7 * x[7, b]
            gram[a, b] += first + second


@kernel
def predict(points, active, affine, sums):
    """Follow the predictor ``affine``; fill the corrector's right-hand sides."""
    n_stack, n_points, n_clusters = points.probs.shape
    rho, row, lows = np.empty(n_clusters), np.empty(n_clusters), np.empty(n_clusters)
    for r in range(n_stack):
        if not active[r]:
            continue
        step, response_mu, response_2nd = affine[r], sums.response_mu[r], sums.response_2nd[r]
        for k in range(n_clusters):
            response_mu[k] = response_2nd[k] = lows[k] = 0.0
        left = left_d = low = 0.0
        for i in range(n_points):
            q, y, inverse = points.probs[r, i], points.labels[r, i], points.moves[r, i]
            pivot, weight, s = points.pivot[r, i], points.weights[i], points.s[r, i]
            d0, e, yz = points.d0[r, i], points.e[r, i], points.yz[r, i]
            centre, step_m = q[pivot] + points.ref[r, i], step[pivot]
            h0 = h1 = t0 = t1 = 0.0
            for k in range(n_clusters):
                c = q[k] - centre
                h = y[k] * inverse[k] * (step[k] - step_m)
                h0 += h
                h1 += h * c
                t0 += inverse[k]
                t1 += inverse[k] * c
            eta, ds = (h0 - 1.0) / d0, (1.0 / s - centre - h1) / e
            points.eta[r, i], points.ds[r, i] = eta, ds
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
        sums.left[r], sums.left_d[r], sums.low[r] = left, left_d, low


@kernel
def correct(points, active, affine, step, sigma_mu, sums):
    """Solve each point for the corrected direction, and find how far it may go."""
    n_stack, n_points, n_clusters = points.probs.shape
    target, row, lows = np.empty(n_clusters), np.empty(n_clusters), np.empty(n_clusters)
    for r in range(n_stack):
        if not active[r]:
            continue
        first, second, missed = affine[r], step[r], sums.missed[r]
        for k in range(n_clusters):
            missed[k] = lows[k] = 0.0
        low, shortest, short = 0.0, 1.0, 0.0
        for i in range(n_points):
            q, y, inverse = points.probs[r, i], points.labels[r, i], points.moves[r, i]
            pivot, s = points.pivot[r, i], points.s[r, i]
            centre, first_m, second_m = q[pivot] + points.ref[r, i], first[pivot], second[pivot]
            eta, ds = points.eta[r, i], points.ds[r, i]
            h0 = h1 = 0.0
            for k in range(n_clusters):
                c = q[k] - centre
                rho = (eta - c * ds - (first[k] - first_m)) * inverse[k]
                each = sigma_mu[r] * inverse[k] / y[k] + rho * (1.0 + rho)
                target[k] = each
                h = y[k] * (each + inverse[k] * (second[k] - second_m))
                h0 += h
                h1 += h * c
            eta, ds = (h0 - 1.0) / points.d0[r, i], (1.0 / s - centre - h1) / points.e[r, i]
            points.eta[r, i], points.ds[r, i] = eta + second_m + centre * ds, ds
            low = min(low, ds / s)
            for k in range(n_clusters):
                rho = (eta - (q[k] - centre) * ds - (second[k] - second_m)) * inverse[k]
                inverse[k] = target[k] - 1.0 - rho
                target[k] = rho
            for k in range(n_clusters):
                lows[k] = min(lows[k], target[k])
                row[k] = -inverse[k]
            length = min(1.0, TO_BOUNDARY / max(largest(row), 1e-30))
            points.step[r, i] = length
            shortest = min(shortest, length)
            rest = points.weights[i] * (1.0 - length)
            short += rest
            if rest > 0.0:
                for k in range(n_clusters):
                    missed[k] += rest * y[k] * inverse[k]
        for k in range(n_clusters):
            low = min(low, lows[k])
        sums.low[r], sums.shortest[r], sums.short[r] = low, shortest, short
