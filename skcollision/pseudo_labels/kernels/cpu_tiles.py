"""Tiles: flat arrays in which a number of points, the lanes, lie side by side.

A tile of n points is (K, n), the points of a cluster side by side; n is the number of lanes but in
the last tile. A tile takes the place of the n rows, so that labels can be brought into tiles and
back where they are. With one lane, tiles are rows.
"""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_math import inner_jit, jit
from skcollision.pseudo_labels.kernels.cpu_vectors import LANES, transpose_square


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
        transpose(scratch, 0, height, width, target, at)


@inner_jit
def transpose(source, at, height, width, target, to):
    """Store the matrix (height, width) that begins at source[at] by columns from target[to] on.

    In squares, the last of which overlap where they do not fill it.
    """
    if height < LANES or width < LANES:
        for j in range(width):
            for i in range(height):
                target[to + j * height + i] = source[at + i * width + j]
        return
    for i in range(0, height, LANES):
        row = min(i, height - LANES)
        for j in range(0, width, LANES):
            column = min(j, width - LANES)
            transpose_square(
                source, at + row * width + column, width, target, to + column * height + row, height
            )


@jit
def transpose_blocks(source, target, n_clusters, lanes, bounds, first, step, to_rows):
    """Turn every step-th block of points from first into tiles, or into rows; also in place."""
    for g in range(first, len(bounds) - 1, step):
        transpose_tiles(source, target, n_clusters, lanes, bounds[g], bounds[g + 1], to_rows)
