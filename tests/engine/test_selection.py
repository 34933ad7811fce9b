import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from skcollision.datasets import make_embeddings
from skcollision.engine import (
    LinearHeads,
    NormalisedRows,
    PriorEstimate,
    TrainingSample,
    best_on_graph,
    certainty,
    find_surplus,
    hard_labels,
    lowest,
    match_certainty,
    propose,
)
from skcollision.graph import NeighbourGraph


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


def test_a_restart_whose_clusters_cut_through_what_lies_together_is_not_chosen():
    sample = sample_of(two_groups(), n_neighbors=10)
    between, through = np.array([[-1.0, 0.0], [1.0, 0.0]]), np.array([[0.0, -1.0], [0.0, 1.0]])
    for candidates in ([heads_of(through, between)], [heads_of(through), heads_of(between)]):
        heads, restart, labels = best_on_graph(candidates, sample, None)
        expected = hard_labels(heads_of(between), sample.points)[0]
        np.testing.assert_array_equal(hard_labels(heads, sample.points)[restart], expected)
        np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)
    estimated = best_on_graph(candidates, sample, PriorEstimate(1, 2)).labels
    np.testing.assert_array_equal(estimated.argmax(axis=1), expected)


def test_clusters_of_a_layout_and_of_merged_parts_compete_with_restarts():
    X, y = make_embeddings(600, 3, 16, random_state=0)
    sample = sample_of(X.astype(np.float64), n_neighbors=10)
    first, *others = propose(sample, 3, 2, np.random.RandomState(0))
    assert min(adjusted_rand_score(y, each) for each in (first, *others)) > 0.95
    assert len(others) == 2
    at_random = heads_of(np.random.default_rng(0).normal(size=(3, 16)))
    chosen = best_on_graph([at_random], sample, PriorEstimate(1, 3), [first])
    assert adjusted_rand_score(y, chosen.labels.argmax(axis=1)) > 0.95
    assert propose(sample, 20, 1, np.random.RandomState(0)) == []  # too few points
    assert propose(sample, 40, 1, np.random.RandomState(0)) == []  # too many clusters


@pytest.mark.parametrize(("ahead", "is_kept"), [(1.001, False), (1.01, True)])
def test_a_proposal_must_be_more_cohesive_by_more_than_chance(monkeypatch, ahead, is_kept):
    sample = sample_of(two_groups(), n_neighbors=10)
    trained = heads_of(np.array([[-1.0, 0.0], [1.0, 0.0]]))
    proposal = 1 - hard_labels(trained, sample.points)[0]  # the same clusters by other numbers
    monkeypatch.setattr(
        NeighbourGraph, "cohesion", lambda graph, labels, *_: 0.5 * (ahead if labels[0] else 1.0)
    )
    chosen = best_on_graph([trained], sample, PriorEstimate(1, 2), [proposal])
    assert (chosen.labels.argmax(axis=1)[0] == proposal[0]) == is_kept


def test_surplus_clusters_are_parts_of_what_lies_together():
    sample = sample_of(two_groups(), n_neighbors=10)
    three = heads_of(np.array([[-1.0, 0.1], [-1.0, -0.1], [1.0, 0.0]]))
    labels = hard_labels(three, sample.points)[0]
    np.testing.assert_array_equal(find_surplus(sample, labels, 3), [0, 0, 1])


def test_rounding_does_not_choose_among_restarts_that_end_alike():
    assert lowest(np.array([0.5, 0.3, 0.3 - 1e-9, 0.4])) == 1
    assert lowest(np.array([0.5, 0.3, 0.29, 0.4])) == 2


def test_certainty_is_matched_without_another_label():
    points = torch.from_numpy(np.random.default_rng(0).normal(size=(300, 2)))
    heads = heads_of(9 * np.array([[-1.0, 0.2], [1.0, 0.0], [0.0, 1.0]]))
    before = hard_labels(heads, points)
    match_certainty(heads, points, 0.7)
    assert abs(certainty(heads, 0, points) - 0.7) < 1e-4
    np.testing.assert_array_equal(hard_labels(heads, points), before)
