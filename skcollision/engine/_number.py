"""How many clusters: what walks of all lengths say of clusters that are merged one by one."""

from __future__ import annotations

import numpy as np
import torch

from skcollision._ambient import isolated
from skcollision._threads import one_thread
from skcollision.engine._merging import kept_information, merges
from skcollision.engine._normalisation import fit_normalisation
from skcollision.engine._proposals import small_parts
from skcollision.engine._rows import NormalisedRows, default_sample_size, draw_sample
from skcollision.engine._sample import TrainingSample
from skcollision.graph import KEEPING_STEPS, default_neighbors
from skcollision.graph._walks import Walk

# Small parts that are merged: so many, or twice the numbers that are scored, of so many points.
N_PARTS, POINTS_PER_PART = 300, 5

# Short walks tell clusters apart that lie close together, long ones show what is one cluster.
WALK_LENGTHS = (2, 4, 8, 16, 32, 64, 128, 256)


@isolated()
def scores_of_numbers(
    X: np.ndarray, most: int, n_components: int | None, random_state: np.random.RandomState
) -> np.ndarray:
    """Score 1, 2, ... and `most` clusters of at least two points, by `separation`.

    Small parts are merged, the pair first whose union keeps most of what short walks tell, until
    all are one: a single path has clusters of all numbers. Numbers above that of the parts score 0.
    Raises ValueError if the points are all the same.
    """
    data = X[draw_sample(len(X), None, default_sample_size(most), random_state).rows]
    rows = NormalisedRows(data, fit_normalisation(data, None), torch.device("cpu"))
    sample = TrainingSample(
        rows,
        None,
        n_components=n_components,
        n_neighbors=max(1, default_neighbors(len(data), 1)),
        n_clusters=most,
        random_state=random_state,
    )
    assert sample.graph is not None
    walk, scores, joints = sample.graph.weighted_walk, np.zeros(most), None
    n_parts = max(most, min(max(N_PARTS, 2 * most), len(data) // POINTS_PER_PART))
    labels = np.unique(small_parts(sample, n_parts, random_state), return_inverse=True)[1]
    number = int(labels.max()) + 1
    joint = walk.between(labels, number, KEEPING_STEPS).toarray()
    for a, b, *_ in merges((joint + joint.T) / 2, kept_information):
        if number <= most:
            joints = walks_of_all_lengths(walk, labels, number) if joints is None else joints
            scores[number - 1] = separation(joints)
            joints = _united(joints, a, b)
        number -= 1
        labels[labels == b] = a
        labels[labels == number] = b
    return scores


def walks_of_all_lengths(walk: Walk, labels: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return the shares (T, K, K) of walks of each length that lead from each cluster to each."""
    ends, done, joints = np.eye(n_clusters, dtype=walk.step.dtype)[labels], 0, []
    for n_steps in WALK_LENGTHS:
        # as in `Walk.between`, but on from where shorter walks end
        ends, done = walk.ends(ends, n_steps // 2 - done), n_steps // 2
        with one_thread():  # so that the last bits do not depend on how many there are
            joint = torch.from_numpy(ends.T) @ torch.from_numpy(walk.degrees[:, None] * ends)
        joints.append(joint.double().numpy() / joint.double().sum().item())
    return np.array(joints)


def separation(joints: np.ndarray) -> float:
    """Return the mean over lengths of r^2 S, where `joints` (T, K, K) are shares of walks.

    Walks begin and end in one cluster with probability s, unrelated points with p'p, of shares p.
    r = (s - p'p) / (1 - p'p) is the correlation of a walk's ends: its square is how much the one
    explains of the other. S = -ln p'p, the collision entropy of clusters, is how much there is.
    """
    chance = np.square(joints.sum(axis=2)).sum(axis=1)
    staying = np.trace(joints, axis1=1, axis2=2)
    correlation = np.maximum(staying - chance, 0) / np.maximum(1 - chance, np.finfo(float).eps)
    return float(np.mean(correlation**2 * -np.log(chance)))


def _united(joints: np.ndarray, a: int, b: int) -> np.ndarray:
    """Add cluster b to cluster a, and let the last take the place of b."""
    joints[:, a] += joints[:, b]
    joints[:, :, a] += joints[:, :, b]
    joints[:, b], joints[:, :, b] = joints[:, -1], joints[:, :, -1]
    return joints[:, :-1, :-1]
