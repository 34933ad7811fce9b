"""Exports agree with the model for features of any size and type."""

import numpy as np
import pytest
from onnxruntime import InferenceSession

from skcollision import CollisionClassifier, CollisionClusterer
from skcollision.datasets import make_embeddings
from skcollision.export import to_onnx, to_sklearn

EXPONENTS = [-44, -40, -37, -30, -22, -5, 0, 5, 20, 30, 37]


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_of_any_size_where_features_stay_as_they_are(data, dtype):
    X = data[0].astype(dtype)
    model = CollisionClusterer(3, n_init=1, max_iter=5, normalize=False, random_state=0).fit(X)
    limit = float(np.finfo(dtype).max)
    with np.errstate(over="ignore"):
        far = np.clip(X.astype(float) * 1e280, -limit, limit).astype(dtype)
    rows = np.concatenate([X, scaled(X, 20, dtype), scaled(X, 33, dtype), far])
    probs = model.predict_proba(rows)
    np.testing.assert_allclose(probs.sum(1), 1, atol=1e-5)
    with np.errstate(invalid="ignore"):  # scikit-learn adds up all values to look for NaN
        found = to_sklearn(model).predict_proba(rows)
    np.testing.assert_allclose(found, probs, atol=1e-5)
    session = InferenceSession(to_onnx(model).SerializeToString())
    with np.errstate(over="ignore"):
        single = np.clip(rows, -3e38, 3e38).astype(np.float32)
    (found,) = session.run(["probabilities"], {"X": single})
    np.testing.assert_allclose(found, model.predict_proba(single), atol=1e-5)
