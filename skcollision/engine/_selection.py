"""Which clustering to keep, and which clusters are parts of one, without labels that are given."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse
from scipy.special import xlogy

from skcollision._parallel import run_tasks
from skcollision.engine._heads import LinearHeads
from skcollision.engine._prior import PriorEstimate
from skcollision.engine._sample import TrainingSample
from skcollision.engine._trainer import Features
from skcollision.graph import most_probable

# Objectives this close, in nats, are equal.
TIE = 1e-6

# Rows whose predictions are computed at a time.
BLOCK_ROWS = 4096

# Predictions that the mean certainty is measured on: it is one number.
CERTAINTY_PREDICTIONS = 2**24

# Share of the points by which labels may be further from demanded proportions than predictions.
UNFAIR = 0.02


class Clustering(NamedTuple):
    """A clustering of a sample: soft labels (M, K), and the heads that it comes from."""

    heads: LinearHeads
    restart: int
    labels: sparse.csr_array


def lowest(objective: np.ndarray) -> int:
    """Return the restart of the lowest objective.

    Restarts that found the same end are equal but for rounding, which should not choose.
    """
    return int(np.argmax(objective <= objective.min() + TIE))


def best_on_graph(
    candidates: list[LinearHeads], sample: TrainingSample, prior: PriorEstimate | None
) -> Clustering:
    """Pass the labels of every restart along the graph; keep those that tell most of neighbours.

    What they tell is the information that clusters keep along short walks. Objectives would choose
    worse: they differ little between good and bad optima, and restarts that estimate their own
    target proportions minimise different ones.
    """
    graph = sample.graph
    assert graph is not None
    weight = None if sample.weight is None else sample.weight.cpu().numpy()
    hard = [
        (heads, restart, labels)
        for heads in candidates
        for restart, labels in enumerate(hard_labels(heads, sample.seen))
    ]
    found: list[tuple[float, Clustering] | None] = [None] * len(hard)

    def refine(number: int) -> None:
        heads, restart, labels = hard[number]
        shares = np.bincount(labels, weight, heads.n_clusters)
        shares = shares / shares.sum()
        target = np.full(heads.n_clusters, 1 / heads.n_clusters)
        estimate = None
        if prior is not None:
            target, estimate = prior.of_shares(shares)
        soft = graph.labels(labels, weight, target, estimate)
        if estimate is None:
            soft = _fairer(soft, soft_predictions(heads, restart, sample.seen), weight, target)
        kept = graph.kept_information(most_probable(soft), heads.n_clusters)
        found[number] = kept, Clustering(heads, restart, soft)

    run_tasks(refine, len(hard))
    return max((each for each in found if each is not None), key=lambda each: each[0])[1]


def _fairer(
    labels: sparse.csr_array, predictions: np.ndarray, weight: np.ndarray | None, target: np.ndarray
) -> sparse.csr_array:
    """Return the labels, or predictions where these are nearer to proportions that are demanded.

    Neighbours agree on clusters that stand apart, whatever their proportions; heads cut them.
    """
    by_weight = np.ones(len(predictions)) if weight is None else weight
    means = [(by_weight @ each) / by_weight.sum() for each in (labels, predictions)]
    unfair, own = (np.abs(mean - target).sum() / 2 for mean in means)
    return labels if unfair <= own + UNFAIR else sparse.csr_array(predictions)


def find_surplus(sample: TrainingSample, labels: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return the cluster (K,) that each cluster of the labels (M,) is a part of."""
    assert sample.graph is not None
    walks = sample.graph.walks_between(labels, n_clusters)
    return join_surplus((walks + walks.T) / 2)


@torch.no_grad()
def hard_labels(heads: LinearHeads, features: torch.Tensor) -> np.ndarray:
    """Return the most probable clusters (R, M) of features (M, D')."""
    # along the last dimension in memory: torch's argmax is slow along another
    labels = [heads(block).contiguous().argmax(2) for block in features.split(BLOCK_ROWS)]
    return np.asarray(torch.cat(labels, 1).cpu().numpy())


@torch.no_grad()
def soft_predictions(heads: LinearHeads, restart: int, features: Features) -> np.ndarray:
    """Return the probabilities (M, K) that a restart gives to features (M, D')."""
    blocks = np.array_split(np.arange(len(features)), len(features) // BLOCK_ROWS + 1)
    parts = [heads(features[rows])[restart].softmax(1) for rows in blocks]
    return np.asarray(torch.cat(parts).cpu().numpy())


@torch.no_grad()
def certainty(heads: LinearHeads, restart: int, features: torch.Tensor) -> float:
    """Return the mean of the largest probability that a restart gives to features (M, D')."""
    return _mean_certainty(_logits_below_largest(heads, restart, features))


@torch.no_grad()
def match_certainty(heads: LinearHeads, features: torch.Tensor, target: float) -> None:
    """Divide the logits of a lone restart by a temperature at which its certainty is `target`.

    Labels that were sharpened teach heads to be surer than they are right; training itself does
    not. The most probable cluster of a point stays what it is.
    """
    logits, low, high = _logits_below_largest(heads, 0, features), 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        is_sure = _mean_certainty(middle * logits) > target
        low, high = (low, middle) if is_sure else (middle, high)
    heads.columns.mul_(high)


def _logits_below_largest(heads: LinearHeads, restart: int, features: torch.Tensor) -> torch.Tensor:
    """Return logits less the largest of each row, of rows spread over the features."""
    step = len(features) * heads.n_clusters // CERTAINTY_PREDICTIONS + 1
    logits = heads(features[::step])[restart]
    return logits - logits.amax(1, keepdim=True)


def _mean_certainty(logits: torch.Tensor) -> float:
    return float(logits.exp().sum(1).reciprocal().mean())


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
