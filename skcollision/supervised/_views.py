"""Points beside their neighbourhoods."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from skcollision.engine import FeatureSource, LinearHeads
from skcollision.engine._batches import RowAccess
from skcollision.engine._features import BLOCK_ROWS

# Length of the second view in units of the first: the longer, the more a model relies on it.
SCALE = 0.5


class SideBySide(RowAccess):
    """Features of points, and after them those of their neighbourhoods, shortened.

    Where labels are few a model can rely on neighbourhoods, which vary less, where they are many on
    what neighbours blur.

    Parameters
    ----------
    points : FeatureSource
        Features of N points.
    neighbourhoods : RowAccess
        Features of the neighbourhoods of the same points.
    """

    def __init__(self, points: FeatureSource, neighbourhoods: RowAccess) -> None:
        self._points = points
        self._neighbourhoods = neighbourhoods
        self.n_samples, self.device = points.n_samples, points.device
        self.n_features = self.batch(slice(0, 1)).shape[1]

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the batches."""
        return self._points.dtype

    def batch(self, rows: np.ndarray | slice) -> Tensor:
        """Return both features of the given rows side by side."""
        return torch.cat([self._points.batch(rows), SCALE * self._neighbourhoods.batch(rows)], 1)


@torch.no_grad()
def soft_predictions(heads: LinearHeads, features: RowAccess) -> np.ndarray:
    """Return the probabilities (N, K) that the first restart gives all points."""
    starts = range(0, features.n_samples, BLOCK_ROWS)
    blocks = (features.batch(slice(start, start + BLOCK_ROWS)) for start in starts)
    return np.concatenate([heads(block)[0].softmax(1).cpu().numpy() for block in blocks])
