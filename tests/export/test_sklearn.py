import pickle
import pickletools

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skcollision import CollisionClusterer
from skcollision.datasets import make_embeddings
from skcollision.export import to_sklearn


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_pipeline_predicts_the_same(case, dtype):
    pipeline, points = to_sklearn(case.clusterer), case.points.astype(dtype)
    found, points = pipeline.predict_proba(points), points.astype(np.float64)
    expected = case.clusterer.predict_proba(points)
    precise = case.clusterer.coef_.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 if precise else 2e-6)
    np.testing.assert_array_equal(pipeline.predict(points), case.clusterer.predict(points))
    assert list(pipeline.classes_) == list(range(case.n_clusters))


def test_it_needs_nothing_but_scikit_learn_and_shares_no_memory(case):
    saved = pickle.dumps(to_sklearn(case.clusterer))
    names = {arg for _, arg, _ in pickletools.genops(saved) if isinstance(arg, str)}
    assert not any(name.startswith(("skcollision", "torch")) for name in names)
    before = case.clusterer.predict_proba(case.points)
    pipeline = to_sklearn(case.clusterer)
    pipeline[-1].coef_ += 1
    pipeline[-1].intercept_ += 1
    for step in pipeline:
        step.__dict__.get("mean_", np.zeros(1))[:] += 1
    np.testing.assert_array_equal(case.clusterer.predict_proba(case.points), before)


def test_it_is_a_pipeline_like_any_other(case):
    pipeline = to_sklearn(case.clusterer)
    assert pipeline.n_features_in_ == case.points.shape[1]
    X, labels = case.points[:300], case.clusterer.labels_
    assert clone(pipeline).fit(X, labels).score(X, labels) > 0.9
    with pytest.raises(ValueError, match="features"):
        pipeline.predict(case.points[:, 1:])


@pytest.mark.parametrize("normalize", [True, False])
def test_names_of_features_are_kept(normalize):
    X, _ = make_embeddings(60, 3, 4, random_state=0)
    frame = pd.DataFrame(X, columns=list("abcd"))
    clusterer = CollisionClusterer(3, max_iter=20, normalize=normalize, random_state=0).fit(frame)
    pipeline = to_sklearn(clusterer)
    pipeline.predict(frame)
    assert list(pipeline.feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        pipeline.predict(frame[list("dcba")])


def test_what_cannot_be_exported_is_named(wrong):
    X, _ = make_embeddings(50, 3, 16, random_state=0)
    with pytest.raises(TypeError, match="'model' parameter of to_sklearn"):
        to_sklearn(wrong)
    with pytest.raises(TypeError, match="Got Pipeline instead"):
        to_sklearn(make_pipeline(CollisionClusterer()))
    with pytest.raises(NotFittedError, match="CollisionClusterer"):
        to_sklearn(CollisionClusterer())
    with pytest.raises(ValueError, match="n_clusters=1"):
        to_sklearn(CollisionClusterer(1, max_iter=2).fit(X))
