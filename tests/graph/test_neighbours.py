import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from skcollision.graph import NeighbourGraph, _neighbours, default_neighbors, nearest_neighbors


def blobs(n=40, n_clusters=3, seed=0):
    rng = np.random.default_rng(seed)
    centres = 20 * np.eye(n_clusters, 4)
    labels = np.repeat(np.arange(n_clusters), n)
    return centres[labels] + rng.normal(size=(len(labels), 4)), labels


def graph_of(X, n_neighbors=5, n_clusters=3):
    return NeighbourGraph(nearest_neighbors(X, n_neighbors), n_clusters=n_clusters)


def dense_walk(X, n_neighbors):
    nearest = NearestNeighbors(n_neighbors=n_neighbors).fit(X).kneighbors_graph().toarray()
    joined = nearest + nearest.T + np.eye(len(X))
    return joined / joined.sum(1, keepdims=True), joined.sum(1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_points_become_the_mean_end_of_walks_at_their_own_length(dtype):
    X = blobs()[0].astype(dtype)
    before, step = X.copy(), dense_walk(X, 5)[0]
    expected = np.linalg.matrix_power(step, 12) @ X
    expected *= np.linalg.norm(X, axis=1, keepdims=True) / np.linalg.norm(
        expected, axis=1, keepdims=True
    )
    smoothed = graph_of(X).smoothed(X)
    assert smoothed.dtype == dtype
    np.testing.assert_allclose(smoothed, expected, rtol=1e-10 if dtype == np.float64 else 2e-4)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("n_clusters", [1, 3, 6, 10, 60])
def test_walks_reach_less_than_two_clusters(n_clusters, monkeypatch):
    monkeypatch.setattr(_neighbours, "MEASURING_VECTORS", 5000)
    X = np.random.default_rng(0).normal(size=(300, 4))
    step, degrees = dense_walk(X, 5)
    walk, reached = np.linalg.matrix_power(step, 3), {}
    for n_steps in range(4, 13):
        walk = walk @ step
        reached[n_steps] = np.median(1 / (walk**2 / (degrees / degrees.sum())).sum(axis=1))
    expected = max([4] + [n_steps for n_steps in reached if reached[n_steps] <= 1.75 / n_clusters])
    assert graph_of(X, n_clusters=n_clusters).n_steps == expected
    closest = min(abs(share * n_clusters / 1.75 - 1) for share in reached.values())
    assert closest > 0.01  # or random vectors could not tell


def test_hubs_shorten_walks():
    """Every point's neighbour is the centre of a star: from there, a step leads anywhere."""
    X = np.random.default_rng(0).normal(size=(200, 50))
    X = 10 * X / np.linalg.norm(X, axis=1, keepdims=True)
    X[0] = 0
    assert graph_of(X, n_neighbors=1, n_clusters=10).n_steps == 4


def test_a_point_at_the_centre_stays_there():
    X = np.vstack([blobs()[0], np.zeros(4)])
    smoothed = graph_of(X).smoothed(X)
    np.testing.assert_array_equal(smoothed[-1], 0)
    assert np.isfinite(smoothed).all()


def test_walks_between_clusters_are_those_of_four_steps_from_anywhere():
    X, labels = blobs()
    labels = np.where(np.arange(len(X)) % 7 == 0, (labels + 1) % 3, labels)
    step, degrees = dense_walk(X, 5)
    ends = np.eye(4)[labels]
    joint = (ends * (degrees / degrees.sum())[:, None]).T @ np.linalg.matrix_power(step, 4) @ ends
    graph = graph_of(X)
    np.testing.assert_allclose(graph.walks_between(labels, 4), joint, atol=1e-12)
    joint = joint[:3, :3]  # the fourth is empty, and yet one that was asked for
    share = joint.sum(1)
    information = np.sum(joint * np.log(joint / np.outer(share, share)))
    entropy = -share @ np.log(share)
    expected = information / np.sqrt(entropy * np.log(4))
    assert graph.kept_information(labels, 4) == pytest.approx(expected)


def test_true_clusters_keep_more_information_than_others():
    X, labels = blobs()
    graph = graph_of(X)
    assert graph.kept_information(labels, 3) == pytest.approx(1, abs=1e-3)
    assert graph.kept_information(np.zeros_like(labels), 3) == 0
    split = np.where(labels == 2, 0, labels)  # one too few, and one of them split by the parity
    split[labels == 0] = np.where(np.arange(40) % 2, 0, 2)
    assert graph.kept_information(split, 3) < 0.9
    shuffled = np.random.default_rng(0).permutation(labels)
    assert graph.kept_information(shuffled, 3) < 0.3


def test_cohesion_is_modularity_of_walks_times_the_root_of_entropy():
    X, labels = blobs()
    labels = np.where(np.arange(len(X)) % 5 == 0, (labels + 1) % 3, labels)
    step, degrees = dense_walk(X, 5)
    flow = degrees[:, None] * np.linalg.matrix_power(step, 8) / degrees.sum()
    graph = graph_of(X)
    for weight in (None, np.arange(len(X)) % 3):
        ends = np.eye(3)[labels] * (1 if weight is None else weight[:, None])
        joint = ends.T @ flow @ ends
        joint /= joint.sum()
        share = joint.sum(1)
        expected = np.trace(joint) - share @ share
        expected *= np.sqrt(-share @ np.log(share) / np.log(3))
        assert graph.cohesion(labels, 3, weight) == pytest.approx(expected)
    assert graph.cohesion(blobs()[1], 3) > graph.cohesion(labels, 3)
    assert graph.cohesion(np.zeros_like(labels), 3) == 0


def test_neighbourhoods_stay_within_a_tenth_of_a_cluster():
    assert default_neighbors(10_000, 10) == 15
    assert default_neighbors(200, 10) == 2
    assert default_neighbors(50, 10) == 0


def test_too_many_neighbours_are_one_clear_error():
    X, _ = blobs(n=2)
    assert graph_of(X, n_neighbors=5).n_steps >= 4
    with pytest.raises(ValueError, match=r"'n_neighbors' parameter .* weight, 6\. Got 6"):
        graph_of(X, n_neighbors=6)
