"""Fitted clusterers, of both precisions, with and without normalisation."""

from types import SimpleNamespace

import numpy as np
import pytest

from skcollision import CollisionClusterer
from skcollision.datasets import make_embeddings

CASES = [
    ("float32", True, 4, 16),
    ("float64", True, 4, 16),
    ("float32", False, 4, 16),
    ("float64", True, 2, 16),
    # few features: rows keep something of their length
    ("float32", True, 3, 5),
    ("float64", True, 2, 5),
]


@pytest.fixture(scope="session", params=CASES, ids=str)
def case(request):
    """A fitted clusterer, and points that include its centre and one almost there."""
    dtype, normalize, n_clusters, n_features = request.param
    X, _ = make_embeddings(300, n_clusters, n_features, spread=0.7, random_state=0)
    X = (3 * X + 5 if normalize else X).astype(dtype)
    clusterer = CollisionClusterer(n_clusters, max_iter=20, random_state=0, normalize=normalize)
    clusterer.fit(X)
    centre = clusterer._normalisation.mean if normalize else X.mean(axis=0)
    points = np.vstack([X, centre, centre * 1.001, 1e3 * X[:50]]).astype(dtype)
    return SimpleNamespace(clusterer=clusterer, points=points, n_clusters=n_clusters)


@pytest.fixture(params=[object(), CollisionClusterer], ids=["object", "class"])
def wrong(request):
    """What is no clusterer."""
    return request.param
