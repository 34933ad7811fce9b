import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import brentq
from sklearn.neighbors import NearestNeighbors

from skcollision.datasets import make_embeddings
from skcollision.graph import NeighbourGraph, most_probable, nearest_neighbors
from skcollision.graph._labels import fuzzy_graph, labels_on_graph
from skcollision.graph._walks import Walk


def data(n=600, n_clusters=4, spread=1.0):
    X, y = make_embeddings(n, n_clusters, 16, spread=spread, random_state=0)
    return X.astype(np.float64), y


def steps_of(X, n_neighbors=10):
    return Walk(fuzzy_graph(nearest_neighbors(X, n_neighbors))).step


def pass_on(steps, labels, n_clusters, weight=None, proportions=None, estimate=None):
    weight = np.ones(len(labels)) if weight is None else weight
    if proportions is None:
        proportions = np.full(n_clusters, 1 / n_clusters)
    return labels_on_graph(steps, labels, weight, proportions, estimate)


def test_steps_are_those_of_a_fuzzy_union_with_loops():
    X, _ = data(100)
    n_neighbors = 7
    distances, neighbors = NearestNeighbors(n_neighbors=n_neighbors).fit(X).kneighbors()
    graph = fuzzy_graph(nearest_neighbors(X, n_neighbors))
    np.testing.assert_allclose(Walk(graph).step.sum(axis=1), 1)
    graph = graph.toarray()
    np.testing.assert_allclose(graph, graph.T, rtol=1e-6, atol=1e-12)
    edges = np.zeros_like(graph)
    for i, (near, far) in enumerate(zip(neighbors, distances, strict=True)):
        # the scale at which weights sum to log2 k, by another search
        scales = np.geomspace(1e-4, 1e3, 20_000)
        sums = np.exp(-(far - far[0])[None] / scales[:, None]).sum(axis=1)
        scale = scales[np.abs(sums - np.log2(n_neighbors)).argmin()]
        edges[i, near] = np.exp(-(far - far[0]) / scale)
    union = edges + edges.T - edges * edges.T + np.eye(len(X))
    np.testing.assert_allclose(graph, union, atol=5e-3)


@pytest.mark.parametrize("equal", [False, True])
def test_equal_points_have_neighbours_of_weight_one(equal):
    distances = np.zeros((4, 3)) if equal else np.ones((4, 3))
    neighbors = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
    entries = distances.ravel(), neighbors.ravel(), np.arange(0, 13, 3)
    step = Walk(fuzzy_graph(sparse.csr_array(entries, shape=(4, 4)))).step
    np.testing.assert_allclose(step.toarray(), 0.25)


def test_points_may_have_different_numbers_of_neighbours_and_none():
    edges = sparse.csr_array(([1.0, 3.0, 9.0, 2.0], ([0, 0, 0, 4], [1, 2, 3, 0])), shape=(6, 6))
    graph = fuzzy_graph(edges).toarray()
    scale = brentq(lambda s: 1 + np.exp(-2 / s) + np.exp(-8 / s) - np.log2(3), 0.1, 100)
    expected = np.eye(6)
    expected[0, 1:4] = 1, np.exp(-2 / scale), np.exp(-8 / scale)
    expected[4, 0] = 1
    expected = np.maximum(expected, expected.T)
    np.testing.assert_allclose(graph, expected, rtol=1e-6)


def test_wrong_labels_become_those_of_the_neighbours():
    X, y = data()
    rng = np.random.default_rng(0)
    noisy = np.where(rng.uniform(size=len(y)) < 0.3, rng.integers(4, size=len(y)), y)
    labels = pass_on(steps_of(X), noisy, 4)
    np.testing.assert_allclose(labels.sum(axis=1), 1)
    assert labels.data.min() >= 0
    assert (labels.argmax(axis=1) == y).mean() > 0.97 > 0.85 > (noisy == y).mean()


def test_mean_label_comes_near_given_proportions():
    X, y = data(spread=3.0)  # groups run into each other: labels can move
    steps, shares = steps_of(X), np.array([0.4, 0.3, 0.2, 0.1])
    far = np.abs(pass_on(steps, y, 4).mean(axis=0) - shares).sum()
    near = np.abs(pass_on(steps, y, 4, proportions=shares).mean(axis=0) - shares).sum()
    assert near < 0.5 * far


def test_estimated_proportions_follow_the_labels():
    X, y = data()
    skewed = np.where((y == 3) & (np.arange(len(y)) % 4 > 0), 2, y)
    seen = []

    def estimate(shares):
        seen.append(shares)
        return shares

    pass_on(steps_of(X), skewed, 4, estimate=estimate)
    np.testing.assert_allclose([each.sum() for each in seen], 1)
    assert len(seen) > 1


def test_clusters_and_points_may_be_renamed():
    X, y = data(300, spread=2.0)
    steps, names = steps_of(X), np.array([2, 0, 3, 1])
    labels = pass_on(steps, y, 4).toarray()
    np.testing.assert_allclose(pass_on(steps, names[y], 4).toarray()[:, names], labels, atol=1e-6)
    order = np.random.default_rng(1).permutation(len(y))
    turned = sparse.csr_array(steps[order][:, order])
    np.testing.assert_allclose(pass_on(turned, y[order], 4).toarray(), labels[order], atol=1e-6)


def test_a_point_counts_by_its_weight():
    X, y = data(300, spread=2.0)
    weight = np.where(y == 0, 3.0, 1.0)
    plain, weighted = pass_on(steps_of(X), y, 4), pass_on(steps_of(X), y, 4, weight)
    # heavier points fill their cluster sooner, so that fewer are left in it
    assert weighted.mean(axis=0)[0] < plain.mean(axis=0)[0]


def test_a_cluster_without_points_stays_empty():
    X, y = data()
    labels = NeighbourGraph(nearest_neighbors(X, 10), n_clusters=5).labels(
        y, None, np.full(5, 0.2), None
    )
    assert np.isfinite(labels.data).all()
    assert labels.shape == (len(y), 5)
    assert labels.mean(axis=0)[4] == 0


def test_most_probable_is_the_first_of_the_largest():
    labels = np.array([[0.2, 0.8, 0.0], [0.5, 0.0, 0.5], [0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(most_probable(sparse.csr_array(labels)), [1, 0, 2])
