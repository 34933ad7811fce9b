import numpy as np
import pytest
from scipy import sparse

from skcollision.datasets import make_embeddings
from skcollision.graph import NeighbourGraph, nearest_neighbors
from skcollision.graph._layout import DIMENSIONS, layout
from skcollision.graph._walks import Walk


def clusters(dtype=np.float64):
    """Clusters that four coordinates hardly tell apart."""
    X, y = make_embeddings(600, 6, 32, spread=1.5, random_state=0)
    return X.astype(dtype), y, np.ascontiguousarray(X[:, :DIMENSIONS].astype(dtype))


def walk_of(X):
    return NeighbourGraph(nearest_neighbors(X, 10), n_clusters=6).weighted_walk


def share_near_their_class(places, y):
    means = np.stack([places[y == k].mean(axis=0) for k in np.unique(y)])
    return np.mean(np.linalg.norm(places[:, None] - means, axis=2).argmin(axis=1) == y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neighbours_come_together_and_others_part(dtype):
    X, y, start = clusters(dtype)
    before, walk = start.copy(), walk_of(X)
    places = layout(walk, start, seed=0)
    assert places.shape == (600, DIMENSIONS)
    assert np.isfinite(places).all()
    np.testing.assert_array_equal(start, before)
    assert share_near_their_class(places, y) > 0.95
    assert share_near_their_class(start, y) < 0.7
    edges = walk.step.tocoo()
    along, apart = (
        np.linalg.norm(places[edges.row] - places[others], axis=1).mean()
        for others in (edges.col, np.random.default_rng(0).permutation(edges.col))
    )
    assert along < apart / 5


def test_a_seed_makes_a_layout_and_another_makes_another():
    X, _, start = clusters()
    walk = walk_of(X)
    first, same, other = (layout(walk, start, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 0.1


@pytest.mark.parametrize("factor", [2.0**-100, 2.0**100])
def test_the_scale_of_the_start_does_not_matter(factor):
    X, _, start = clusters()
    walk = walk_of(X)
    np.testing.assert_array_equal(layout(walk, factor * start, 0), layout(walk, start, 0))


@pytest.mark.parametrize("n_columns", [1, 2, 3])
def test_a_start_of_fewer_coordinates_leaves_the_others_at_zero(n_columns):
    X, _, start = clusters()
    walk = walk_of(X)
    padded = np.pad(start[:, :n_columns], [(0, 0), (0, DIMENSIONS - n_columns)])
    places = layout(walk, np.ascontiguousarray(start[:, :n_columns]), 0)
    np.testing.assert_array_equal(places, layout(walk, padded, 0))
    np.testing.assert_array_equal(places[:, n_columns:], 0)


def test_points_without_edges_or_in_one_place_stay_finite():
    alone = Walk(sparse.csr_array(sparse.eye_array(50)))
    for start in (np.zeros((50, DIMENSIONS)), np.random.default_rng(0).normal(size=(50, 4))):
        places = layout(alone, start, 0)
        np.testing.assert_allclose(places, 10 * start / (np.abs(start).max() or 1), rtol=1e-6)
        assert np.isfinite(layout(walk_of(np.zeros((50, 4)) + start), 0 * start, 0)).all()
