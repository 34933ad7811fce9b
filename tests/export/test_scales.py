"""Exports agree with the model for features of any size and type."""

import numpy as np
import pytest
from onnxruntime import InferenceSession

from skcollision import (
    CollisionClassifier,
    CollisionClusterer,
    MIADMClusterer,
    MutualInfoClusterer,
    SeLaClusterer,
    SemiSupervisedCollisionClassifier,
    ShannonClusterer,
)
from skcollision.cluster import BaseSelfLabellingClusterer
from skcollision.datasets import make_embeddings
from skcollision.export import to_onnx, to_sklearn

EXPONENTS = [-44, -40, -37, -30, -22, -5, 0, 5, 20, 30, 37]
TYPES = {
    np.float16: range(-7, 4),
    np.float32: range(-45, 38),
    np.float64: range(-323, 308),
}
KINDS = [
    CollisionClusterer,
    MIADMClusterer,
    MutualInfoClusterer,
    SeLaClusterer,
    ShannonClusterer,
    CollisionClassifier,
    SemiSupervisedCollisionClassifier,
]


@pytest.fixture(scope="module", params=[5, 16], ids="{} features".format)
def data(request):
    X, y = make_embeddings(200, 3, request.param, spread=0.7, random_state=0)
    return 3.0 * X.astype(np.float64), y


def scaled(X, exponent, dtype=np.float32):
    return (X * 10.0**exponent).astype(dtype)


def fit(X):
    return CollisionClusterer(3, n_init=1, max_iter=5, random_state=0).fit(X)


def assert_exports_agree(model, points):
    # In float64, where no square overflows.
    expected = model.predict_proba(points.astype(np.float64))
    np.testing.assert_allclose(model.predict_proba(points), expected, rtol=0, atol=2e-5)
    session = InferenceSession(to_onnx(model).SerializeToString())
    (probabilities,) = session.run(["probabilities"], {"X": points.astype(np.float32)})
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=2e-5)
    found = to_sklearn(model).predict_proba(points)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("exponent", EXPONENTS)
@pytest.mark.parametrize("centre", [0.0, 5.0])
def test_models_of_features_of_any_size_take_rows_of_any_size(data, exponent, centre):
    X = data[0]
    model = fit(scaled(X + centre, exponent))
    points = [scaled(X + centre, exponent), *(scaled(X, each) for each in EXPONENTS)]
    assert_exports_agree(model, np.concatenate(points))


@pytest.mark.parametrize("exponent", [-5, -2, 0, 3])
def test_models_of_half_precision(data, exponent):
    X = scaled(data[0] + 5, exponent, np.float16)
    assert_exports_agree(fit(X), X)
    assert_exports_agree(CollisionClassifier(n_init=1, max_iter=5).fit(X, data[1]), X)


@pytest.mark.parametrize("exponent", [-300, -60, 60, 300])
def test_scales_of_float64_alone_are_for_scikit_learn(data, exponent):
    X = scaled(data[0] + 5, exponent, np.float64)
    model = fit(X)
    np.testing.assert_allclose(
        to_sklearn(model).predict_proba(X), model.predict_proba(X), rtol=0, atol=1e-12
    )
    with pytest.raises(ValueError, match="to_onnx cannot export a model of features around"):
        to_onnx(model)
    if exponent < 0:  # rows beyond float64 in units of the scale
        with (
            pytest.raises(ValueError, match="Input X contains infinity"),
            np.errstate(all="ignore"),
        ):
            to_sklearn(model).predict_proba(1e300 * data[0])


@pytest.mark.filterwarnings("ignore:.*clusters ended empty:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("unit", "n_columns"), [(1e-14, 2), (1.0, 3), (1e14, 2)])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_any_size_where_features_stay_as_they_are(data, kind, n_columns, unit):
    X, y = data
    parameters = {"max_iter": 2, "normalize": False, "random_state": 0}
    if issubclass(kind, BaseSelfLabellingClusterer):
        parameters |= {"n_clusters": n_columns, "n_init": 1}
    model = kind(**parameters).fit(unit * X, y % n_columns)
    pipeline, session = to_sklearn(model), InferenceSession(to_onnx(model).SerializeToString())
    for dtype, exponents in TYPES.items():
        rows = np.concatenate([scaled(X[:5], each, dtype) for each in exponents])
        limit = float(np.finfo(dtype).max)
        rows = np.concatenate([rows, np.full((1, X.shape[1]), limit, dtype)])
        probs = model.predict_proba(rows.astype(np.float64))
        np.testing.assert_allclose(probs.sum(1), 1, rtol=0, atol=1e-12)
        np.testing.assert_allclose(model.predict_proba(rows), probs, rtol=0, atol=2e-5)
        with np.errstate(over="ignore", invalid="ignore"):  # scikit-learn adds up all values
            found = pipeline.predict_proba(rows)
        np.testing.assert_allclose(found, probs, rtol=0, atol=1e-12)
        if dtype != np.float64:
            (found,) = session.run(["probabilities"], {"X": rows.astype(np.float32)})
            np.testing.assert_allclose(found, probs, rtol=0, atol=2e-5)
