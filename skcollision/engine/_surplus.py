"""Which clusters are parts of one, where more were asked for than there are."""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

# Error of a score, as a fraction of it.
ROUNDING = 1e-12


def join_surplus(joint: np.ndarray) -> np.ndarray:
    """Join clusters that walks over the neighbour graph do not keep apart.

    With H the entropy of the clusters and I the information that the cluster at the start of a walk
    has of that at its end, I / H is the share of what is said of a point that its neighbours
    confirm. The pair whose union has the largest I (I / H)^2 is joined, for as long as that does
    not fall: a cut through a cluster adds to H, but its two sides exchange so many walks that it
    adds less to I.

    `joint` has the shares (K, K) of the walks from each cluster to each, and is symmetric. Returns
    the new cluster (K,) of each, numbered in the order of the first of its parts.
    """
    members = [[k] for k in range(len(joint))]
    joint = joint / joint.sum()
    # sum over k of what the cells (a, k) and (b, k) lose as one
    losses = np.stack([_loss(row[None], joint).sum(1) for row in joint])
    score = _score(joint)
    while len(joint) > 1:
        scores = _scores_of_unions(joint, losses)
        a, b = sorted(np.unravel_index(scores.argmax(), scores.shape))
        if scores[a, b] < score * (1 - ROUNDING):
            break  # empty clusters change nothing, and are gone by then
        score = scores[a, b]
        members[a] += members.pop(b)
        joint, losses = _united(joint, losses, int(a), int(b))
    groups = np.empty(sum(map(len, members)), dtype=np.int64)
    for number, parts in enumerate(members):
        groups[parts] = number
    return groups


def _united(joint: np.ndarray, losses: np.ndarray, a: int, b: int) -> tuple[np.ndarray, np.ndarray]:
    """Add cluster b to cluster a and remove it; bring the losses of pairs up to date."""
    losses = losses - _loss(joint[:, None, a], joint[None, :, a])
    losses -= _loss(joint[:, None, b], joint[None, :, b])
    joint = joint.copy()
    joint[a] += joint[b]
    joint[:, a] += joint[:, b]
    rest = np.arange(len(joint)) != b
    joint, losses = joint[rest][:, rest], losses[rest][:, rest]
    losses += _loss(joint[:, None, a], joint[None, :, a])
    losses[a] = losses[:, a] = _loss(joint[[a]], joint).sum(1)
    return joint, losses


def _scores_of_unions(joint: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Return the score after each pair is joined, -1 where it is no pair."""
    entropy, information = _entropy_and_information(joint)
    own, share = np.diag(joint), joint.sum(1)
    # rows a and b but for their square, twice, as columns likewise; then the square of both
    apart = _loss(own[:, None], joint) + _loss(joint, own[None])
    square = own[:, None] + own[None] + 2 * joint
    inside = xlogy(square, square) - _plogp(own)[:, None] - _plogp(own)[None] - 2 * _plogp(joint)
    of_shares = _loss(share[:, None], share[None])
    information = information + 2 * (losses - apart) + inside - 2 * of_shares
    scores = _combined(entropy - of_shares, information)
    np.fill_diagonal(scores, -1.0)
    return scores


def _score(joint: np.ndarray) -> float:
    return float(_combined(*(np.array(value) for value in _entropy_and_information(joint))))


def _combined(entropy: np.ndarray, information: np.ndarray) -> np.ndarray:
    """Return I (I / H)^2, 0 where there is one cluster only."""
    explained = np.maximum(information, 0) / np.maximum(entropy, np.finfo(np.float64).tiny)
    return np.maximum(information, 0) * np.minimum(explained, 1) ** 2


def _entropy_and_information(joint: np.ndarray) -> tuple[float, float]:
    of_shares = float(_plogp(joint.sum(1)).sum())
    return -of_shares, float(_plogp(joint).sum()) - 2 * of_shares


def _loss(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return how much p ln p of the sum exceeds that of the parts."""
    return xlogy(x + y, x + y) - _plogp(x) - _plogp(y)


def _plogp(p: np.ndarray) -> np.ndarray:
    return np.asarray(xlogy(p, p))
