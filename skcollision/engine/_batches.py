"""Batches: which points a step sees, and their weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Batch(NamedTuple):
    """Points that a step sees.

    Attributes
    ----------
    rows : ndarray of shape (B,)
        Which they are.
    features : Tensor of shape (B, D)
        Their features.
    start : float
        Fraction of the pass over the data that came before them.
    """

    rows: np.ndarray
    features: Tensor
    start: float

    def weights(self, sample_weight: np.ndarray | None) -> Tensor | None:
        """Return their weights, of shape (B,) beside the features."""
        if sample_weight is None:
            return None
        like = self.features
        return torch.as_tensor(sample_weight[self.rows], dtype=like.dtype, device=like.device)

    def mass(self, sample_weight: np.ndarray | None) -> float:
        """Return the sum of their weights."""
        return float(len(self.rows) if sample_weight is None else sample_weight[self.rows].sum())


class RowAccess:
    """Features of which any rows can be had, in random batches."""

    n_samples: int

    def batch(self, rows: np.ndarray | slice) -> Tensor:
        """Return rows as a tensor of shape (B, D)."""
        raise NotImplementedError

    def batches(
        self, size: int, sample_weight: np.ndarray | None, random_state: np.random.RandomState
    ) -> Iterator[Batch]:
        """Visit the points that have weight once, in random batches of at most `size`."""
        parts = random_batches(self.n_samples, size, sample_weight, random_state)
        return (
            Batch(rows, self.batch(rows), index / len(parts)) for index, rows in enumerate(parts)
        )


def random_batches(
    n_samples: int,
    size: int,
    sample_weight: np.ndarray | None,
    random_state: np.random.RandomState,
) -> list[np.ndarray]:
    """Split the points that have weight into random batches of nearly equal size."""
    rows = rows_with_weight(n_samples, sample_weight)
    n_batches = math.ceil(len(rows) / size)
    # A single batch keeps its order: the same points in another order or with their weights
    # written out as copies then give the same sums.
    if n_batches > 1:
        rows = random_state.permutation(rows)
    return np.array_split(rows, n_batches)


def count_points(n_samples: int, sample_weight: np.ndarray | None) -> int:
    """Return how many points have weight."""
    return n_samples if sample_weight is None else int(np.count_nonzero(sample_weight))


def rows_with_weight(n_samples: int, sample_weight: np.ndarray | None) -> np.ndarray:
    """Return the rows of the points that have weight."""
    return np.arange(n_samples) if sample_weight is None else np.flatnonzero(sample_weight)
