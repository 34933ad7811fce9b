"""Target proportions that follow the data."""

from __future__ import annotations

import numpy as np
from torch import Tensor

# How far a step moves an estimate towards the shares that the predictions just had.
RATE = 0.2

# Shares count with this power: below 1 it draws an estimate towards equal proportions, or small
# clusters would shrink without end.
POWER = 0.8

# Part of an estimate that is uniform, so that no proportion reaches 0.
UNIFORM_PART = 0.1

# Fraction of a training, and steps of one without an end, that come before the first estimate:
# predictions must mean something by then.
START = 0.3
START_STEPS = 100


class PriorEstimate:
    """Estimates of the proportions of the clusters, one for each restart.

    Parameters
    ----------
    n_restarts : int
        Number of restarts, R.
    n_clusters : int
        Number of clusters, K.

    Attributes
    ----------
    proportions : ndarray of shape (R, K)
        The estimates, uniform at first.
    """

    def __init__(self, n_restarts: int, n_clusters: int) -> None:
        self.proportions = np.full((n_restarts, n_clusters), 1 / n_clusters)

    @classmethod
    def of_proportions(cls, proportions: np.ndarray) -> PriorEstimate:
        """Go on from estimates made before, shape (R, K)."""
        estimate = cls(*proportions.shape)
        estimate.proportions = proportions.copy()
        return estimate

    def update(self, logits: Tensor, sample_weight: Tensor | None) -> None:
        """Follow the shares of the clusters in the hard predictions of a batch (R, B, K)."""
        n_clusters = logits.shape[2]
        labels = logits.argmax(2).cpu().numpy()
        weight = None if sample_weight is None else sample_weight.cpu().numpy()
        counts = np.stack([np.bincount(row, weight, n_clusters) for row in labels])
        shares = counts / counts.sum(axis=1, keepdims=True)
        shares = ((1 - UNIFORM_PART) * shares + UNIFORM_PART / n_clusters) ** POWER
        shares /= shares.sum(axis=1, keepdims=True)
        self.proportions = (1 - RATE) * self.proportions + RATE * shares

    def keep(self, restart: int) -> None:
        """Forget the other restarts."""
        self.proportions = self.proportions[restart : restart + 1]
