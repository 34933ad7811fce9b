"""One pass over the points at fixed prices: smoothed labels, their sums, the certificate.

For each point, phi_eps(sigma, delta) = min over y of -ln(sigma'y) - delta'y + eps sum y ln y on the
simplex. Its labels are y_k ~ exp(line_k / eps), line_k = s sigma_k + delta_k, where s = 1 / sigma'y
maximises 1 + ln s - eps ln sum_k exp(line_k / eps). Labels of lines far below the highest are zero.

Points stand side by side, so that the compiler works on vectors of them and no sum within a point
depends on how. Sums over points are kept a lane each until the end.
"""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels._jit import inner, kernel

# Points side by side.
LANES = 64
# Newton steps a point, and the relative error of s at which they stop: phi errs by its square.
MAX_NEWTON, ROOT_TOL = 40, 1e-2
# Lines further below the highest than this, in units of eps, are left out.
FAR = 12.0
# What is known of a point from pass to pass, and within one.
N_KNOWN, N_ROWS = 4, 10
S, TOP, NORM, P, SHARE, SPREAD, SLOPE, LOW, HIGH, WEIGHT = range(N_ROWS)


@inner
def _weigh(q, delta, inverse, point, y):
    """Fill labels but for their norm, and the sums over clusters of y, y sigma and y sigma^2."""
    number = q.dtype.type
    zero, one, far, part = number(0), number(1), number(-FAR), number(1 / 16)
    # factors of exp(x) = 1 + x (1 + x/2 (1 + x/3 (...
    half, third, fourth, fifth, sixth = (
        number(1 / 2),
        number(1 / 3),
        number(1 / 4),
        number(1 / 5),
        number(1 / 6),
    )
    point[TOP] = -np.inf
    point[NORM] = point[P] = point[SPREAD] = zero
    for k in range(len(delta)):
        for j in range(LANES):
            line = point[S, j] * q[k, j] + delta[k]
            point[TOP, j] = line if line > point[TOP, j] else point[TOP, j]
    for k in range(len(delta)):
        for j in range(LANES):
            x = (point[S, j] * q[k, j] + delta[k] - point[TOP, j]) * inverse
            t = (x if x > far else far) * part
            e = one + t * fifth * (one + t * sixth)
            e = one + t * (one + t * half * (one + t * third * (one + t * fourth * e)))
            # the 16th power, by squaring: far from 0 it errs by 1e-3 of next to nothing
            e *= e
            e *= e
            e *= e
            e *= e
            y[k, j] = e if x > far else zero
        for j in range(LANES):
            point[NORM, j] += y[k, j]
        for j in range(LANES):
            point[P, j] += y[k, j] * q[k, j]
        for j in range(LANES):
            point[SPREAD, j] += y[k, j] * q[k, j] * q[k, j]


@inner
def _solve_points(q, delta, inverse, point, y):
    """Find s of each point, and its labels at it, but for their norm."""
    number = q.dtype.type
    zero, one, half, two, tol = number(0), number(1), number(0.5), number(2), number(ROOT_TOL)
    point[LOW], point[HIGH] = zero, np.inf
    for _ in range(MAX_NEWTON):
        _weigh(q, delta, inverse, point, y)
        worst = zero
        for j in range(LANES):
            share = one / point[NORM, j]
            p = point[P, j] * share
            spread = point[SPREAD, j] * share - p * p
            point[SPREAD, j] = (spread if spread > zero else zero) * inverse
            point[P, j], point[SHARE, j] = p, share
        for j in range(LANES):
            worst = max(worst, abs(one - point[S, j] * point[P, j]))
        if not worst > tol:  # or NaN
            break
        for j in range(LANES):
            s, p = point[S, j], point[P, j]
            error = one - s * p
            low = s if error > zero else point[LOW, j]
            high = point[HIGH, j] if error > zero else s
            point[LOW, j], point[HIGH, j] = low, high
            move = error / (s * p + s * s * point[SPREAD, j])
            move = min(max(move, -one), one)
            after = s * (one + move * (one + half * move))
            middle = half * (low + high) if high < np.inf else two * s
            after = after if (after > low) & (after < high) else middle
            point[S, j] = after if abs(error) > tol else s


@kernel
def sweep(probs, weights, prices, eps, start, stop, known, labels, mean, curvature):
    """Fill the labels (K, N) of some points, and what is known of them (4, N), from their s on.

    Adds the labels to ``mean`` and the diagonal of the Hessian to ``curvature``.
    """
    number, n_clusters = probs.dtype.type, len(prices)
    one, inverse, delta = number(1), number(1.0 / eps), prices.astype(probs.dtype)
    q, y = np.empty((n_clusters, LANES), probs.dtype), np.empty((n_clusters, LANES), probs.dtype)
    means, curves = np.zeros_like(q), np.zeros_like(q)
    point = np.empty((N_ROWS, LANES), probs.dtype)
    for first in range(start, stop, LANES):
        n = min(LANES, stop - first)
        here = slice(first, first + n)
        point[S, :n], point[WEIGHT, :n], q[:, :n] = known[S, here], weights[here], probs[:, here]
        for j in range(n, LANES):  # repeat a point, without weight
            point[S, j], point[WEIGHT, j] = point[S, 0], 0
            q[:, j] = q[:, 0]
        _solve_points(q, delta, inverse, point, y)
        for j in range(LANES):
            point[SLOPE, j] = one / (one / (point[S, j] * point[S, j]) + point[SPREAD, j])
        for k in range(n_clusters):
            for j in range(LANES):
                y[k, j] *= point[SHARE, j]
            for j in range(LANES):
                means[k, j] += point[WEIGHT, j] * y[k, j]
            for j in range(LANES):
                c = (q[k, j] - point[P, j]) * inverse
                of_point = (one - y[k, j]) * inverse - y[k, j] * c * c * point[SLOPE, j]
                curves[k, j] += point[WEIGHT, j] * y[k, j] * of_point
        labels[:, here] = y[:, :n]
        known[:, here] = point[:N_KNOWN, :n]
    for k in range(n_clusters):
        mean[k] += means[k].sum()
        curvature[k] += curves[k].sum()
