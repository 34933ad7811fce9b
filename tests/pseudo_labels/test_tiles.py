"""Rows into tiles and back, which every solver on the CPU does."""

import numpy as np
import pytest

from skcollision.pseudo_labels.kernels.cpu_em_leap import block_means
from skcollision.pseudo_labels.kernels.cpu_tiles import transpose_blocks
from skcollision.pseudo_labels.kernels.cpu_vectors import LANES


def _in_tiles(rows):
    return np.concatenate([rows[i : i + LANES].T.ravel() for i in range(0, len(rows), LANES)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_clusters", [1, 2, 7, 8, 9, 10, 16, 23, 77])
@pytest.mark.parametrize("n_points", [1, 7, 8, 9, 50, 64])
def test_tiles_hold_the_rows_and_become_them_again(n_points, n_clusters, dtype):
    rows = np.random.default_rng(0).random((n_points, n_clusters)).astype(dtype)
    bounds = np.array([0, n_points // 16 * LANES, n_points])
    tiles = np.empty_like(rows.reshape(-1))
    transpose_blocks(rows.reshape(-1), tiles, n_clusters, LANES, bounds, 0, 1, False)
    np.testing.assert_array_equal(tiles, _in_tiles(rows))
    transpose_blocks(tiles, tiles, n_clusters, LANES, bounds, 0, 1, True)
    np.testing.assert_array_equal(tiles, rows.ravel())


@pytest.mark.parametrize("lanes", [1, LANES])
def test_means_of_tiles_are_those_of_rows(lanes):
    rng = np.random.default_rng(0)
    rows, weights = rng.random((43, 10)), rng.random(43)
    labels = rows.ravel() if lanes == 1 else _in_tiles(rows)
    bounds = np.array([0, 16, 43])
    means = np.empty((2, 10))
    block_means(labels, weights, lanes, bounds, 0, 1, means)
    np.testing.assert_allclose(means[0], weights[:16] @ rows[:16])
    np.testing.assert_allclose(means[1], weights[16:] @ rows[16:])
