"""Which restart to keep, without labels."""

from __future__ import annotations

import numpy as np
import torch

from skcollision.engine._heads import LinearHeads
from skcollision.engine._streamed_features import StreamedFeatures
from skcollision.engine._surplus import join_surplus
from skcollision.engine._training_features import TrainingFeatures

# Objectives this close, in nats, are equal.
TIE = 1e-6


def select_restart(
    heads: LinearHeads,
    features: TrainingFeatures | StreamedFeatures,
    objective: np.ndarray,
    kept: np.ndarray | None = None,
) -> int:
    """Choose the restart whose clusters keep most information along walks of the neighbour graph.

    Objectives differ little between good and bad optima, and restarts that estimate their own
    target proportions minimise different ones. Without a graph they are all there is.

    Parameters
    ----------
    heads : LinearHeads
        All restarts.
    features : TrainingFeatures or StreamedFeatures
        What they were trained on.
    objective : ndarray of shape (R,)
        Their objectives, in nats.
    kept : ndarray of shape (R,), optional
        The information that they keep, where it is known.

    Returns
    -------
    int
        Number of the restart.
    """
    if features.graph is None:
        # Restarts that found the same end equal but for rounding, which should not choose.
        return int(np.argmax(objective <= objective.min() + TIE))
    if kept is None:
        kept = _kept_information(_labels_of_landmarks(heads, features), heads, features)
    return int(np.argmax(kept))


def worse_than_start(
    heads: LinearHeads, start: LinearHeads, features: TrainingFeatures | StreamedFeatures
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find which restarts kept more information along walks when they started.

    Parameters
    ----------
    heads : LinearHeads
        All restarts.
    start : LinearHeads
        What they were before training.
    features : TrainingFeatures or StreamedFeatures
        What they were trained on, with a graph.

    Returns
    -------
    restarts : ndarray of shape (S,), int64
        Their numbers.
    shares : ndarray of shape (S, K)
        Shares of the clusters that they started with.
    kept : ndarray of shape (R,)
        The information that each restart keeps, now or when it started, whichever is more.
    """
    before, after = (_labels_of_landmarks(each, features) for each in (start, heads))
    kept = [_kept_information(labels, heads, features) for labels in (before, after)]
    restarts = np.flatnonzero(kept[0] > kept[1])
    counts = [np.bincount(before[r], minlength=heads.n_clusters) for r in restarts]
    shares = np.reshape(counts, (-1, heads.n_clusters)) / before.shape[1]
    return restarts, shares, np.maximum(*kept)


def find_surplus(heads: LinearHeads, features: TrainingFeatures | StreamedFeatures) -> np.ndarray:
    """Find which clusters of the first restart are parts of one.

    Parameters
    ----------
    heads : LinearHeads
        The restart that was kept.
    features : TrainingFeatures or StreamedFeatures
        What it was trained on, with a graph.

    Returns
    -------
    ndarray of shape (K,), int64
        The new cluster of each.
    """
    assert features.graph is not None
    labels = _labels_of_landmarks(heads, features)[0]
    walks = features.graph.walks_between(labels, heads.n_clusters)
    return join_surplus((walks + walks.T) / 2)


def _kept_information(
    labels: np.ndarray, heads: LinearHeads, features: TrainingFeatures | StreamedFeatures
) -> np.ndarray:
    assert features.graph is not None
    return np.array([features.graph.kept_information(row, heads.n_clusters) for row in labels])


@torch.no_grad()
def _labels_of_landmarks(
    heads: LinearHeads, features: TrainingFeatures | StreamedFeatures
) -> np.ndarray:
    labels: np.ndarray = heads(features.landmarks()).argmax(2).cpu().numpy()
    return labels
