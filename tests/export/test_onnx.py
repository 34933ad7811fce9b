import sys

import numpy as np
import onnx
import pytest
from onnxruntime import InferenceSession
from sklearn.exceptions import NotFittedError

from skcollision import CollisionClassifier, CollisionClusterer
from skcollision.datasets import make_embeddings
from skcollision.export import to_onnx, to_sklearn


def outputs_of(model, points):
    session = InferenceSession(model.SerializeToString())
    return session.run(["labels", "probabilities"], {"X": points.astype(np.float32)})


def test_the_runtime_computes_what_the_clusterer_predicts(case):
    points = case.points.astype(np.float32)
    labels, probabilities = outputs_of(to_onnx(case.clusterer), points)
    expected = case.clusterer.predict_proba(points)
    assert labels.dtype == np.int64
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-5)
    sure = np.ptp(np.sort(expected)[:, -2:], axis=1) > 1e-4
    np.testing.assert_array_equal(labels[sure], case.clusterer.predict(points)[sure])
    # More would be shared by a graph that leaves something out.
    assert len(np.unique(labels)) == case.n_clusters


def test_a_row_at_the_centre_has_the_intercepts_alone(case):
    if case.clusterer._normalisation is None:
        return
    centre = case.clusterer._normalisation.mean.astype(np.float32)[None]
    (probabilities,) = outputs_of(to_onnx(case.clusterer), centre)[1]
    odds = np.exp(case.clusterer.intercept_ - case.clusterer.intercept_.max())
    np.testing.assert_allclose(probabilities, odds / odds.sum(), atol=1e-5)


def test_one_cluster_and_no_points():
    X, _ = make_embeddings(50, 3, 16, random_state=0)
    model = to_onnx(CollisionClusterer(1, max_iter=2).fit(X))
    labels, probabilities = outputs_of(model, X)
    assert not labels.any()
    np.testing.assert_array_equal(probabilities, 1)
    assert [each.shape for each in outputs_of(model, X[:0])] == [(0,), (0, 1)]


def test_the_graph_survives_a_file_and_says_where_it_is_from(case, tmp_path):
    onnx.save(to_onnx(case.clusterer), tmp_path / "clusterer.onnx")
    model = onnx.load(tmp_path / "clusterer.onnx")
    assert (model.producer_name, model.graph.name) == ("skcollision", "CollisionClusterer")
    assert outputs_of(model, case.points)[1].shape == (len(case.points), case.n_clusters)


@pytest.mark.parametrize("names", [[3, 7], [3, 7, 11], ["cat", "dog", "owl"]])
def test_classifiers_answer_with_their_classes(names):
    X, y = make_embeddings(100, len(names), 16, random_state=0)
    classifier = CollisionClassifier(max_iter=10, random_state=0).fit(X, np.array(names)[y])
    labels, probabilities = outputs_of(to_onnx(classifier), X)
    np.testing.assert_allclose(probabilities, classifier.predict_proba(X), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(labels, classifier.predict(X))
    pipeline = to_sklearn(classifier)
    np.testing.assert_array_equal(pipeline.predict(X), classifier.predict(X))
    np.testing.assert_allclose(pipeline.predict_proba(X), probabilities, rtol=0, atol=1e-5)


def test_what_cannot_be_exported_is_named(wrong):
    with pytest.raises(TypeError, match="'model' parameter of to_onnx"):
        to_onnx(wrong)
    with pytest.raises(NotFittedError, match="CollisionClusterer"):
        to_onnx(CollisionClusterer())


def test_without_onnx_the_error_says_what_to_install(case, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'skcollision\[onnx\]'"):
        to_onnx(case.clusterer)
