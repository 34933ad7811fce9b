"""Clusters in few dimensions, of which several may lie in one direction from the centre."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from skcollision import CollisionClusterer
from skcollision.metrics import clustering_accuracy_score


def test_rings_of_round_clusters_are_kept_apart():
    angles = np.arange(4) * np.pi / 2
    ring = np.c_[np.cos(angles), np.sin(angles)]
    X, y = make_blobs(800, centers=np.vstack([4 * ring, 12 * ring]), random_state=0)
    labels = CollisionClusterer(8, random_state=0).fit_predict(X)
    assert clustering_accuracy_score(y, labels) > 0.95


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_units_and_offsets_change_nothing(scale):
    X, _ = make_blobs(300, 3, centers=4, random_state=0)
    expected, found = (
        CollisionClusterer(4, random_state=0).fit(each).predict_proba(each)
        for each in (X, scale * (X + 100))
    )
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_one_feature_is_enough():
    X, y = make_blobs(300, 1, centers=[[0.0], [10.0], [20.0]], random_state=0)
    labels = CollisionClusterer(3, random_state=0).fit_predict(X)
    assert clustering_accuracy_score(y, labels) > 0.95
