"""The EM sweep of ``cpu_em`` on tiles of points, for few clusters.

Row by row, every point ends in sums across a vector and scalar divisions, which cost more than its
K elements when K is small. In a tile, LANES points lie side by side: ``tile[k]`` holds two vectors,
their predictions and their c_k, and ``lane`` the vectors that do not depend on k. The offsets are
constants, so LLVM knows that vectors of one array do not overlap. Loops run to the number n of
points in the tile: of loops with a constant count LLVM would make straight scalar code.

Tiles compute in the type of the predictions, in float32 twice as many points an instruction. That
the numbers stay in its range, the root is sought in units of where it starts: with e = c_m g,

    f = 1/c_m sum_k c_k / ((sigma_m - sigma_k) a + sigma_k b) = 1 ,   a = (1 + C) / (sigma_m c_m),

b = g / sigma_m, and g climbs from 1. Points for which a is out of range are left to ``sweep_rows``.
"""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_em import LABEL_FLOOR, MAX_NEWTON, sweep_rows
from skcollision.pseudo_labels.kernels.cpu_math import fast_log, fast_max, fast_min, inline, jit

LANES = 32
# Offsets in a row of a tile.
Q, C = 0, LANES
# Offsets in the lanes: sigma_m, a, 1 / c_m, b, and two sums over clusters.
LARGEST, A, SCALE, B, F, DF = [LANES * j for j in range(6)]
# Rounding error of a sum of positive terms around one, in units of the type's own.
SUM_ERROR = 8


@jit
def sweep_blocks(
    probs, labels, new_labels, weights, ratio, means, log_p, blocks, first, step, tol, plain, tiles
):
    """Take one EM step on every step-th block from first, with a mean and a log_p for each."""
    for g in range(first, len(means), step):
        start, stop = blocks[g], blocks[g + 1]
        if tiles:
            log_p[g], _ = sweep_tiles(
                probs, labels, new_labels, weights, ratio, means[g], start, stop, tol
            )
        else:
            log_p[g], _ = sweep_rows(
                probs, labels, new_labels, weights, ratio, means[g], start, stop, tol, plain
            )


@jit
def sweep_tiles(probs, labels, new_labels, weights, ratio, mean, start, stop, tol):
    """Take one EM step, as ``sweep_rows`` does."""
    tile = np.empty((probs.shape[1], 2 * LANES), dtype=probs.dtype)
    lane = np.empty(6 * LANES, dtype=probs.dtype)
    log_p = 0.0
    n_newton = 0
    for first in range(start, stop, LANES):
        n = min(LANES, stop - first)
        some = slice(first, first + n)
        if load_tile(probs[some], labels[some], ratio, tile, lane, n):
            n_newton += n * newton_tile(tile, lane, n, tol)
            log_p += put_tile(tile, lane, n, weights[some], mean, new_labels[some])
        else:
            # rows with c_k = 0 have cases of their own
            p, steps = sweep_rows(
                probs, labels, new_labels, weights, ratio, mean, first, first + n, tol, False
            )
            log_p += p
            n_newton += steps
    return log_p, n_newton


@inline
def load_tile(probs, labels, ratio, tile, lane, n):
    """Fill the tile, and the lanes with g = 1; return whether all numbers are in range."""
    one, zero = tile.dtype.type(1.0), tile.dtype.type(0.0)
    least = np.sqrt(np.finfo(tile.dtype).tiny)
    smallest = one
    for t in range(n):
        for k in range(len(tile)):
            tile[k, Q + t] = probs[t, k]
            tile[k, C + t] = labels[t, k]
    for t in range(n):
        lane[LARGEST + t] = zero
        lane[A + t] = one
        lane[SCALE + t] = zero
    for k in range(len(tile)):
        row = tile[k]
        r = tile.dtype.type(ratio[k])
        for t in range(n):
            c = r * row[C + t]
            row[C + t] = c
            lane[A + t] += c
            lane[LARGEST + t] = fast_max(lane[LARGEST + t], row[Q + t])
            smallest = fast_min(smallest, c)
    for k in range(len(tile)):
        row = tile[k]
        for t in range(n):
            c = row[C + t] if row[Q + t] == lane[LARGEST + t] else zero
            lane[SCALE + t] = fast_max(lane[SCALE + t], c)
    share = one
    for t in range(n):
        share = fast_min(share, lane[SCALE + t] / lane[A + t])
        lane[SCALE + t] = one / lane[SCALE + t]
        lane[B + t] = one / lane[LARGEST + t]
        lane[A + t] *= lane[SCALE + t] * lane[B + t]
    return smallest > zero and share > least


@inline
def newton_tile(tile, lane, n, tol):
    """Find f = 1 by Newton on 1/f until the last point has converged; return the steps."""
    one, zero = tile.dtype.type(1.0), tile.dtype.type(0.0)
    tol, sum_error = tile.dtype.type(tol), SUM_ERROR * np.finfo(tile.dtype).eps
    steps = 0
    while steps < MAX_NEWTON:
        steps += 1
        for t in range(n):
            lane[F + t] = zero
            lane[DF + t] = zero
        for k in range(len(tile)):
            row = tile[k]
            for t in range(n):
                q = row[Q + t]
                z = one / ((lane[LARGEST + t] - q) * lane[A + t] + q * lane[B + t])
                cz = row[C + t] * z
                lane[F + t] += cz
                lane[DF + t] += cz * z * q
        worst = zero
        for t in range(n):
            error = lane[F + t] * lane[SCALE + t] - one
            move = error * (lane[F + t] / lane[DF + t])
            lane[B + t] += move
            # all labels move the same way, so none by more than the error of their sum
            far = fast_max(move, -move) - tol * lane[B + t]
            worst = fast_max(worst, fast_min(far, fast_max(error, -error) - sum_error))
        if worst <= zero:
            break
    return steps


@inline
def put_tile(tile, lane, n, weights, mean, labels):
    """Store the labels and add them to mean; return the sum of weight ln(sigma'y)."""
    one, zero = tile.dtype.type(1.0), tile.dtype.type(0.0)
    floor = tile.dtype.type(LABEL_FLOOR)
    for t in range(n):
        lane[F + t] = zero
        lane[DF + t] = zero
    for k in range(len(tile)):
        row = tile[k]
        for t in range(n):
            q = row[Q + t]
            y = row[C + t] / ((lane[LARGEST + t] - q) * lane[A + t] + q * lane[B + t])
            row[C + t] = y
            lane[F + t] += y
    for t in range(n):
        lane[F + t] = one / lane[F + t]
    for k in range(len(tile)):
        row = tile[k]
        mass = 0.0
        for t in range(n):
            y = fast_max(row[C + t] * lane[F + t], floor)
            row[C + t] = y
            lane[DF + t] += y * row[Q + t]
            mass += weights[t] * np.float64(y)
        mean[k] += mass
        for t in range(n):
            labels[t, k] = row[C + t]
    log_p = 0.0
    for t in range(n):
        log_p += weights[t] * fast_log(np.float64(lane[DF + t]))
    return log_p
