"""Which clustering to keep, and which clusters are parts of one, without labels that are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse

from skcollision._parallel import run_tasks
from skcollision.engine._heads import LinearHeads
from skcollision.engine._merging import confirmed_information, merged
from skcollision.engine._prior import Estimate, PriorEstimate
from skcollision.engine._sample import TrainingSample
from skcollision.engine._starts import refilled
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

# Clusterings this close to the most secluded one, in nats, are about as secluded; those of
# embeddings are closer.
MARGIN = 0.5

# A proposal must be more cohesive than what was trained by more than this share of it.
BY_CHANCE = 0.0025


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
    candidates: list[LinearHeads],
    sample: TrainingSample,
    prior: PriorEstimate | None,
    proposals: Sequence[np.ndarray] = (),
) -> Clustering:
    """Keep the best of the labels of restarts and proposals (M,), and pass it along the graph.

    Walks stay in cohesive clusters, of about equal sizes; they leave secluded ones seldom, whatever
    the sizes. Of the clusterings that are about as secluded as the best, the most cohesive is kept;
    in few dimensions, where heads compete with what they began as, the most secluded: there sizes
    say little. It is measured after one round along the graph: that repairs ragged borders, and
    more rounds would make all labels look alike. Objectives would choose worse: they differ little
    between good and bad optima, and restarts that estimate their own target proportions minimise
    different ones. A proposal comes with heads that know nothing yet.
    """
    graph = sample.graph
    assert graph is not None
    weight = None if sample.weight is None else sample.weight.cpu().numpy()
    origins = [(each, r) for each in candidates for r in range(each.n_restarts)]
    hard = [labels for each in candidates for labels in hard_labels(each, sample.seen)]
    n_trained, n_clusters = len(hard), candidates[0].n_clusters
    hard += proposals
    cohesion, seclusion = np.zeros((2, len(hard)))
    _ = graph.weighted_walk  # made once, before threads ask for it
    margin = MARGIN if len(candidates) == 1 else 0.0

    def target(labels: np.ndarray) -> tuple[np.ndarray, Estimate | None]:
        if prior is None:
            return np.full(n_clusters, 1 / n_clusters), None
        shares = np.bincount(labels, weight, n_clusters)
        return prior.of_shares(shares / shares.sum())

    def judge(number: int) -> None:
        labels = graph.labels(hard[number], weight, *target(hard[number]), n_rounds=1)
        passed_on = most_probable(labels)
        seclusion[number] = graph.seclusion(passed_on, n_clusters, weight)
        cohesion[number] = graph.cohesion(passed_on, n_clusters, weight)

    if len(hard) > 1:
        run_tasks(judge, len(hard))
    cohesion[n_trained:] *= 1 - BY_CHANCE
    best = _best(seclusion, cohesion, margin)
    heads, restart = origins[_best(seclusion[:n_trained], cohesion[:n_trained], margin)]
    chosen = refilled(hard[best], sample.seen, sample.weight, n_clusters)
    proportions, estimate = target(chosen)
    labels = graph.labels(chosen, weight, proportions, estimate)
    if best >= n_trained:
        heads = LinearHeads(torch.zeros_like(heads.columns), heads.n_restarts, heads.basis)
    elif estimate is None:
        predictions = soft_predictions(heads, restart, sample.seen)
        labels = _fairer(labels, predictions, weight, proportions)
    return Clustering(heads, restart, labels)


def _best(seclusion: np.ndarray, cohesion: np.ndarray, margin: float) -> int:
    """Return the most cohesive of the clusterings that are about as secluded as the best."""
    return int(np.where(seclusion >= seclusion.max() - margin, cohesion, -1.0).argmax())


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
    return merged((walks + walks.T) / 2, confirmed_information)


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
