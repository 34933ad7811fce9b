"""Clusters of very unequal sizes that lie apart."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from skcollision import CollisionClusterer


def fitted_index(sizes, centers, seed=0, **parameters):
    X, y = make_blobs(sizes, centers=centers, random_state=seed)
    model = CollisionClusterer(len(sizes), random_state=seed, **parameters).fit(X)
    return adjusted_rand_score(y, model.labels_)


@pytest.mark.parametrize("sizes", [(500, 100, 10), (300, 300, 300), (500, 50, 50)])
@pytest.mark.parametrize("seed", [0, 1])
def test_in_a_plane(sizes, seed):
    assert fitted_index(sizes, np.array([[0, 0], [8, 0], [0, 8]]), seed) > 0.98


@pytest.mark.parametrize("ratio", [10, 50])
@pytest.mark.parametrize("n_features", [2, 5, 8])
def test_one_small_cluster_beside_a_large_one(ratio, n_features):
    centers = 12 * np.eye(n_features)[:2]
    assert fitted_index((30 * ratio, 30), centers) > 0.98


@pytest.mark.parametrize("n_features", [16, 64])
def test_in_many_dimensions(n_features):
    """Rows of unit length spread the large cluster over all directions."""
    assert fitted_index((500, 100, 10), 10 * np.eye(n_features)[:3]) > 0.98
    assert fitted_index((1000, 50, 50, 20), 12 * np.eye(n_features)[:4]) > 0.95
    assert fitted_index((1000, 20), 12 * np.eye(n_features)[:2]) > 0.5


@pytest.mark.parametrize("n_features", [2, 8, 12, 15, 32])
def test_known_proportions_do_no_worse(n_features):
    centers = 12 * np.eye(n_features)[:2]
    assert fitted_index((500, 50), centers, prior=[10 / 11, 1 / 11]) > 0.98
    assert fitted_index((500, 50), centers) > 0.98
