"""The EM sweep of ``cpu_em`` on tiles of points (``cpu_tiles``), as vectors (``cpu_vectors``).

Row by row, every point ends in sums across a vector and scalar divisions, which cost more than its
K elements when K is small. Here LANES points are worked on at once, and little is left to divide.

EM hardly changes a label, and the largest sigma's is y_m = c_m / e: the search for a root begins at
e = c_m / y_m = lam prior_m / mean_m, the root that would leave it as it is. From there Halley's
method on 1/f also takes its curvature into account. With z_k the inverse denominators of f and
u_k = r_k z_k e in [0, 1], W and V the means of u and u^2 in the weights c_k z_k, it moves e by the
factor 1 + x,

    x = (f - 1) W / (W^2 - (f - 1) (V - W^2)) .

1/f is a complete Bernstein function of e: linear in e plus a mixture of e / (e + t), t > 0. In
terms of v = e / (e + t) its second and third derivatives, over the first, are averages of -2 v and
6 v^2, so that a small step x leaves a relative error of Var(v) x^3 <= x^3 / 4, 7e-9 after the last
one. The labels move along to one order more without another division,

    c_k z_k(e + x e) = c_k z_k (1 - u_k x + (u_k x)^2 - (u_k x)^3) .
"""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_em import LABEL_FLOOR, MAX_NEWTON, sweep_rows
from skcollision.pseudo_labels.kernels.cpu_math import (
    fast_log,
    fast_max,
    fast_min,
    inline,
    inner_jit,
    jit,
)
from skcollision.pseudo_labels.kernels.cpu_tiles import transpose_tiles
from skcollision.pseudo_labels.kernels.cpu_vectors import (
    LANES,
    any_greater,
    get,
    put,
    splat,
    total,
    vector_jit,
    where_greater,
)

# The largest step that may be the last; none is needed where f - 1 is no more than rounding.
LAST_STEP = 3e-3
SUM_ERROR = 8 * np.finfo(np.float64).eps
# Below it, a c_k counts as 0.
LEAST_C = np.finfo(np.float64).tiny
# Columns of the scratch tile, c_k and z_k.
C, Z = 0, LANES


@jit
def sweep_blocks(
    probs, labels, new_labels, weights, ratio, means, log_p, bounds, first, step, tol, plain, lanes
):
    """Take one EM step on every step-th block from first, with a mean and a log_p for each.

    Predictions and labels are flat, in tiles of as many lanes.
    """
    rows = len(weights), len(ratio)
    for g in range(first, len(means), step):
        start, stop = bounds[g], bounds[g + 1]
        if lanes > 1:
            log_p[g] = sweep_tiles(
                probs, labels, new_labels, weights, ratio, means[g], start, stop, tol
            )
        else:
            log_p[g], _ = sweep_rows(
                probs.reshape(rows),
                labels.reshape(rows),
                new_labels.reshape(rows),
                weights,
                ratio,
                means[g],
                start,
                stop,
                tol,
                plain,
            )


@vector_jit
def sweep_tiles(probs, labels, new_labels, weights, ratio, mean, start, stop, tol):
    """Take one EM step on tiles of LANES points; return the sum of weight ln(sigma'y).

    Tiles that are not full, or in which a c_k is 0, are left to `sweep_rows`; so is the tolerance.
    """
    n_clusters = len(ratio)
    n_tiles = (stop - start) // LANES
    tile, sums = np.empty((n_clusters, 2 * LANES)), np.zeros((n_clusters, LANES))
    log_p = np.zeros((1, LANES))
    rest = 0.0
    here = slice(start * n_clusters, (start + n_tiles * LANES) * n_clusters)
    shape = n_tiles * n_clusters, LANES
    full, old, new = (
        probs[here].reshape(shape),
        labels[here].reshape(shape),
        new_labels[here].reshape(shape),
    )
    weight = weights[start : start + n_tiles * LANES].reshape((n_tiles, LANES))
    for i in range(-(-(stop - start) // LANES)):
        at = i * n_clusters
        if i < n_tiles and sweep_tile(full, old, new, at, weight, i, ratio, tile, sums, log_p):
            continue
        first = start + i * LANES
        last = min(stop, first + LANES)
        flat = slice(first * n_clusters, last * n_clusters)
        new_labels[flat] = labels[flat]
        rest += sweep_as_rows(probs[flat], new_labels[flat], weights[first:last], ratio, mean, tol)
    for k in range(n_clusters):
        mean[k] += total(get(sums, k, 0))
    return rest + total(get(log_p, 0, 0))


@inner_jit
def sweep_as_rows(probs, labels, weights, ratio, mean, tol):
    """Take one EM step on one tile in place, as rows; return the sum of weight ln(sigma'y)."""
    n, n_clusters = len(weights), len(ratio)
    rows, row_labels = np.empty_like(labels), np.empty_like(labels)
    transpose_tiles(probs, rows, n_clusters, n, 0, n, True)
    transpose_tiles(labels, row_labels, n_clusters, n, 0, n, True)
    new = row_labels.reshape((n, n_clusters))
    log_p, _ = sweep_rows(
        rows.reshape((n, n_clusters)), new, new, weights, ratio, mean, 0, n, tol, False
    )
    transpose_tiles(row_labels, labels, n_clusters, n, 0, n, False)
    return log_p


@inline
def sweep_tile(probs, labels, new_labels, at, weights, i, ratio, tile, sums, log_p):
    """Take one EM step on tile i, its rows from ``at`` on, unless a c_k is 0: return whether."""
    n_clusters = len(ratio)
    c_sum = top = c_top = e = splat(0.0)
    smallest = splat(np.inf)
    for k in range(n_clusters):
        q, c = get(probs, at + k, 0), ratio[k] * get(labels, at + k, 0)
        put(tile, k, C, c)
        c_sum += c
        smallest = fast_min(smallest, c)
        c_top = where_greater(q, top, c, c_top)
        e = where_greater(q, top, splat(ratio[k]), e)
        top = fast_max(top, q)
    if any_greater(LEAST_C, smallest):
        return False
    # z_k is 1 / ((sigma_m - sigma_k) (1 + C) + sigma_k e), so that f = sigma_m sum c_k z_k
    a = 1.0 + c_sum
    e = fast_max(e, c_top)
    for _ in range(MAX_NEWTON):
        f = w = v = t = splat(0.0)
        for k in range(n_clusters):
            q = get(probs, at + k, 0)
            z = 1.0 / ((top - q) * a + q * e)
            put(tile, k, Z, z)
            cz = get(tile, k, C) * z
            u = q * e * z
            f += cz
            w += cz * u
            v += cz * u * u
            t += cz * u * u * u
        old_e = e
        error = top * f - 1.0
        inverse = 1.0 / f
        share = w * inverse
        square = share * share
        # far from the root, where the curvature says little, at most a quarter of the slope
        x = error * share / (square - fast_min(error * (v * inverse - square), 0.25 * square))
        e = fast_max(e + x * e, c_top)
        far = fast_min(x * x - LAST_STEP**2, error * error - SUM_ERROR**2)
        if not any_greater(far, 0.0):
            break
    scale = 1.0 / (f - x * (w - x * (v - x * t)))
    move = old_e * x
    p = splat(0.0)
    weight = get(weights, i, 0)
    for k in range(n_clusters):
        q, z = get(probs, at + k, 0), get(tile, k, Z)
        s = move * q * z
        y = get(tile, k, C) * z * (1.0 - s * (1.0 - s * (1.0 - s)))
        y = fast_max(y * scale, LABEL_FLOOR)
        put(new_labels, at + k, 0, y)
        put(sums, k, 0, get(sums, k, 0) + weight * y)
        p += y * q
    put(log_p, 0, 0, get(log_p, 0, 0) + weight * fast_log(p))
    return True
