"""Normalised features, a batch at a time: the user's matrix is never copied whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from skcollision.blocks import FeatureBlocks
from skcollision.engine._batches import Batch, RowAccess

# Rows a block in passes over the whole matrix: 8 MB in float64 at 2048 columns.
BLOCK_ROWS = 512

# Below this many features, the distance of a point from the centre says something: around it,
# lengths in D dimensions vary by a share of about 1 / sqrt(2 D), half at 2 and a tenth at 50.
FEW_FEATURES = 16

# Rows of few features are softened at this many times the root mean square distance from the
# centre: most keep their length nearly whole, and rows far outside come near.
SOFTENING = 2.0

# The root mean square distance from the mean is this many times the mean distance only where a few
# rows lie so far outside that they draw the mean out of the rest. It is 1.25 for normal numbers in
# one dimension and close to 1 for embeddings.
HEAVY_TAILS = 2.0
MEDIAN_STEPS = 20


class Features(Protocol):
    """What training asks of features: their size, and batches of rows."""

    n_samples: int
    n_features: int
    device: torch.device

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the batches."""

    def batches(
        self, size: int, sample_weight: np.ndarray | None, random_state: np.random.RandomState
    ) -> Iterator[Batch]:
        """Visit the points that have weight once, in random batches of about `size`."""


@dataclass(frozen=True)
class Normalisation:
    """Centre, then scale each row: what the linear heads see of a feature matrix.

    A row x becomes (x - mean) / |x - mean| with ``unit_rows``, (x - mean) / scale without. Centring
    first makes the result blind to a shift of the features, and to their scale. With a softening s
    the divisor is sqrt(|x - mean|^2 + s^2) / gain: points of one direction then stay apart, and one
    at the distance `scale` has length 1.

    Attributes
    ----------
    mean : ndarray of shape (D,)
        Centre, in the dtype of the features that it was measured on.
    scale : float
        Root mean square distance from the centre.
    unit_rows : bool
        Whether each row is brought to length 1.
    softening : float, default=0.0
        Distance from the centre s at which a row's squared length is half the largest; 0 leaves
        directions alone.
    """

    mean: np.ndarray
    scale: float
    unit_rows: bool
    softening: float = 0.0

    @property
    def gain(self) -> float:
        """Length that softened rows come near the farther outside they lie."""
        return math.hypot(self.scale, self.softening) / self.scale

    def apply_(self, rows: Tensor, mean: Tensor) -> Tensor:
        """Normalise `rows` in place; `mean` is the centre on their device."""
        rows.sub_(mean)
        if not self.unit_rows:
            return rows.div_(self.scale)
        if self.softening:
            rows.div_(self.softening)  # squares of the features themselves might overflow
            lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
            return rows.div_(torch.hypot(lengths, torch.ones_like(lengths)).div_(self.gain))
        lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        # A row at the centre has no direction. It stays 0, and so gets the bias's prediction.
        smallest = self.scale * torch.finfo(rows.dtype).eps
        return rows.div_(lengths.clamp_min_(smallest))


class NormalisedRows:
    """A feature matrix seen through a normalisation, from the first row to the last.

    Parameters
    ----------
    X : ndarray or FeatureBlocks of shape (N, D)
        float32 or float64, in memory or not; never written to.
    normalisation : Normalisation or None
        None hands out raw features.
    device : torch.device
        Where features are wanted.
    """

    def __init__(
        self,
        X: np.ndarray | FeatureBlocks,
        normalisation: Normalisation | None,
        device: torch.device,
    ) -> None:
        self._X = X
        self._normalisation = normalisation
        self.device = device
        self.n_samples, self.n_features = X.shape
        if normalisation is not None:
            self._mean = torch.as_tensor(normalisation.mean.astype(X.dtype), device=device)

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the features."""
        return torch.float64 if self._X.dtype == np.float64 else torch.float32

    def normalised(self, rows: np.ndarray) -> Tensor:
        """Return rows of the matrix, normalised, as a tensor on the device; overwrites them."""
        # asarray sheds np.memmap, which fancy indexing keeps as the class of an in-memory copy.
        features = torch.from_numpy(np.asarray(rows)).to(self.device)
        if self._normalisation is None:
            return features
        return self._normalisation.apply_(features, self._mean)

    def blocks(self, size: int = BLOCK_ROWS) -> Iterator[tuple[slice, Tensor]]:
        """Yield consecutive row ranges and their normalised features."""
        for rows, block in row_blocks(self._X, size):
            yield rows, self.normalised(np.array(block))


class FeatureSource(RowAccess, NormalisedRows):
    """A feature matrix that any rows can be read of, seen through a normalisation."""

    _X: np.ndarray

    def batch(self, rows: np.ndarray | slice) -> Tensor:
        """Return the given rows, normalised, as a new tensor of shape (B, D) on the device."""
        # Indices copy, slices do not.
        block = np.array(self._X[rows]) if isinstance(rows, slice) else self._X[rows]
        return self.normalised(block)


def row_blocks(
    X: np.ndarray | FeatureBlocks, size: int = BLOCK_ROWS
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield consecutive row ranges of a matrix, and what it has there."""
    if isinstance(X, FeatureBlocks):
        yield from X.blocks(size)
        return
    for start in range(0, len(X), size):
        rows = slice(start, min(start + size, len(X)))
        yield rows, X[rows]


def fit_normalisation(
    X: np.ndarray | FeatureBlocks,
    sample_weight: np.ndarray | None,
    *,
    unit_rows: bool,
    softens: bool = False,
) -> Normalisation:
    """Measure centre and scale of a feature matrix in two passes over its blocks.

    Parameters
    ----------
    X : ndarray or FeatureBlocks of shape (N, D)
        Finite features.
    sample_weight : ndarray of shape (N,) or None
        Non-negative weights, not all zero.
    unit_rows : bool
        Whether rows are to be brought to length 1.
    softens : bool, default=False
        Whether fewer than 16 features are to keep part of it.

    Returns
    -------
    Normalisation
        Centre, in the dtype of X, and scale; both are accumulated in float64. The softening is
        twice the scale: distances between clusters are then nearly those of the features. Where a
        few rows lie far outside, the geometric median is the centre of unit rows: seen from a mean
        that they draw away, all others would lie in one direction.

    Raises
    ------
    ValueError
        If all rows are the same, so that there is nothing to cluster, or if the features are so
        large that their squares overflow.
    """
    weight = None if sample_weight is None else sample_weight.astype(np.float64)
    total = float(len(X)) if weight is None else weight.sum()
    mean = _weighted_sum(X, weight, lambda block: block) / total
    square, length = _weighted_sum(X, weight, lambda block: _moments(block - mean)) / total
    scale = float(np.sqrt(square))
    if not np.isfinite(scale):
        raise ValueError("X has features too large to be squared in float64. Scale them down.")
    # Rounding in their sum leaves equal rows this far from their mean.
    if scale <= len(X) * np.finfo(np.float64).eps * float(np.linalg.norm(mean)):
        raise ValueError(
            f"X has constant features: its n_samples={len(X)} rows are all the same point, so "
            "there is nothing to cluster."
        )
    if unit_rows and scale > HEAVY_TAILS * length:
        mean, scale = _geometric_median(X, weight, mean, length)
    # In the features' own precision a row can lie at the centre exactly.
    is_soft = softens and unit_rows and X.shape[1] < FEW_FEATURES
    softening = SOFTENING * scale if is_soft else 0.0
    return Normalisation(mean.astype(X.dtype), scale, unit_rows, softening)


def _weighted_sum(
    X: np.ndarray | FeatureBlocks, weight: np.ndarray | None, function: Callable[..., Any]
) -> Any:
    total: Any = 0.0
    for rows, block in row_blocks(X):
        of_block = np.ones(len(block)) if weight is None else weight[rows]
        total = total + of_block @ function(block.astype(np.float64))
    return total


def _moments(rows: np.ndarray) -> np.ndarray:
    """Return the squared length and the length of each row, shape (B, 2)."""
    squares = np.einsum("ij,ij->i", rows, rows)
    return np.stack([squares, np.sqrt(squares)], axis=1)


def _geometric_median(
    X: np.ndarray | FeatureBlocks, weight: np.ndarray | None, start: np.ndarray, length: float
) -> tuple[np.ndarray, float]:
    """Return the point of least mean distance, by Weiszfeld's steps, and a scale around it.

    The scale is the geometric mean of the distances, for which far rows count little.
    """
    total = float(len(X)) if weight is None else weight.sum()
    centre, smallest = start, np.finfo(np.float64).eps * length

    def moments(block: np.ndarray) -> np.ndarray:
        lengths = np.maximum(_moments(block - centre)[:, 1:], smallest)
        return np.hstack([block / lengths, 1 / lengths, np.log(lengths)])

    for _ in range(MEDIAN_STEPS):
        sums = _weighted_sum(X, weight, moments)
        before, centre, scale = centre, sums[:-2] / sums[-2], float(np.exp(sums[-1] / total))
        if np.linalg.norm(centre - before) < 1e-3 * scale:
            break
    return centre, scale
