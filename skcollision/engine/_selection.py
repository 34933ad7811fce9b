"""Which clustering to keep, without labels that are given."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse

from skcollision._parallel import run_tasks
from skcollision.engine._heads import LinearHeads
from skcollision.engine._prior import PriorEstimate
from skcollision.engine._surplus import join_surplus
from skcollision.engine._trainer import Features
from skcollision.engine._training_sample import TrainingSample
from skcollision.graph import most_probable

# Objectives this close, in nats, are equal.
TIE = 1e-6

# Rows whose predictions are computed at a time.
BLOCK_ROWS = 4096

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
    labels = [heads(block).argmax(2) for block in features.split(BLOCK_ROWS)]
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
    parts = [heads(block)[restart].softmax(1).amax(1) for block in features.split(BLOCK_ROWS)]
    return float(torch.cat(parts).mean())


@torch.no_grad()
def match_certainty(heads: LinearHeads, features: torch.Tensor, target: float) -> None:
    """Divide the logits of a lone restart by a temperature at which its certainty is `target`.

    Labels that were sharpened teach heads to be surer than they are right; training itself does
    not. The most probable cluster of a point stays what it is.
    """
    columns, low, high = heads.columns.clone(), 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        heads.columns.copy_(middle * columns)
        is_sure = certainty(heads, 0, features) > target
        low, high = (low, middle) if is_sure else (middle, high)
    heads.columns.copy_(high * columns)
