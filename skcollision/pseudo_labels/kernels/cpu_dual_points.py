"""The points of the interior point's passes, a tile of LANES points at a time.

A pass reads the state's predictions and labels (row ``at + k`` of them is cluster k of a tile) and
the scalars of its points (from row ``point`` on). ``tile`` is its scratch: in ``tile[k]`` are the
vectors sigma_k - ref and two that change with the pass.

The pivot of a point is its largest label, which may have a d = y/z that hides all others in a sum.
Differences from its sigma and its price, which leave it out of sums, keep what the others add up
to.
"""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_dual_state import AFFINE, PIVOT, ROWS, STEP
from skcollision.pseudo_labels.kernels.cpu_math import inline, inner_jit, jit
from skcollision.pseudo_labels.kernels.cpu_tiles import transpose
from skcollision.pseudo_labels.kernels.cpu_vectors import LANES

# Columns of the scratch: sigma - ref, 1/z or d = y/z, and t.
Q, R, T = [LANES * j for j in range(3)]
D = R
# Rows of the pivots: sigma, and the entries of the dual's steps.
Q_M, AFFINE_M, STEP_M = range(3)


@inner_jit
def new_scratch(state):
    """Return a tile, pivots, a copy's place, and where a pass finds predictions: the copy, of rows.

    There is no copy where the state's predictions are in tiles.
    """
    n_clusters = len(state.prior)
    in_rows = state.control[ROWS] > 0
    copy = np.empty((n_clusters if in_rows else 0, LANES), dtype=state.labels.dtype)
    probs = copy if in_rows else state.probs
    return np.empty((n_clusters, 3 * LANES)), np.zeros((3, LANES)), copy, probs


@inner_jit
def load_rows(rows, i, probs):
    """Fill predictions (K, LANES) with the rows of tile i, the last row again where they end."""
    first, n_clusters = i * LANES, rows.shape[1]
    if first + LANES <= len(rows):
        transpose(rows.reshape(-1), first * n_clusters, LANES, n_clusters, probs.reshape(-1), 0)
        return
    for t in range(LANES):
        row = rows[min(first + t, len(rows) - 1)]
        for k in range(n_clusters):
            probs[k, t] = row[k]


@jit
def fill_tiles(rows, start, stop, tiles):
    """Copy the predictions of some tiles."""
    n_clusters = rows.shape[1]
    for i in range(start, stop):
        load_rows(rows, i, tiles[i * n_clusters : (i + 1) * n_clusters])


@inline
def load_pivots(probs, at, points, point, dual, pivots):
    """Fill what is known of each point's pivot."""
    for t in range(LANES):
        m = int(points[point + PIVOT, t])
        pivots[Q_M, t] = probs[at + m, t]
        pivots[AFFINE_M, t] = dual[AFFINE, m]
        pivots[STEP_M, t] = dual[STEP, m]
