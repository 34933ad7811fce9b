import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from skcollision.engine import _neighbourhoods
from skcollision.engine._neighbourhoods import NeighbourGraph, default_neighbors


def blobs(n=40, n_clusters=3, seed=0):
    rng = np.random.default_rng(seed)
    centres = 20 * np.eye(n_clusters, 4)
    labels = np.repeat(np.arange(n_clusters), n)
    return centres[labels] + rng.normal(size=(len(labels), 4)), labels


def graph_of(X, n_neighbors=5, n_clusters=3):
    return NeighbourGraph(
        X, n_neighbors, n_clusters=n_clusters, random_state=np.random.RandomState(0)
    )


def dense_walk(X, n_neighbors):
    nearest = NearestNeighbors(n_neighbors=n_neighbors).fit(X).kneighbors_graph().toarray()
    joined = nearest + nearest.T + np.eye(len(X))
    return joined / joined.sum(1, keepdims=True), joined.sum(1)


def test_points_become_the_mean_end_of_walks_at_their_own_length():
    X, _ = blobs()
    step, _ = dense_walk(X, 5)
    expected = np.linalg.matrix_power(step, 12) @ X
    expected *= np.linalg.norm(X, axis=1, keepdims=True) / np.linalg.norm(
        expected, axis=1, keepdims=True
    )
    smoothed = X.copy()
    assert graph_of(X).smooth_(smoothed) is smoothed
    np.testing.assert_allclose(smoothed, expected, rtol=1e-10)


def test_a_point_that_many_name_their_neighbour_weighs_less_than_mutual_ones():
    X = np.array([[1.0, 0], [1.1, 0], [1.2, 0], [3.0, 0]])
    # The last names the two before it, and is named by none.
    steps = graph_of(X, n_neighbors=2, n_clusters=1)._step.toarray()
    np.testing.assert_allclose(steps[3], [0, 1 / 3, 1 / 3, 1 / 3])
    np.testing.assert_allclose(steps[1], [2 / 6, 1 / 6, 2 / 6, 1 / 6])


@pytest.mark.parametrize("n_clusters", [1, 3, 6, 10, 60])
def test_walks_reach_less_than_two_clusters(n_clusters, monkeypatch):
    monkeypatch.setattr(_neighbourhoods, "MEASURING_VECTORS", 5000)
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
    smoothed = graph_of(X).smooth_(X.copy())
    np.testing.assert_array_equal(smoothed[-1], 0)
    assert np.isfinite(smoothed).all()


def test_large_data_is_smoothed_by_landmarks_almost_alike(monkeypatch):
    X, labels = blobs(n=400)
    exact = graph_of(X).smooth_(X.copy())
    monkeypatch.setattr(_neighbourhoods, "MOST_LANDMARKS", 300)
    monkeypatch.setattr(_neighbourhoods, "LANDMARKS_PER_CLUSTER", 10)
    graph = graph_of(X)
    assert len(np.unique(graph.landmarks)) == 300
    smoothed = graph.smooth_(X.copy())
    lengths = np.linalg.norm(X, axis=1)
    np.testing.assert_allclose(np.linalg.norm(smoothed, axis=1), lengths)
    assert ((smoothed * exact).sum(1) / lengths**2).mean() > 0.998
    within = [(A - np.stack([A[labels == k].mean(0) for k in labels])).std() for A in (X, smoothed)]
    assert within[1] < 0.8 * within[0]


def test_kept_information_is_that_of_the_joint_distribution():
    X, labels = blobs()
    labels = np.where(np.arange(len(X)) % 7 == 0, (labels + 1) % 3, labels)
    step, degrees = dense_walk(X, 5)
    walk = np.linalg.matrix_power(step, 4)
    joint = np.zeros((3, 3))
    for i in range(len(X)):
        for j in range(len(X)):
            joint[labels[i], labels[j]] += degrees[i] * walk[i, j] / degrees.sum()
    share = joint.sum(1)
    information = (joint * np.log(joint / np.outer(share, share)))[joint > 0].sum()
    entropy = -(share * np.log(share)).sum()
    assert graph_of(X).kept_information(labels, 3) == pytest.approx(
        information / np.sqrt(entropy * np.log(3))
    )


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


def test_neighbourhoods_stay_within_a_tenth_of_a_cluster():
    assert default_neighbors(10_000, 10) == 15
    assert default_neighbors(200, 10) == 2
    assert default_neighbors(50, 10) == 0


def test_too_many_neighbours_are_one_clear_error():
    X, _ = blobs(n=2)
    assert graph_of(X, n_neighbors=5).n_steps >= 4
    with pytest.raises(ValueError, match=r"'n_neighbors' parameter .* weight, 6\. Got 6"):
        graph_of(X, n_neighbors=6)
