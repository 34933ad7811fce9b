"""Merging of clusters that are parts of one."""

import numpy as np
import pytest

from skcollision.engine._merging import confirmed_information, kept_information, merged


def score(joint, measure=confirmed_information):
    """Measure entropy and information by their definitions."""
    joint = joint / joint.sum()
    before, after = joint.sum(1), joint.sum(0)
    seen = joint > 0
    information = joint[seen] @ np.log(joint[seen] / np.outer(before, after)[seen])
    entropy = -before[before > 0] @ np.log(before[before > 0])
    return float(measure(entropy, information)) if len(joint) > 1 else 0.0


def joined(joint, groups):
    members = np.eye(groups.max() + 1)[groups]
    return members.T @ joint @ members


def greedy(joint, measure=confirmed_information, n_clusters=None):
    """Merge the best pair while the score does not fall, each pair computed from scratch."""
    groups = np.arange(len(joint))
    while groups.max() + 1 > (n_clusters or 1):
        pairs = [(a, b) for b in range(groups.max() + 1) for a in range(b)]
        tries = [np.where(groups == b, a, groups - (groups > b)) for a, b in pairs]
        best = max(tries, key=lambda candidate: score(joined(joint, candidate), measure))
        if n_clusters is None and score(joined(joint, best)) < score(joined(joint, groups)):
            break
        groups = best
    return groups


def symmetric(rng, n_clusters, diagonal):
    joint = rng.random((n_clusters, n_clusters)) ** 3
    return joint + joint.T + diagonal * np.diag(rng.random(n_clusters))


@pytest.mark.parametrize("seed", range(20))
def test_as_each_pair_from_scratch(seed):
    joint = symmetric(np.random.default_rng(seed), 8, diagonal=20)
    np.testing.assert_array_equal(merged(joint, confirmed_information), greedy(joint))
    three = greedy(joint, kept_information, 3)
    np.testing.assert_array_equal(merged(joint, kept_information, 3), three)


def test_parts_of_blocks():
    blocks = np.repeat([0, 1, 2, 3], [1, 3, 2, 4])
    joint = (blocks[:, None] == blocks) + 1e-4
    np.testing.assert_array_equal(merged(joint, confirmed_information), blocks)


def test_nothing_to_join():
    np.testing.assert_array_equal(merged(np.eye(6) + 1e-3, confirmed_information), np.arange(6))


def test_empty_clusters_go():
    joint = np.zeros((5, 5))
    joint[0, 0] = joint[2, 2] = joint[4, 4] = 1
    groups = merged(joint, confirmed_information)
    assert groups.max() == 2
    assert len({groups[0], groups[2], groups[4]}) == 3


def test_order_does_not_matter():
    rng = np.random.default_rng(0)
    joint = symmetric(rng, 10, diagonal=15)
    order = rng.permutation(10)
    groups, permuted = (
        merged(joint, confirmed_information),
        merged(joint[order][:, order], confirmed_information),
    )
    np.testing.assert_array_equal(
        groups[order][:, None] == groups[order], permuted[:, None] == permuted
    )


def test_one_cluster():
    np.testing.assert_array_equal(merged(np.ones((1, 1)), confirmed_information), [0])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("measure", [confirmed_information, kept_information])
def test_all_can_be_merged_into_one(seed, measure):
    joint = symmetric(np.random.default_rng(seed), 12, diagonal=30)
    np.testing.assert_array_equal(merged(joint, measure, 1), 0)
