"""Exports agree with the model for features of any size that float32 holds."""

import numpy as np
import pytest
from onnxruntime import InferenceSession

from skcollision import CollisionClusterer
from skcollision.datasets import make_embeddings
from skcollision.export import to_onnx, to_sklearn

EXPONENTS = range(-30, 31, 5)


@pytest.fixture(scope="module", params=[5, 16], ids="{} features".format)
def data(request):
    X, _ = make_embeddings(200, 3, request.param, spread=0.7, random_state=0)
    return 3 * X + 5


def scaled(X, exponent):
    return (X.astype(np.float64) * 10.0**exponent).astype(np.float32)


def fit(X):
    return CollisionClusterer(3, max_iter=10, random_state=0).fit(X)


def assert_exports_agree(clusterer, points):
    # In float64, where no square overflows.
    expected = clusterer.predict_proba(points.astype(np.float64))
    session = InferenceSession(to_onnx(clusterer).SerializeToString())
    (probabilities,) = session.run(["probabilities"], {"X": points})
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=2e-5)
    np.testing.assert_allclose(
        to_sklearn(clusterer).predict_proba(points), expected, rtol=0, atol=2e-5
    )


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_models_of_features_of_any_size(data, exponent):
    points = scaled(data, exponent)
    try:
        clusterer = fit(points)
    except RuntimeWarning:  # every warning is an error
        assert abs(exponent) > 15
        pytest.skip("the model itself does not train on features of this size")
    assert_exports_agree(clusterer, points)


def test_points_as_far_outside_as_they_can_be(data):
    clusterer = fit(data)
    far = [scaled(data - data.mean(axis=0), exponent) for exponent in EXPONENTS if exponent >= 0]
    assert_exports_agree(clusterer, np.concatenate(far) + data.mean(axis=0))
