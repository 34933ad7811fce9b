import numpy as np
import torch

from skcollision.engine import (
    FeatureSource,
    LinearHeads,
    TrainingFeatures,
    select_restart,
    worse_than_start,
)

CPU = torch.device("cpu")


def views_of(X, n_neighbors):
    return TrainingFeatures(
        FeatureSource(X, None, CPU),
        None,
        n_components=None,
        n_neighbors=n_neighbors,
        n_clusters=2,
        random_state=np.random.RandomState(0),
    )


def test_a_restart_is_worse_where_its_clusters_cut_through_what_lies_together():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2)) * 0.1 + np.repeat([[-1.0, 0.0], [1.0, 0.0]], [150, 50], axis=0)
    views = views_of(X, n_neighbors=10)
    between, through = np.array([[-1.0, 0.0], [1.0, 0.0]]), np.array([[0.0, -1.0], [0.0, 1.0]])

    def heads(*weights):
        return LinearHeads(np.stack(weights), np.zeros((len(weights), 2)), CPU)

    start = heads(between, through, between)
    restarts, shares, kept = worse_than_start(heads(through, between, between), start, views)
    np.testing.assert_array_equal(restarts, [0])
    np.testing.assert_allclose(shares, [[0.75, 0.25]])
    assert kept[0] == kept[1] == kept[2]
    assert worse_than_start(start, start, views)[1].shape == (0, 2)


def test_rounding_does_not_choose_among_restarts_that_end_alike():
    X = np.random.default_rng(0).normal(size=(20, 2))
    views = views_of(X, n_neighbors=0)
    heads = LinearHeads(np.zeros((4, 2, 2)), np.zeros((4, 2)), CPU)
    assert select_restart(heads, views, np.array([0.5, 0.3, 0.3 - 1e-9, 0.4])) == 1
    assert select_restart(heads, views, np.array([0.5, 0.3, 0.29, 0.4])) == 2
