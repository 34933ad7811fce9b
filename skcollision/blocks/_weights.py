"""Weights of rows, laid end to end on a line that points are drawn on."""

from __future__ import annotations

import numpy as np


class Weights:
    """Weights of some rows, of which those of 0 take no part."""

    def __init__(self, weight: np.ndarray) -> None:
        self._rows = np.flatnonzero(weight)
        self._weight = weight[self._rows]
        self._ends = np.cumsum(self._weight)
        self.n_used = len(self._rows)
        self.total = float(self._ends[-1]) if self.n_used else 0.0

    def used(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that have weight, and it."""
        return self._rows, self._weight

    def rows_at(self, positions: np.ndarray) -> np.ndarray:
        """Return the rows whose weights lie at positions from 0 to the total."""
        drawn = np.searchsorted(self._ends, positions, side="right")
        return self._rows[np.minimum(drawn, self.n_used - 1)]
