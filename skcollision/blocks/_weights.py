"""Weights of rows, laid end to end on a line that points are drawn on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Place(NamedTuple):
    """Where a part of the rows lies: how many are before it, and its first row."""

    number: int
    first: int


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


class PartedWeight:
    """Weights in parts that are not all here, in a column of such rows: see `Weights`."""

    def __init__(self, column: Any) -> None:
        self.column = column

        def figures(place: Place, block: np.ndarray) -> np.ndarray:
            weights = Weights(block[:, 0])
            return np.array([[weights.n_used, weights.total]])

        self._used, masses = column.gather(figures, np.empty((0, 2)), column.ones).T
        self._ends = np.cumsum(masses)
        self.n_used, self.total = int(self._used.sum()), float(self._ends[-1])

    def used(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that have weight, and it."""

        def of_part(place: Place, block: np.ndarray) -> np.ndarray:
            rows, weight = Weights(block[:, 0]).used()
            return np.column_stack([place.first + rows, weight])

        rows, weight = self.column.gather(of_part, np.empty((0, 2)), self._used).T
        return rows.astype(np.int64), weight

    def rows_at(self, positions: np.ndarray) -> np.ndarray:
        """Return the rows whose weights lie at rising positions from 0 to the total."""
        positions = np.minimum(positions, np.nextafter(self.total, 0))
        starts = np.r_[0.0, self._ends[:-1]]
        parts = np.split(positions, np.searchsorted(positions, starts[1:]))

        def of_part(place: Place, block: np.ndarray) -> np.ndarray:
            number = place.number
            weights = Weights(block[:, 0])
            return place.first + weights.rows_at(parts[number] - starts[number])

        return self.column.gather(of_part, np.empty(0, np.int64), list(map(len, parts)))


def largest_weight(extremes: np.ndarray) -> float:
    """Return the largest of weights that lie in parts, if they can be weights by their extremes."""
    from sklearn.utils.validation import _check_sample_weight  # the command line is quick without

    # It has words for all that can be wrong.
    _check_sample_weight(extremes, extremes, dtype=np.float64, ensure_non_negative=True)
    if extremes[1] == 0:
        raise ValueError("'sample_weight' is zero for all points.")
    return float(extremes[1])
