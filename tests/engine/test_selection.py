import numpy as np
import torch

from skcollision.engine import (
    LinearHeads,
    NormalisedRows,
    TrainingSample,
    find_surplus,
    select_restart,
    worse_than_start,
)


def sample_of(X, n_neighbors):
    return TrainingSample(
        NormalisedRows(X, None, torch.device("cpu")),
        None,
        n_components=None,
        n_neighbors=n_neighbors,
        n_clusters=2,
        random_state=np.random.RandomState(0),
    )


def heads_of(*weights):
    weight = torch.from_numpy(np.stack(weights))
    return LinearHeads.of_weights(weight, torch.zeros_like(weight[..., 0]))


def two_groups():
    rng = np.random.default_rng(0)
    centres = np.repeat([[-1.0, 0.0], [1.0, 0.0]], [150, 50], axis=0)
    return rng.normal(size=(200, 2)) * 0.1 + centres


def test_a_restart_is_worse_where_its_clusters_cut_through_what_lies_together():
    sample = sample_of(two_groups(), n_neighbors=10)
    between, through = np.array([[-1.0, 0.0], [1.0, 0.0]]), np.array([[0.0, -1.0], [0.0, 1.0]])
    start = heads_of(between, through, between)
    restarts, shares, kept = worse_than_start(heads_of(through, between, between), start, sample)
    np.testing.assert_array_equal(restarts, [0])
    np.testing.assert_allclose(shares, [[0.75, 0.25]])
    assert kept[0] == kept[1] == kept[2]
    assert worse_than_start(start, start, sample)[1].shape == (0, 2)
    # The objective does not count where there are neighbours.
    assert select_restart(heads_of(through, between), sample, np.array([0.0, 1.0])) == 1


def test_surplus_clusters_are_parts_of_what_lies_together():
    sample = sample_of(two_groups(), n_neighbors=10)
    three = np.array([[-1.0, 0.1], [-1.0, -0.1], [1.0, 0.0]])
    np.testing.assert_array_equal(find_surplus(heads_of(three), sample), [0, 0, 1])


def test_rounding_does_not_choose_among_restarts_that_end_alike():
    sample = sample_of(np.random.default_rng(0).normal(size=(20, 2)), n_neighbors=0)
    heads = heads_of(*np.zeros((4, 2, 2)))
    assert select_restart(heads, sample, np.array([0.5, 0.3, 0.3 - 1e-9, 0.4])) == 1
    assert select_restart(heads, sample, np.array([0.5, 0.3, 0.29, 0.4])) == 2
