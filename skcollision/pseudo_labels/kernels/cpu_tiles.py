"""Tiles: flat arrays in which a number of points, the lanes, lie side by side.

A tile of n points is (K, n), the points of a cluster side by side; n is the number of lanes but in
the last tile. A tile takes the place of the n rows, so that labels can be brought into tiles and
back where they are. With one lane, tiles are rows.
"""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_math import inner_jit, jit


@inner_jit
def transpose_tiles(source, target, n_clusters, lanes, start, stop, to_rows):
    """Turn the rows of points start to stop into tiles, or tiles into rows; also in place."""
    scratch = np.empty(n_clusters * lanes, dtype=target.dtype)
    for first in range(start, stop, lanes):
        n = min(lanes, stop - first)
        height, width = (n_clusters, n) if to_rows else (n, n_clusters)
        at = first * n_clusters
        for j in range(n * n_clusters):
            scratch[j] = source[at + j]
        for j in range(width):
            for i in range(height):
                target[at + j * height + i] = scratch[i * width + j]


@jit
def transpose_blocks(source, target, n_clusters, lanes, bounds, first, step, to_rows):
    """Turn every step-th block of points from first into tiles, or into rows; also in place."""
    for g in range(first, len(bounds) - 1, step):
        transpose_tiles(source, target, n_clusters, lanes, bounds[g], bounds[g + 1], to_rows)
