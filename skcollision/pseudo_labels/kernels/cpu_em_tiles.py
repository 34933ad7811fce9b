"""The EM sweep of ``cpu_em`` on tiles of points (``cpu_tiles``).

Row by row, every point ends in sums across a vector and scalar divisions, which cost more than its
K elements when K is small. In a tile, LANES points lie side by side. Each is worked on in a scratch
array: ``tile[k]`` holds three vectors, the points' predictions, their c_k and the inverses that the
search for the root ends with; ``lane`` holds the vectors that do not depend on k. The offsets are
constants, so LLVM knows that vectors of one array do not overlap. Loops run to the number n of
points in the tile: of loops with a constant count LLVM would make straight scalar code.

Tiles compute in the type of the predictions, in float32 twice as many points an instruction. That
the numbers stay in its range, the root is sought in units of where it starts: with e = c_m g,

    f = 1/c_m sum_k c_k / ((sigma_m - sigma_k) a + sigma_k b) = 1 ,   a = (1 + C) / (sigma_m c_m),

b = g / sigma_m. At the root g is the inverse of the largest sigma's label, so the search begins at
that of the old one, which EM hardly changes. From there Newton climbs, or steps back, but not below
1, where the root is not. Points for which a is out of range are left to ``sweep_rows``.
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

LANES = 32
# Offsets in a row of a tile: sigma_k, c_k, and the inverse z_k of its denominator in f.
Q, C, Z = 0, LANES, 2 * LANES
# Offsets in the lanes: sigma_m, a, 1 / c_m, b and its least, two sums over clusters, and the last
# move of b.
LARGEST, A, SCALE, B, LEAST, F, DF, MOVE = [LANES * j for j in range(8)]
# The largest g to begin at: from far beyond the root, Newton steps back to 1 anyway.
MOST = 1e3
# Rounding error of a sum of positive terms around one, in units of the type's own.
SUM_ERROR = 8


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


@inner_jit
def sweep_tiles(probs, labels, new_labels, weights, ratio, mean, start, stop, tol):
    """Take one EM step on tiles of LANES points; return the sum of weight ln(sigma'y)."""
    n_clusters = len(ratio)
    tile = np.empty((n_clusters, 3 * LANES), dtype=probs.dtype)
    lane = np.empty(8 * LANES, dtype=probs.dtype)
    log_p = 0.0
    for first in range(start, stop, LANES):
        n = min(LANES, stop - first)
        here = slice(first * n_clusters, (first + n) * n_clusters)
        shape = n_clusters, n
        new = new_labels[here]
        if load_tile(probs[here].reshape(shape), labels[here].reshape(shape), ratio, tile, lane, n):
            newton_tile(tile, lane, n, tol)
            log_p += put_tile(tile, lane, n, weights[first : first + n], mean, new.reshape(shape))
        else:
            # rows with c_k = 0 have cases of their own
            new[:] = labels[here]
            some = weights[first : first + n]
            log_p += sweep_as_rows(probs[here], new, some, ratio, mean, tol)
    return log_p


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
def load_tile(probs, labels, ratio, tile, lane, n):
    """Fill the tile, and the lanes with the first g; return whether all numbers are in range."""
    one, zero = tile.dtype.type(1.0), tile.dtype.type(0.0)
    least = np.sqrt(np.finfo(tile.dtype).tiny)
    smallest = one
    for t in range(n):
        lane[LARGEST + t] = zero
        lane[A + t] = one
        lane[SCALE + t] = zero
        lane[B + t] = tile.dtype.type(1.0 / MOST)
    for k in range(len(tile)):
        row = tile[k]
        r = tile.dtype.type(ratio[k])
        for t in range(n):
            q = probs[k, t]
            c = r * labels[k, t]
            row[Q + t] = q
            row[C + t] = c
            lane[A + t] += c
            lane[LARGEST + t] = fast_max(lane[LARGEST + t], q)
            smallest = fast_min(smallest, c)
    for k in range(len(tile)):
        row = tile[k]
        for t in range(n):
            is_largest = row[Q + t] == lane[LARGEST + t]
            lane[SCALE + t] = fast_max(lane[SCALE + t], row[C + t] if is_largest else zero)
            lane[B + t] = fast_max(lane[B + t], labels[k, t] if is_largest else zero)
    share = one
    for t in range(n):
        share = fast_min(share, lane[SCALE + t] / lane[A + t])
        lane[SCALE + t] = one / lane[SCALE + t]
        lane[LEAST + t] = one / lane[LARGEST + t]
        lane[B + t] = fast_max(lane[LEAST + t] / lane[B + t], lane[LEAST + t])
        lane[A + t] *= lane[SCALE + t] * lane[LEAST + t]
    return smallest > zero and share > least


@inline
def newton_tile(tile, lane, n, tol):
    """Find f = 1 by Newton on 1/f until the last point has converged.

    Leaves the z_k and the sums of where b was before its last move.
    """
    one, zero = tile.dtype.type(1.0), tile.dtype.type(0.0)
    tol, sum_error = tile.dtype.type(tol), SUM_ERROR * np.finfo(tile.dtype).eps
    for _ in range(MAX_NEWTON):
        for t in range(n):
            lane[F + t] = zero
            lane[DF + t] = zero
        for k in range(len(tile)):
            row = tile[k]
            for t in range(n):
                q = row[Q + t]
                z = one / ((lane[LARGEST + t] - q) * lane[A + t] + q * lane[B + t])
                cz = row[C + t] * z
                row[Z + t] = z
                lane[F + t] += cz
                lane[DF + t] += cz * z * q
        worst = zero
        for t in range(n):
            error = lane[F + t] * lane[SCALE + t] - one
            move = error * (lane[F + t] / lane[DF + t])
            lane[B + t] = fast_max(lane[B + t] + move, lane[LEAST + t])
            lane[MOVE + t] = move
            # all labels move the same way, so none by more than the error of their sum
            far = fast_max(move, -move) - tol * lane[B + t]
            worst = fast_max(worst, fast_min(far, fast_max(error, -error) - sum_error))
        if worst <= zero:
            break


@inline
def put_tile(tile, lane, n, weights, mean, labels):
    """Store the labels and add them to mean; return the sum of weight ln(sigma'y).

    A label is c z, normalised. Its change by the last move of b, at most a millionth, is taken to
    first order: (z - z^2 sigma_k move), in place of one more division.
    """
    one, zero = tile.dtype.type(1.0), tile.dtype.type(0.0)
    floor = tile.dtype.type(LABEL_FLOOR)
    for t in range(n):
        lane[F + t] = one / (lane[F + t] - lane[MOVE + t] * lane[DF + t])
        lane[DF + t] = zero
    for k in range(len(tile)):
        row = tile[k]
        mass = 0.0
        for t in range(n):
            q, z = row[Q + t], row[Z + t]
            y = row[C + t] * z * (one - lane[MOVE + t] * z * q)
            y = fast_max(y * lane[F + t], floor)
            labels[k, t] = y
            lane[DF + t] += y * q
            mass += weights[t] * np.float64(y)
        mean[k] += mass
    log_p = 0.0
    for t in range(n):
        log_p += weights[t] * fast_log(np.float64(lane[DF + t]))
    return log_p
