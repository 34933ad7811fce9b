"""Merge clusters that walks over the neighbour graph do not keep apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

# Error of a score, as a fraction of it.
ROUNDING = 1e-12

Score = Callable[[np.ndarray, np.ndarray], np.ndarray]


def merges(joint: np.ndarray, score: Score) -> Iterator[tuple[int, int, float, float]]:
    """Yield pairs a < b in the order of merging, and the score before and after.

    `joint` has the shares (M, M) of the walks from each cluster to each, and is symmetric. The last
    cluster takes the place of b.
    """
    pairs, after = _Pairs(joint / joint.sum()), None
    while len(pairs.joint) > 1:
        scores = pairs.scores(score)
        before = float(score(pairs.entropy, pairs.information)) if after is None else after
        a, b = map(int, sorted(np.unravel_index(scores.argmax(), scores.shape)))
        after = float(scores[a, b])
        yield a, b, before, after
        pairs.unite(a, b)


def merged(joint: np.ndarray, score: Score, n_clusters: int | None = None) -> np.ndarray:
    """Merge the pair of the best score until `n_clusters` are left; if None, until scores fall.

    Returns the new cluster (M,) of each, numbered in the order of the first of its parts.
    """
    members = [[k] for k in range(len(joint))]
    for a, b, before, after in merges(joint, score):
        if len(members) == n_clusters or (n_clusters is None and after < before * (1 - ROUNDING)):
            break  # empty clusters change nothing, and are gone by then
        members[a] += members[b]
        members[b] = members[-1]
        members.pop()
    groups = np.empty(len(joint), dtype=np.int64)
    for number, parts in enumerate(sorted(members, key=min)):
        groups[parts] = number
    return groups


def confirmed_information(entropy: np.ndarray, information: np.ndarray) -> np.ndarray:
    """Return I (I / H)^2, 0 where there is one cluster only.

    With H the entropy of the clusters and I the information that the cluster at the start of a walk
    has of that at its end, I / H is the share of what is said of a point that its neighbours
    confirm. A cut through a cluster adds to H, but its two sides exchange so many walks that it
    adds less to I: merging them pays.
    """
    information = np.maximum(information, 0)
    explained = information / np.maximum(entropy, np.finfo(np.float64).tiny)
    return information * np.minimum(explained, 1) ** 2


def kept_information(entropy: np.ndarray, information: np.ndarray) -> np.ndarray:
    """Return I / sqrt(H): I alone would favour equal clusters, I / H few large ones."""
    return np.maximum(information, 0) / np.sqrt(np.maximum(entropy, np.finfo(np.float64).eps))


class _Pairs:
    """What the union of each pair of clusters loses, kept up to date from union to union.

    Only rows that share a column lose anything in it, and each cluster exchanges walks with few
    others: a union costs little more than finding the next.
    """

    def __init__(self, joint: np.ndarray) -> None:
        self.joint = joint.copy()
        self.shares = joint.sum(1)
        # what rows a and b lose as one, summed over columns
        self.losses = np.zeros_like(joint)
        for column in joint.T:
            rows = np.flatnonzero(column)
            self.losses[np.ix_(rows, rows)] += _loss(column[rows, None], column[rows])
        self.of_information = np.empty_like(joint)
        self.of_entropy = np.empty_like(joint)
        for a in range(len(joint)):
            self._measure(a)
        of_shares = _plogp(self.shares).sum()
        self.entropy = -of_shares
        self.information = _plogp(joint).sum() - 2 * of_shares

    def scores(self, score: Score) -> np.ndarray:
        """Return the score (M, M) after each pair is merged, -inf where it is no pair."""
        scores = score(self.entropy - self.of_entropy, self.information + self.of_information)
        np.fill_diagonal(scores, -np.inf)
        return scores

    def unite(self, a: int, b: int) -> None:
        """Add cluster b to cluster a; the last cluster takes the place of b."""
        joint = self.joint
        self.entropy -= self.of_entropy[a, b]
        self.information += self.of_information[a, b]
        touched = np.flatnonzero(joint[a] + joint[b])
        of_a, of_b = joint[touched, a], joint[touched, b]
        change = _loss((of_a + of_b)[:, None], of_a + of_b)
        change -= _loss(of_a[:, None], of_a) + _loss(of_b[:, None], of_b)
        self.losses[np.ix_(touched, touched)] += change
        self.of_information[np.ix_(touched, touched)] += 2 * change
        joint[a] += joint[b]
        joint[:, a] += joint[:, b]
        self.shares[a] += self.shares[b]
        last = len(joint) - 1
        for matrix in (self.joint, self.losses, self.of_information, self.of_entropy):
            matrix[b], matrix[:, b] = matrix[last], matrix[:, last]
            matrix[b, b] = matrix[last, last]
        self.shares[b] = self.shares[last]
        self.shares = self.shares[:last]
        self.joint, self.losses = self.joint[:last, :last], self.losses[:last, :last]
        self.of_information = self.of_information[:last, :last]
        self.of_entropy = self.of_entropy[:last, :last]
        shared = np.flatnonzero(self.joint[a])
        losses = _loss(self.joint[a, shared], self.joint[:, shared]).sum(1)
        self.losses[a], self.losses[:, a] = losses, losses
        self._measure(a)

    def _measure(self, a: int) -> None:
        """Write down what the unions of cluster a with each change."""
        joint, own = self.joint, np.diag(self.joint)
        # The columns a and b of both rows become one square.
        apart = _loss(own[a], joint[a]) + _loss(joint[a], own)
        square = own[a] + own + 2 * joint[a]
        inside = _plogp(square) - _plogp(own[a]) - _plogp(own) - 2 * _plogp(joint[a])
        entropy = _loss(self.shares[a], self.shares)
        information = 2 * (self.losses[a] - apart - entropy) + inside
        self.of_entropy[a], self.of_entropy[:, a] = entropy, entropy
        self.of_information[a], self.of_information[:, a] = information, information


def _loss(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return how much p ln p of the sum exceeds that of the parts."""
    return _plogp(x + y) - _plogp(x) - _plogp(y)


def _plogp(p: np.ndarray) -> np.ndarray:
    # several times faster than xlogy
    return np.asarray(p * np.log(np.maximum(p, np.finfo(np.float64).tiny)))
