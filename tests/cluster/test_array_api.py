"""Tensors, arrays and frames of other libraries go in, and the same kind comes out."""

import array_api_strict
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from skcollision import CollisionClusterer
from skcollision._array_api import like, to_numpy
from skcollision.datasets import make_embeddings

METHODS = ["predict", "predict_proba", "predict_log_proba", "transform", "decision_function"]
KINDS = {
    "torch": torch.from_numpy,
    "gradient": lambda X: torch.tensor(X, requires_grad=True),
    "strided": lambda X: torch.from_numpy(np.repeat(X, 2, axis=0))[::2],
    "strict": array_api_strict.asarray,
}


@pytest.fixture(scope="module")
def X():
    return make_embeddings(150, 3, 16, spread=0.7, random_state=0)[0]


def clusterer(**parameters):
    return CollisionClusterer(3, max_iter=3, random_state=0, **parameters)


@pytest.fixture(scope="module")
def fitted(X):
    return clusterer().fit(X)


def assert_same_kind(found, like_this, expected):
    assert type(found) is (torch.Tensor if isinstance(like_this, torch.Tensor) else type(like_this))
    assert found.device == like_this.device
    assert not getattr(found, "requires_grad", False)
    np.testing.assert_array_equal(np.asarray(found), expected)
    assert np.asarray(found).dtype == expected.dtype


@pytest.fixture(params=[False, True], ids=["plain", "dispatch"])
def _dispatch(request, monkeypatch):
    """Whether scikit-learn's own dispatch is on, for which it asks to have scipy's on."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    with sklearn.config_context(array_api_dispatch=request.param):
        yield


@pytest.mark.usefixtures("_dispatch")
@pytest.mark.parametrize("kind", KINDS)
class TestSameKind:
    def test_predictions(self, kind, X, fitted):
        array = KINDS[kind](X)
        for method in METHODS:
            assert_same_kind(getattr(fitted, method)(array), array, getattr(fitted, method)(X))
        assert fitted.score(array) == fitted.score(X)

    def test_fits_keep_numpy(self, kind, X):
        # So that a model from the GPU predicts anywhere, and is saved as plain data.
        array, weight = KINDS[kind](X), X[:, 0] ** 2
        expected = clusterer().fit(X, sample_weight=weight)
        model = clusterer()
        labels = model.fit_predict(array, sample_weight=KINDS[kind](weight))
        assert_same_kind(labels, array, expected.labels_)
        for name in ("coef_", "intercept_", "labels_", "cluster_centers_"):
            assert type(getattr(model, name)) is np.ndarray
            np.testing.assert_array_equal(getattr(model, name), getattr(expected, name))
        model.partial_fit(array)
        np.testing.assert_array_equal(model.coef_, expected.partial_fit(X).coef_)

    def test_other_kinds_predict_too(self, kind, X):
        model = clusterer().fit(KINDS[kind](X))
        assert_same_kind(model.predict(X), X, model.labels_)
        if kind != "torch":
            tensor = torch.from_numpy(X)
            assert_same_kind(model.predict(tensor), tensor, model.labels_)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(X, dtype):
    tensor = torch.from_numpy(X).to(dtype)
    model = clusterer().fit(tensor)
    single = clusterer().fit(tensor.float().numpy())
    np.testing.assert_array_equal(model.coef_, single.coef_)
    assert model.predict_proba(tensor).dtype == torch.float32


def test_integers_are_computed_in_double(X, fitted):
    tensor = (10 * torch.from_numpy(X)).int()
    assert fitted.predict_proba(tensor).dtype == torch.float64


@pytest.mark.usefixtures("_dispatch")
def test_in_a_pipeline(X):
    tensor = torch.from_numpy(X)
    pipeline = make_pipeline(PCA(8, svd_solver="full"), clusterer())
    labels = pipeline.fit_predict(tensor)
    assert len(np.unique(np.asarray(labels))) == 3


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda X: torch.from_numpy(X).fill_(torch.nan), "NaN"),
        (lambda X: torch.from_numpy(X)[0], "2D array"),
        (lambda X: torch.from_numpy(X)[:, :5], "5 features"),
        (lambda X: torch.from_numpy(X).to(torch.complex64), "Complex"),
    ],
)
def test_bad_tensors_are_one_clear_error(X, fitted, bad, message):
    with pytest.raises(ValueError, match=message):
        fitted.predict(bad(X.copy()))


def test_what_is_not_foreign_stays_as_it_is(X):
    for each in (X, X.tolist(), pd.DataFrame(X), X[0, 0], None):
        assert to_numpy(each) is each
        assert like(each, X) is X


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_on_the_gpu(X, fitted, device):
    tensor = torch.from_numpy(X).cuda()
    model = clusterer(device=device).fit(tensor)
    assert type(model.labels_) is np.ndarray
    for method in METHODS:
        found = getattr(model, method)(tensor)
        assert found.device == tensor.device
        np.testing.assert_allclose(found.cpu(), getattr(model, method)(X), atol=1e-5)
    assert isinstance(model.set_output(transform="pandas").transform(tensor), pd.DataFrame)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cupy_on_the_gpu(X, fitted):
    cupy = pytest.importorskip("cupy")
    found = fitted.predict_proba(cupy.asarray(X))
    assert isinstance(found, cupy.ndarray)
    np.testing.assert_allclose(found.get(), fitted.predict_proba(X), atol=1e-5)


NAMES = ["collisionclusterer0", "collisionclusterer1", "collisionclusterer2"]
# As everywhere in scikit-learn, a polars frame is computed in double precision.
FRAMES = {
    "pandas": lambda X: pd.DataFrame(
        X, columns=[f"x{j}" for j in range(X.shape[1])], index=range(7, 7 + len(X))
    ),
    "polars": lambda X: pl.DataFrame(X, schema=[f"x{j}" for j in range(X.shape[1])]),
}


@pytest.mark.parametrize("container", ["pandas", "polars"])
@pytest.mark.parametrize("kind", ["numpy", "pandas", "polars", *KINDS])
def test_set_output(container, kind, X, fitted):
    array = {**KINDS, **FRAMES, "numpy": np.asarray}[kind](X.astype(np.float64))
    model = clone(fitted).set_output(transform=container)
    frame = model.fit_transform(array)
    assert type(frame) is {"pandas": pd.DataFrame, "polars": pl.DataFrame}[container]
    assert list(frame.columns) == list(model.get_feature_names_out()) == NAMES
    expected = clone(fitted).fit_transform(X.astype(np.float64))
    np.testing.assert_array_equal(frame.to_numpy(), expected)
    if container == kind == "pandas":
        assert list(frame.index) == list(array.index)


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_are_computed_as_their_values(kind, X):
    X = X.astype(np.float64)
    frame, fitted = FRAMES[kind](X), clusterer().fit(X)
    model = clusterer().fit(frame)
    np.testing.assert_array_equal(model.coef_, fitted.coef_)
    assert list(model.feature_names_in_) == list(frame.columns)
    for method in METHODS:
        found = getattr(model, method)(frame)
        assert type(found) is np.ndarray
        np.testing.assert_array_equal(found, getattr(fitted, method)(X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[frame.columns[::-1]])
    with pytest.warns(UserWarning, match="feature names"):
        model.predict(torch.from_numpy(X))
