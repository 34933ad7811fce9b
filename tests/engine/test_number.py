"""Scores of numbers of clusters."""

import numpy as np
import pytest
from scipy import sparse

from skcollision.engine._number import WALK_LENGTHS, _united, separation, walks_of_all_lengths
from skcollision.graph._walks import Walk


def test_separation_of_walks_that_stay_and_of_walks_that_do_not():
    shares = np.array([0.5, 0.3, 0.2])
    mixed = np.outer(shares, shares)[None]
    assert separation(np.diag([0.25, 0.25, 0.25, 0.25])[None]) == pytest.approx(np.log(4))
    assert separation(mixed) == pytest.approx(0, abs=1e-12)
    assert separation(np.ones((3, 1, 1))) == 0
    # Half of the walks stay, the others end anywhere: correlation 1/2.
    half = (np.diag(shares)[None] + mixed) / 2
    assert separation(half) == pytest.approx(0.25 * -np.log(shares @ shares))
    assert separation(np.concatenate([half, mixed])) == pytest.approx(separation(half) / 2)


def test_walks_of_all_lengths_as_powers_of_the_step():
    rng = np.random.default_rng(0)
    weights = rng.random((30, 30)) * (rng.random((30, 30)) < 0.2) + np.eye(30)
    walk = Walk(sparse.csr_array(weights + weights.T))
    labels = np.arange(30) % 4
    joints = walks_of_all_lengths(walk, labels, 4)
    members, step = np.eye(4)[labels], walk.step.toarray()
    # A long walk is at a point as often as that has edges: so often do walks start there.
    starts = np.diag(walk.degrees / walk.degrees.sum())
    for joint, n_steps in zip(joints, WALK_LENGTHS, strict=True):
        expected = members.T @ starts @ np.linalg.matrix_power(step, n_steps) @ members
        np.testing.assert_allclose(joint, expected, atol=1e-12)


@pytest.mark.parametrize(("a", "b"), [(0, 1), (1, 4), (0, 5), (4, 5)])
def test_united_clusters_have_the_walks_of_both(a, b):
    joints = np.random.default_rng(0).random((3, 6, 6))
    joints = joints + joints.transpose(0, 2, 1)
    groups = np.arange(6)
    groups[5] = b
    groups[b] = a
    members = np.eye(5)[groups]
    expected = members.T @ joints @ members
    np.testing.assert_allclose(_united(joints.copy(), a, b), expected)
