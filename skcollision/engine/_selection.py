"""Which restart to keep, without labels."""

from __future__ import annotations

import numpy as np
import torch

from skcollision.engine._heads import LinearHeads
from skcollision.engine._streamed_features import StreamedFeatures
from skcollision.engine._training_features import TrainingFeatures


def select_restart(
    heads: LinearHeads, features: TrainingFeatures | StreamedFeatures, objective: np.ndarray
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

    Returns
    -------
    int
        Number of the restart.
    """
    if features.graph is None:
        return int(np.argmin(objective))
    with torch.no_grad():
        labels = heads(features.landmarks()).argmax(2).cpu().numpy()
    scores = [features.graph.kept_information(row, heads.n_clusters) for row in labels]
    return int(np.argmax(scores))
