"""Which restart to keep, without labels."""

from __future__ import annotations

import numpy as np
import torch

from skcollision.engine._heads import LinearHeads
from skcollision.engine._surplus import join_surplus
from skcollision.engine._training_sample import TrainingSample

# Objectives this close, in nats, are equal.
TIE = 1e-6


def select_restart(
    heads: LinearHeads,
    sample: TrainingSample,
    objective: np.ndarray,
    kept: np.ndarray | None = None,
) -> int:
    """Choose the restart whose clusters keep most information along walks of the neighbour graph.

    Objectives differ little between good and bad optima, and restarts that estimate their own
    target proportions minimise different ones. Without a graph they are all there is. `kept` is the
    information that restarts keep, where it is known.
    """
    if sample.graph is None:
        # Restarts that found the same end equal but for rounding, which should not choose.
        return int(np.argmax(objective <= objective.min() + TIE))
    if kept is None:
        kept = _kept_information(hard_labels(heads, sample), heads, sample)
    return int(np.argmax(kept))


def worse_than_start(
    heads: LinearHeads, start: LinearHeads, sample: TrainingSample
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find which restarts kept more information along walks when they started.

    Returns their numbers (S,), the shares (S, K) of the clusters that they started with, and the
    information (R,) that each restart keeps, now or when it started, whichever is more.
    """
    before, after = (hard_labels(each, sample) for each in (start, heads))
    kept = [_kept_information(labels, heads, sample) for labels in (before, after)]
    restarts = np.flatnonzero(kept[0] > kept[1])
    counts = [np.bincount(before[r], minlength=heads.n_clusters) for r in restarts]
    shares = np.reshape(counts, (-1, heads.n_clusters)) / before.shape[1]
    return restarts, shares, np.maximum(*kept)


def find_surplus(heads: LinearHeads, sample: TrainingSample) -> np.ndarray:
    """Return the cluster (K,) that each of a lone restart's clusters is a part of."""
    assert sample.graph is not None
    walks = sample.graph.walks_between(hard_labels(heads, sample)[0], heads.n_clusters)
    return join_surplus((walks + walks.T) / 2)


@torch.no_grad()
def hard_labels(heads: LinearHeads, sample: TrainingSample) -> np.ndarray:
    """Return the most probable clusters (R, M) of what training sees."""
    labels = [heads(block).argmax(2) for block in sample.seen.split(4096)]
    return np.asarray(torch.cat(labels, 1).cpu().numpy())


@torch.no_grad()
def soft_labels(heads: LinearHeads, features: torch.Tensor) -> torch.Tensor:
    """Return the predictions (M, K) of the first restart."""
    return torch.cat([heads(block)[0].softmax(1) for block in features.split(4096)])


def _kept_information(labels: np.ndarray, heads: LinearHeads, sample: TrainingSample) -> np.ndarray:
    assert sample.graph is not None
    return np.array([sample.graph.kept_information(row, heads.n_clusters) for row in labels])
