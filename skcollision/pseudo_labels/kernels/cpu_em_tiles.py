"""The EM sweep of ``cpu_em`` on tiles of points, for few clusters.

Row by row, every point ends in sums across a vector and scalar divisions, which cost more than its
K elements when K is small. In a tile, LANES points lie side by side: ``tile[k]`` holds two vectors,
their predictions and their c_k, and ``lane`` the vectors that do not depend on k. The offsets are
constants, so LLVM knows that vectors of one array do not overlap. Loops run to the number n of
points in the tile: of loops with a constant count LLVM would make straight scalar code.
"""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_em import LABEL_FLOOR, MAX_NEWTON, sweep_rows
from skcollision.pseudo_labels.kernels.cpu_math import fast_max, fast_min, inline, jit

LANES = 32
# Offsets in a row of a tile.
Q, C = 0, LANES
# Offsets in the lanes: sigma_m, (1 + C) / sigma_m, e, e / sigma_m, and two sums over clusters.
LARGEST, TOP, E, SLOPE, F, DF = [LANES * j for j in range(6)]


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
    tile = np.empty((probs.shape[1], 2 * LANES))
    lane = np.empty(6 * LANES)
    log_p = 0.0
    n_newton = 0
    for first in range(start, stop, LANES):
        n = min(LANES, stop - first)
        some = slice(first, first + n)
        if load_tile(probs[some], labels[some], ratio, tile, lane, n) > 0.0:
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
    """Fill the tile and the lanes with e = c_m to start from; return the smallest c."""
    n_clusters = len(tile)
    smallest = np.inf
    for t in range(n):
        lane[LARGEST + t] = 1e-300
        lane[TOP + t] = 1.0
        lane[E + t] = 0.0
    for k in range(n_clusters):
        row = tile[k]
        r = ratio[k]
        for t in range(n):
            q = np.float64(probs[t, k])
            c = r * labels[t, k]
            row[Q + t] = q
            row[C + t] = c
            lane[TOP + t] += c
            lane[LARGEST + t] = fast_max(lane[LARGEST + t], q)
            smallest = fast_min(smallest, c)
    for k in range(n_clusters):
        row = tile[k]
        for t in range(n):
            c = row[C + t] if row[Q + t] == lane[LARGEST + t] else 0.0
            lane[E + t] = fast_max(lane[E + t], c)
    for t in range(n):
        lane[TOP + t] /= lane[LARGEST + t]
        lane[SLOPE + t] = lane[E + t] / lane[LARGEST + t]
    return smallest


@inline
def newton_tile(tile, lane, n, tol):
    """Find f(e) = 1 by Newton on 1/f until the last point has converged; return the steps."""
    steps = 0
    for _ in range(MAX_NEWTON):
        for t in range(n):
            lane[F + t] = 0.0
            lane[DF + t] = 0.0
        for k in range(len(tile)):
            row = tile[k]
            for t in range(n):
                q = row[Q + t]
                z = 1.0 / ((lane[LARGEST + t] - q) * lane[TOP + t] + q * lane[SLOPE + t])
                cz = row[C + t] * z
                lane[F + t] += cz
                lane[DF + t] += cz * z * q
        worst = -np.inf
        for t in range(n):
            move = lane[F + t] * (lane[F + t] - 1.0) * lane[LARGEST + t] / lane[DF + t]
            lane[E + t] += move
            lane[SLOPE + t] = lane[E + t] / lane[LARGEST + t]
            worst = fast_max(worst, fast_max(move, -move) - tol * lane[E + t])
        steps += 1
        if worst <= 0.0:
            break
    return steps


@inline
def put_tile(tile, lane, n, weights, mean, labels):
    """Store the labels and add them to mean; return the sum of weight ln(sigma'y)."""
    for t in range(n):
        lane[F + t] = 0.0
        lane[DF + t] = 0.0
    for k in range(len(tile)):
        row = tile[k]
        for t in range(n):
            q = row[Q + t]
            y = row[C + t] / ((lane[LARGEST + t] - q) * lane[TOP + t] + q * lane[SLOPE + t])
            row[C + t] = y
            lane[F + t] += y
    for t in range(n):
        lane[F + t] = 1.0 / lane[F + t]
    for k in range(len(tile)):
        row = tile[k]
        mass = 0.0
        for t in range(n):
            y = fast_max(row[C + t] * lane[F + t], LABEL_FLOOR)
            row[C + t] = y
            lane[DF + t] += y * row[Q + t]
            mass += weights[t] * y
        mean[k] += mass
        for t in range(n):
            labels[t, k] = row[C + t]
    log_p = 0.0
    for t in range(n):
        log_p += weights[t] * np.log(lane[DF + t])
    return log_p
