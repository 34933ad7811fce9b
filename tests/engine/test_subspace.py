import numpy as np
import pytest
import torch

from skcollision.engine._sample import principal_subspace


def features(n_samples=700, n_features=60):
    rng = np.random.default_rng(0)
    scales = np.r_[np.linspace(4, 2, 5), np.full(n_features - 5, 0.3)]
    rotation = np.linalg.qr(rng.normal(size=(n_features, n_features)))[0]
    return (rng.normal(size=(n_samples, n_features)) * scales) @ rotation


def basis_of(X, weight=None, n_components=5):
    weight = None if weight is None else torch.from_numpy(weight)
    random_state = np.random.RandomState(0)
    return principal_subspace(torch.from_numpy(X), weight, n_components, random_state).numpy()


def projector(basis):
    return basis @ basis.T


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_that_of_the_eigenvectors(dtype):
    X = features().astype(dtype)
    basis = basis_of(X)
    assert basis.dtype == dtype
    np.testing.assert_allclose(basis.T @ basis, np.eye(5), atol=1e-5)
    exact = np.linalg.eigh(X.T @ X)[1][:, -5:]
    # Subspace iteration leaves the ratio of the variances, 0.02, to the power of two.
    np.testing.assert_allclose(projector(basis), projector(exact), atol=2e-3)


def test_weights_count_like_repetitions():
    X = features()
    weight = np.arange(len(X)) % 3
    weighted = basis_of(X, weight.astype(float))
    np.testing.assert_allclose(
        projector(weighted), projector(basis_of(np.repeat(X, weight, axis=0))), atol=1e-4
    )  # first guesses differ, and leave the ratio of the variances to the power of two and a half


def test_it_turns_with_the_features():
    X = features()
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(60, 60)))[0]
    turned = basis_of(X @ rotation, None, 20)  # its last 15 are hardly determined by the features
    np.testing.assert_allclose(
        projector(turned), rotation.T @ projector(basis_of(X, None, 20)) @ rotation, atol=1e-8
    )


def test_as_many_components_as_features_span_everything():
    np.testing.assert_allclose(projector(basis_of(features(), None, 60)), np.eye(60), atol=1e-10)
