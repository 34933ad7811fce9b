"""Centre and scale: what linear heads see of features on any scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.utils import gen_batches
from torch import Tensor

# Below this many features, the distance of a point from the centre says something: around it,
# lengths in D dimensions vary by a share of about 1 / sqrt(2 D), half at 2 and a tenth at 50.
FEW_FEATURES = 16

# Rows of few features are softened at this many times the root mean square distance from the
# centre: most keep their length nearly whole, and no row is endlessly far outside.
SOFTENING = 8.0

# The root mean square distance from the mean is this many times the mean distance only where a few
# rows lie so far outside that they draw the mean out of the rest. It is 1.25 for normal numbers in
# one dimension and close to 1 for embeddings.
HEAVY_TAILS = 2.0

# A step towards the geometric median leaves at most a fifteenth of the way where far rows are few
# enough for such tails: so many cross the range of float32.
MEDIAN_STEPS = 50
# Steps, and distances, that are nothing in units of the scale.
MEDIAN_TOL = 1e-3

# Rows this close to the centre count as this far, when the largest entry is about 1: less than
# the smallest float32 beside the largest.
NO_DISTANCE = 1e-80

# Rows farther outside than this many times the scale are nothing but directions.
FAR = 2.0**500

# Without normalisation, rows of larger entries are shortened to this: their logits would overflow,
# as coefficients for features around 1e-15 are of 1e15 and more.
LARGEST_ENTRY = 1e18

# Most rows and entries of a block, in float64: it should stay in a core's cache from one operation
# to the next, and be too small for BLAS to share, as sums would depend on the number of threads.
_BLOCK_ROWS, _BLOCK_ENTRIES = 512, 2**17


@dataclass(frozen=True)
class Normalisation:
    """Centre, then scale each row: what the linear heads see of a feature matrix.

    A row x becomes (x - mean) / |x - mean|, of unit length. With a softening s the divisor is
    sqrt(|x - mean|^2 + s^2) / gain: points of one direction then stay apart, and one at the
    distance `scale`, the root mean square one, has length 1.
    """

    mean: np.ndarray  # (D,), in the dtype of the features
    scale: float
    softening: float = 0.0

    @property
    def gain(self) -> float:
        """Length that softened rows come near the farther outside they lie."""
        return math.hypot(self.scale, self.softening) / self.scale

    def apply_(self, rows: Tensor) -> Tensor:
        """Normalise rows (B, D) in place, or, at the ends of their type's range, in float64."""
        limits = torch.finfo(rows.dtype)
        if (
            not math.sqrt(limits.tiny) / limits.eps
            < self.scale
            < math.sqrt(limits.max) * limits.eps
        ):
            return self._apply_in_float64(rows)
        rows.sub_(torch.as_tensor(self.mean, dtype=rows.dtype, device=rows.device))
        lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        too_long = lengths.isinf()
        if too_long.any():  # squares overflowed: so far outside, only the direction counts
            rows = torch.where(too_long, rows / rows.abs().amax(1, keepdim=True), rows)
            lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
            if self.softening:
                lengths = torch.where(too_long, lengths / self.gain, lengths)
        if self.softening:
            softened = torch.hypot(lengths, torch.full_like(lengths, self.softening)) / self.gain
            return rows.div_(torch.where(too_long, lengths, softened))
        # A row at the centre has no direction. It stays 0, and so gets the bias's prediction.
        return rows.div_(lengths.clamp_min_(self.scale * limits.eps))

    def _apply_in_float64(self, rows: Tensor) -> Tensor:
        # A power of two, which rounds nothing, brings the scale near 1.
        unit = 2.0 ** min(-math.frexp(self.scale)[1], 1000)
        near_one = Normalisation(
            self.mean.astype(np.float64) * unit, self.scale * unit, self.softening * unit
        )
        values = rows.cpu().double()  # mps has none
        scaled = values * unit
        peaks = values.abs().amax(1, keepdim=True)
        # Of a row so far outside that others are nothing beside it, only the direction counts.
        far = peaks * unit > FAR
        if far.any():
            scaled = torch.where(far, values / peaks * FAR, scaled)
        return near_one.apply_(scaled).to(rows)


def fit_normalisation(
    X: np.ndarray,
    sample_weight: np.ndarray | None,
    *,
    softening: float | None = None,
) -> Normalisation:
    """Measure centre and scale of features (N, D), in float64.

    Where a few rows lie far outside, the geometric median is the centre of unit rows: seen from a
    mean that they draw away, all others would lie in one direction. Rows keep part of the distance
    from the centre with a softening, in units of the scale: 8 for fewer than 16 features, else 0.

    Raises ValueError if all rows are the same, so that there is nothing to cluster, or so far
    apart that their distances are beyond float64.
    """
    # A power of two brings the largest entry near 1, so that no square overflows.
    peak = float(max(abs(float(X.max())), abs(float(X.min()))))
    unit = 2.0 ** -max(math.frexp(peak)[1], -1000)
    weight = np.full(len(X), 1 / len(X)) if sample_weight is None else sample_weight.astype(float)
    weight = weight / weight.sum()
    # From the first row, as differences are small beside features far from 0.
    origin = X[0].astype(np.float64) * unit
    (away,) = _sums(X, weight, unit, origin, lambda w, block: (w @ block,))
    mean = origin + away

    def distances(w: np.ndarray, block: np.ndarray) -> tuple[Any, ...]:
        squares = np.einsum("ij,ij->i", block, block)
        return w @ squares, w @ np.sqrt(squares)

    square, length = _sums(X, weight, unit, mean, distances)
    scale = math.sqrt(square)
    # Rounding in their sum leaves equal rows this far from their mean.
    if scale <= len(X) * np.finfo(np.float64).eps * float(np.linalg.norm(mean)) or scale == 0:
        raise ValueError(
            f"X has constant features: its n_samples={len(X)} rows are all the same point, so "
            "there is nothing to cluster."
        )
    if scale > HEAVY_TAILS * length:
        mean, scale = _geometric_median(X, weight, unit, mean)
    if softening is None:
        softening = SOFTENING if X.shape[1] < FEW_FEATURES else 0.0
    softening *= scale
    if not math.isfinite(math.hypot(scale, softening) / unit):
        raise ValueError("X has values too large for float64: its rows are more than 1e308 apart.")
    return Normalisation((mean / unit).astype(X.dtype), scale / unit, softening / unit)


def _sums(
    X: np.ndarray,
    weight: np.ndarray,
    unit: float,
    centre: np.ndarray,
    measure: Callable[[np.ndarray, np.ndarray], tuple[Any, ...]],
) -> list[Any]:
    """Sum what a function makes of weights and rows in float64, times the unit, less the centre."""
    totals: list[Any] = []
    size = min(_BLOCK_ROWS, max(1, _BLOCK_ENTRIES // X.shape[1]))
    for rows in gen_batches(len(X), size):
        block = X[rows].astype(np.float64)
        block *= unit
        block -= centre
        found = measure(weight[rows], block)
        totals = [a + b for a, b in zip(totals, found, strict=True)] if totals else [*found]
    return totals


def _geometric_median(
    X: np.ndarray, weight: np.ndarray, unit: float, start: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the point of least mean distance, by Weiszfeld's steps, and a scale around it.

    The scale is the geometric mean of the distances, for which far rows count little.
    """

    def pulls(w: np.ndarray, block: np.ndarray) -> tuple[Any, ...]:
        distances = np.linalg.norm(block, axis=1)
        lengths = np.maximum(distances, NO_DISTANCE)
        # Most rows may be the same, and the centre, up to the last step.
        is_apart = w * (distances > max(NO_DISTANCE, MEDIAN_TOL * scale))
        return (w / lengths) @ block, w @ (1 / lengths), is_apart @ np.log(lengths), is_apart.sum()

    centre, scale, is_there = start, 0.0, False
    for _ in range(MEDIAN_STEPS):
        step, total, log_scale, apart = _sums(X, weight, unit, centre, pulls)
        step, scale = step / total, math.exp(log_scale / apart)
        centre = centre + step
        was_there, is_there = is_there, bool(np.linalg.norm(step) < MEDIAN_TOL * scale)
        if was_there and is_there:  # the scale is that around the last centre
            break
    return centre, scale
