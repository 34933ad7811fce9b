import numpy as np
import pytest
import torch

from skcollision import CollisionClusterer
from skcollision.datasets import make_embeddings
from skcollision.engine._starts import refilled


def blobs():
    """Return points of eleven clusters, the second of twice the width of the others."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(11), 20)
    points = 10 * rng.normal(size=(11, 5))[labels] + 0.1 * rng.normal(size=(220, 5))
    return torch.from_numpy(points), labels


@pytest.mark.parametrize("weighted", [False, True])
def test_an_empty_cluster_gets_half_of_the_widest(weighted):
    points, labels = blobs()
    weight = torch.ones(220, dtype=torch.float64) if weighted else None
    joined = np.where(labels == 10, 3, labels)
    found = refilled(joined, points, weight, 11)
    np.testing.assert_array_equal(
        found[labels != 3], np.where(labels == 10, found[-1], labels)[labels != 3]
    )
    assert {found[labels == 3][0], found[labels == 10][0]} == {3, 10}
    assert len(set(found)) == 11


def test_many_empty_clusters_stay_empty():
    points, labels = blobs()
    few = np.minimum(labels, 4)
    np.testing.assert_array_equal(refilled(few, points, None, 11), few)


def test_a_single_place_is_not_cut():
    points = torch.zeros(10, 3)
    np.testing.assert_array_equal(refilled(np.zeros(10, dtype=int), points, None, 2), 0)


def test_all_of_many_clusters_are_used():
    X, _ = make_embeddings(2500, 100, 64, spread=2.0, random_state=0)
    assert len(set(CollisionClusterer(100, random_state=0).fit(X).labels_)) == 100
