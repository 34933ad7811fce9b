"""Clusters in few dimensions, of which several may lie in one direction from the centre."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, make_blobs

from skcollision import CollisionClusterer
from skcollision.engine import Trainer
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


def test_round_clusters_in_a_plane_are_found_as_well_as_by_k_means():
    ours, theirs = [], []
    for seed in range(6):
        X, y = make_blobs(500, centers=10, random_state=100 + seed)
        labels = CollisionClusterer(10, random_state=seed).fit_predict(X)
        assert len(np.unique(labels)) == 10
        ours.append(clustering_accuracy_score(y, labels))
        k_means = KMeans(10, n_init=10, random_state=seed).fit_predict(X)
        theirs.append(clustering_accuracy_score(y, k_means))
    assert np.mean(ours) > np.mean(theirs) - 0.03


def test_training_does_not_lose_what_the_start_found():
    X, y = load_iris(return_X_y=True)
    clusterer = CollisionClusterer(3, random_state=0).fit(X)
    assert clustering_accuracy_score(y, clusterer.labels_) > 0.86
    # Equal proportions that are asked for are not given up for those of the start.
    X, _ = make_blobs([250, 50], centers=[[0, 0], [6, 0]], random_state=0)
    equal = CollisionClusterer(2, prior="uniform", lam=np.inf, random_state=0).fit(X)
    free = CollisionClusterer(2, random_state=0).fit(X)
    smallest = [np.bincount(each.labels_).min() for each in (equal, free)]
    assert smallest[0] > 100
    assert 45 < smallest[1] < 55
    assert free.class_prior_.max() > 0.6


def test_a_fit_goes_on_from_a_checkpoint_with_the_same_start(tmp_path, monkeypatch):
    X, _ = make_blobs(300, centers=5, random_state=0)
    whole = CollisionClusterer(5, random_state=0).fit(X)
    stopped = CollisionClusterer(5, random_state=0)
    run_epoch = Trainer._pass
    calls = []

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 10:
            raise KeyboardInterrupt
        return run_epoch(*args)

    monkeypatch.setattr(Trainer, "_pass", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(X, checkpoint=tmp_path / "fit")
    monkeypatch.undo()
    resumed = CollisionClusterer(5, random_state=0).fit(X, checkpoint=tmp_path / "fit")
    np.testing.assert_array_equal(resumed.coef_, whole.coef_)
