"""Neighbours that the user brings in place of those that a fit would find."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.neighbors import kneighbors_graph, radius_neighbors_graph
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcollision import CollisionClusterer
from skcollision.blocks import FeatureBlocks
from skcollision.cluster import MutualInfoClusterer
from skcollision.datasets import make_embeddings
from skcollision.metrics import clustering_accuracy_score


@pytest.fixture(scope="module")
def data():
    return make_embeddings(400, 4, 20, spread=0.8, random_state=0)


def make(cls=CollisionClusterer, **parameters):
    return cls(4, n_init=2, max_iter=15, random_state=0, **parameters)


@pytest.mark.parametrize("cls", [CollisionClusterer, MutualInfoClusterer])
def test_its_own_neighbours_given_make_the_same_fit(data, cls):
    expected = make(cls).fit(data[0])
    found = expected.neighbors_
    assert found.shape == (400, 400)
    assert (np.diff(found.indptr) == 10).all()  # a tenth of a mean cluster
    model = make(cls).fit(data[0], neighbors=found)
    np.testing.assert_allclose(model.predict_proba(data[0]), expected.predict_proba(data[0]), 1e-4)
    np.testing.assert_allclose(model.neighbors_.toarray(), (found / found.max()).toarray())


def test_the_neighbours_found_are_those_of_scikit_learn(data):
    X = data[0]
    model = make(n_components=None, n_neighbors=7).fit(X)
    rows = X - X.mean(axis=0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    expected = kneighbors_graph(rows, 7, mode="distance").toarray()
    np.testing.assert_allclose(model.neighbors_.toarray(), expected, atol=1e-6)


def test_labels_follow_the_neighbours():
    """Neighbours say what features do not: which of two halves of noise a point is from."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((300, 100)), np.repeat([0, 1], 150)
    of_classes = kneighbors_graph(np.c_[20 * y, rng.standard_normal(300)], 8, mode="distance")
    model = CollisionClusterer(2, random_state=0)
    alone = clustering_accuracy_score(y, model.fit_predict(X))
    told = clustering_accuracy_score(y, model.fit_predict(X, neighbors=of_classes))
    assert told > 0.7 > alone


@pytest.mark.parametrize(
    "graph",
    [
        lambda X: kneighbors_graph(X, 8),
        lambda X: kneighbors_graph(X, 8, mode="distance", include_self=True).tocoo(),
        lambda X: radius_neighbors_graph(X, 0.9, mode="distance"),  # ragged, some have none
        lambda X: sparse.csr_array((len(X), len(X))),
    ],
)
def test_graphs_of_all_kinds_are_taken(data, graph):
    X, y = data
    model = make().fit(X, neighbors=graph(X))
    assert np.isfinite(model.predict_proba(X)).all()
    assert clustering_accuracy_score(y, model.labels_) > 0.9


@pytest.mark.parametrize("factor", [1e-300, 1e-20, 1e20, 1e300])
def test_only_ratios_of_distances_matter(data, factor):
    X = data[0].astype(np.float32)
    graph = kneighbors_graph(X.astype(np.float64), 8, mode="distance")
    expected = make().fit(X, neighbors=graph)
    model = make().fit(X, neighbors=graph * factor)
    np.testing.assert_array_equal(model.labels_, expected.labels_)
    assert np.isfinite(model.coef_).all()


def test_points_without_weight_are_no_neighbours(data):
    X = data[0]
    graph = kneighbors_graph(X, 8, mode="distance")
    weight = (np.arange(400) % 4 > 0).astype(float)
    kept = weight > 0
    model = make().fit(X, sample_weight=weight, neighbors=graph)
    expected = make().fit(X[kept], neighbors=graph[kept][:, kept])
    np.testing.assert_array_equal(model.labels_[kept], expected.labels_)
    assert not model.neighbors_[[0]].nnz


def test_all_points_are_trained_on(data, monkeypatch):
    X = data[0]
    monkeypatch.setattr("skcollision.cluster._base.default_sample_size", lambda n_clusters: 100)
    model = make().fit(X)
    assert np.count_nonzero(np.diff(model.neighbors_.indptr)) == 100
    model.fit(X, neighbors=kneighbors_graph(X, 5, mode="distance"))
    assert np.count_nonzero(np.diff(model.neighbors_.indptr)) == 400


def test_pipelines_pass_neighbours_on(data):
    X = data[0]
    graph = kneighbors_graph(X, 8, mode="distance")
    pipeline = make_pipeline(StandardScaler(), make())
    labels = pipeline.fit_predict(X, collisionclusterer__neighbors=graph)
    expected = make().fit_predict(StandardScaler().fit_transform(X), neighbors=graph)
    np.testing.assert_array_equal(labels, expected)


def test_saved_and_copied_models_leave_neighbours_out(data):
    model = make().fit(data[0])
    for other in (pickle.loads(pickle.dumps(model)), clone(model), make(n_neighbors=0)):
        with pytest.raises(AttributeError, match="no 'neighbors_'"):
            _ = other.neighbors_
    with pytest.raises(AttributeError, match="no 'neighbors_'"):
        _ = make(n_neighbors=0).fit(data[0]).neighbors_
    with pytest.raises(AttributeError, match="no 'neighbors_'"):
        _ = model.partial_fit(data[0]).neighbors_


def test_a_checkpoint_of_other_neighbours_is_refused(data, tmp_path):
    X, path = data[0], tmp_path / "fit"
    graph = kneighbors_graph(X, 8, mode="distance")
    make().fit(X, neighbors=graph, checkpoint=path)
    make().fit(X, neighbors=graph, checkpoint=path)
    for other in (None, kneighbors_graph(X, 9, mode="distance")):
        with pytest.raises(ValueError, match=r"'checkpoint' .* the neighbors differ"):
            make().fit(X, neighbors=other, checkpoint=path)
    path.unlink()
    make().fit(X, neighbors=kneighbors_graph(X, 8), checkpoint=path)
    with pytest.raises(ValueError, match=r"'checkpoint' .* the neighbors differ"):
        make().fit(X, neighbors=kneighbors_graph(X[:, ::2], 8), checkpoint=path)


def test_what_is_no_graph_of_the_rows_is_one_clear_error(data):
    X = data[0]
    graph = kneighbors_graph(X, 8, mode="distance")
    for wrong in (graph.toarray(), graph[:300], graph[:300, :300], "auto"):
        with pytest.raises(ValueError, match=r"neighbors must be a sparse matrix of shape \(400"):
            make().fit(X, neighbors=wrong)
    for value in (np.nan, np.inf, -1.0):
        bad = graph.copy()
        bad.data[3] = value
        with pytest.raises(ValueError, match="neighbors"):
            make().fit(X, neighbors=bad)
    with pytest.raises(ValueError, match=r"'max_samples' .* where neighbors are given. Got 100"):
        make(max_samples=100).fit(X, neighbors=graph)
    make(max_samples=400).fit(X, neighbors=graph)
    with pytest.raises(ValueError, match="neighbors are for X in memory"):
        make().fit(FeatureBlocks([X[:200], X[200:]]), neighbors=graph)


@pytest.mark.parametrize("n_components", [1, 2, 3, 5])
def test_subspaces_of_fewer_dimensions_than_a_layout_has(n_components):
    X, y = make_embeddings(400, 2, 20, spread=0.5, random_state=0)
    model = CollisionClusterer(2, n_components=n_components, random_state=0).fit(X)
    assert np.isfinite(model.coef_).all()
    assert clustering_accuracy_score(y, model.labels_) > 0.9
