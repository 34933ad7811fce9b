"""One pass over the points at fixed prices: smoothed labels, their sums, the certificate.

For each point, phi_eps(sigma, delta) = min over y of -ln(sigma'y) - delta'y + eps sum y ln y on the
simplex. Its labels are y_k ~ exp(line_k / eps), line_k = s sigma_k + delta_k, where s = 1 / sigma'y
maximises 1 + ln s - eps ln sum_k exp(line_k / eps). Labels of lines far below the highest are zero.

Points stand side by side, so that the compiler works on vectors of them and no sum within a point
depends on how. Sums over points are kept a lane each until the end. Clusters of which no point side
by side has any label cost only the look at their lines: of many, these are nearly all.
"""

from __future__ import annotations

import numpy as np

from skcollision._jit import inner, kernel

# Points side by side.
LANES = 64
# Newton steps a point, and the relative error of s at which they stop: phi errs by its square.
MAX_NEWTON, ROOT_TOL = 40, 1e-2
# Lines further below the highest than this, in units of eps, are left out.
FAR = 12.0
# What is known of a point, the first four after a pass, too.
N_KNOWN, N_ROWS = 4, 9
S, TOP, NORM, P, SHARE, SPREAD, SLOPE, LOW, HIGH = range(N_ROWS)


@inner
def _weigh(q, delta, inverse, point, y, is_used):
    """Fill labels but for their norm, and the sums over clusters of y, y sigma and y sigma^2.

    Says of each cluster whether any point has it.
    """
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
        n_near = 0
        for j in range(LANES):
            y[k, j] = (point[S, j] * q[k, j] + delta[k] - point[TOP, j]) * inverse
            n_near += y[k, j] > far
        is_used[k] = n_near > 0
        if not is_used[k]:
            y[k] = zero
            continue
        for j in range(LANES):
            x = y[k, j]
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
def _solve_points(q, delta, inverse, point, y, is_used):
    """Find s of each point, and its labels at it, but for their norm."""
    number = q.dtype.type
    zero, one, half, two, tol = number(0), number(1), number(0.5), number(2), number(ROOT_TOL)
    point[LOW], point[HIGH] = zero, np.inf
    for _ in range(MAX_NEWTON):
        _weigh(q, delta, inverse, point, y, is_used)
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
def sweep(probs, weights, prices, eps, start, stop, points, labels, mean, curvature):
    """Fill the labels (G, K, LANES) of some groups of points, from their s on.

    What is known of a group's points is in ``points`` (G, N_ROWS, LANES). Adds the labels to
    ``mean`` and the diagonal of the Hessian to ``curvature``.
    """
    number, n_clusters = probs.dtype.type, len(prices)
    one, inverse, delta = number(1), number(1.0 / eps), prices.astype(probs.dtype)
    means = np.zeros((n_clusters, LANES), probs.dtype)
    curves, is_used = np.zeros_like(means), np.empty(n_clusters, np.bool_)
    for group in range(start, stop):
        q, y, point, weight = probs[group], labels[group], points[group], weights[group]
        _solve_points(q, delta, inverse, point, y, is_used)
        for j in range(LANES):
            point[SLOPE, j] = one / (one / (point[S, j] * point[S, j]) + point[SPREAD, j])
        for k in range(n_clusters):
            if not is_used[k]:
                continue
            for j in range(LANES):
                y[k, j] *= point[SHARE, j]
            for j in range(LANES):
                means[k, j] += weight[j] * y[k, j]
            for j in range(LANES):
                c = (q[k, j] - point[P, j]) * inverse
                of_point = (one - y[k, j]) * inverse - y[k, j] * c * c * point[SLOPE, j]
                curves[k, j] += weight[j] * y[k, j] * of_point
    for k in range(n_clusters):
        mean[k] += means[k].sum()
        curvature[k] += curves[k].sum()
