"""Rows that classifiers train on: some of them, or points beside their neighbourhoods."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from skcollision.engine import NormalisedRows

# Length of a neighbourhood's features in units of the point's: the longer, the more a model relies
# on them.
SCALE = 0.5


class SideBySide:
    """Features of points, and after them those of their neighbourhoods, shortened.

    Where labels are few a model can rely on neighbourhoods, which vary less, where they are many on
    what neighbours blur.
    """

    def __init__(self, points: NormalisedRows, neighbourhoods: Tensor) -> None:
        self._points, self._neighbourhoods = points, neighbourhoods
        self.shape = len(points), points.shape[1] + neighbourhoods.shape[1]
        self.dtype, self.device = points.dtype, points.device

    def __len__(self) -> int:
        return len(self._points)

    def __getitem__(self, rows: np.ndarray) -> Tensor:
        return torch.cat([self._points[rows], SCALE * self._neighbourhoods[rows]], 1)


class Chosen:
    """Some rows of features."""

    def __init__(self, features: NormalisedRows | SideBySide, rows: np.ndarray) -> None:
        self._features, self._rows = features, rows
        self.shape = len(rows), features.shape[1]
        self.dtype, self.device = features.dtype, features.device

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: np.ndarray) -> Tensor:
        return self._features[self._rows[rows]]
