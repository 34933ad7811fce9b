import numpy as np
import pytest
import torch

from skcollision.engine import MatchedPrior, PriorEstimate
from skcollision.engine._prior import POWER, UNIFORM_PART

# Copies of each label: enough points a cluster for a batch's shares to count in full.
MANY = 100


def logits_of(labels, n_clusters):
    labels = torch.as_tensor(labels).repeat(1, MANY)
    return 5 * torch.nn.functional.one_hot(labels, n_clusters).double()


def test_it_settles_at_the_tempered_shares_of_each_restart():
    labels = np.array([[0, 0, 0, 0, 0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]])
    prior = PriorEstimate(2, 3)
    for _ in range(200):
        prior.update(logits_of(labels, 3), None)
    shares = np.array([[0.6, 0.2, 0.2], [0.1, 0.9, 0.0]])
    expected = ((1 - UNIFORM_PART) * shares + UNIFORM_PART / 3) ** POWER
    np.testing.assert_allclose(prior.proportions, expected / expected.sum(1, keepdims=True))
    assert (prior.proportions > 0).all()


def test_equal_shares_stay_equal_and_weights_count_like_repetitions():
    prior, weighted, copied = (PriorEstimate(1, 2) for _ in range(3))
    prior.update(logits_of([[0, 1, 0, 1]], 2), None)
    np.testing.assert_allclose(prior.proportions, 0.5)
    weighted.update(logits_of([[0, 1]], 2), torch.tensor([3.0, 1.0]).repeat(MANY))
    copied.update(logits_of([[0, 0, 0, 1]], 2), None)
    np.testing.assert_allclose(weighted.proportions, copied.proportions)
    assert weighted.proportions[0, 0] > 0.5


def test_a_batch_of_few_points_moves_the_estimate_less():
    few, many = PriorEstimate(1, 2), PriorEstimate(1, 2)
    few.update(logits_of([[0, 0, 0, 1]], 2)[:, :4], None)
    many.update(logits_of([[0, 0, 0, 1]], 2), None)
    moved = [prior.proportions[0, 0] - 0.5 for prior in (few, many)]
    np.testing.assert_allclose(moved[0], 0.1 * moved[1])


def test_unsure_predictions_do_not_run_away_with_the_estimate():
    """A cluster that is a little ahead everywhere is the most probable one of every point."""
    ahead = torch.zeros(1, 2000, 100, dtype=torch.float64)
    ahead[..., 0] = 0.01
    prior = PriorEstimate(1, 100)
    for _ in range(200):
        prior.update(ahead, None)
    assert prior.proportions.max() < 0.1
    sure = PriorEstimate(1, 100)
    for _ in range(200):
        sure.update(1000 * ahead, None)
    assert sure.proportions.max() > 0.5


def test_keep_forgets_the_other_restarts():
    prior = PriorEstimate(2, 2)
    prior.update(logits_of([[0, 0], [1, 1]], 2), None)
    expected = prior.proportions[1:].copy()
    np.testing.assert_array_equal(prior.keep(1, None), [0, 1])
    assert prior.proportions == pytest.approx(expected)


def test_given_proportions_are_had_by_the_clusters_of_their_ranks():
    labels = np.array([[0, 0, 0, 0, 1, 1, 1, 2], [2, 2, 2, 0, 1, 1, 2, 2]])
    given = np.array([0.3, 0.5, 0.2])
    prior = MatchedPrior(2, given)
    np.testing.assert_allclose(prior.proportions, 1 / 3)
    for _ in range(200):
        prior.update(logits_of(labels, 3), None)
    np.testing.assert_allclose(prior.proportions, [[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
    # Cluster 2 is the largest of the second restart, and 1, with 0.5, is to be the largest.
    np.testing.assert_array_equal(prior.keep(1, None), [1, 2, 0])
    np.testing.assert_allclose(prior.proportions, [given])


def test_final_shares_replace_what_training_followed():
    prior = MatchedPrior(2, np.array([0.3, 0.5, 0.2]))
    shares = np.array([0.1, 0.3, 0.6])
    np.testing.assert_allclose(prior.of_shares(shares)[0], [0.2, 0.3, 0.5])
    np.testing.assert_array_equal(prior.keep(0, shares), [1, 2, 0])
    estimate = PriorEstimate(2, 3)
    target, follow = estimate.of_shares(shares)
    assert (np.diff(target) > 0).all()
    assert target[0] > 0.1  # drawn towards equal ones
    np.testing.assert_array_equal(follow(shares), target)
    estimate.keep(1, shares)
    kept = estimate.proportions[0]
    assert ((kept > target) == (target < 1 / 3)).all()  # nearer still, so that none is 0


@pytest.mark.parametrize("prior", [PriorEstimate(2, 2), MatchedPrior(2, np.array([0.4, 0.6]))])
def test_a_state_is_gone_on_from(prior):
    labels = [[0, 0, 1], [1, 1, 1]]
    prior.update(logits_of(labels, 2), None)
    copy = PriorEstimate.from_state(prior.state())
    assert type(copy) is type(prior)
    for each in (prior, copy):
        each.update(logits_of(labels, 2), None)
    np.testing.assert_array_equal(prior.proportions, copy.proportions)
    np.testing.assert_array_equal(prior.keep(1, None), copy.keep(1, None))
