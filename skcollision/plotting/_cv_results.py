"""Scores over two parameters, out of the `cv_results_` of a search."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np


def parameter_column(cv_results: Mapping[str, Any], name: str, caller: str) -> str:
    """Return the key of a parameter; steps of a pipeline may be left out of its name."""
    wanted = [f"param_{name}", name]
    keys = [key for key in wanted if key in cv_results]
    keys = keys or [key for key in cv_results if key.endswith(f"__{name}")]
    if len(keys) != 1:
        have = [key.removeprefix("param_") for key in cv_results if key.startswith("param_")]
        raise ValueError(
            f"The parameters of {caller} must be among those searched, {have}. "
            f"Got {name!r} instead."
        )
    return keys[0]


def searched_parameters(cv_results: Mapping[str, Any]) -> list[str]:
    """Return the names of the parameters that took several values."""
    columns = {key: cv_results[key] for key in cv_results if key.startswith("param_")}
    return [
        key.removeprefix("param_") for key, column in columns.items() if len(levels(column)) > 1
    ]


def levels(column: Any) -> list[Any]:
    """Return the distinct values: numbers by size, others in order of appearance."""
    distinct = {_key(value): value for value in _values(column)}
    values = list(distinct.values())
    if all(isinstance(value, Real) for value in values):
        return sorted(values)
    return values


def best_of_cells(
    cv_results: Mapping[str, Any], score: np.ndarray, columns: list[Any], grids: list[list[Any]]
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return the candidate to show in each cell, by its row of the results, and the best cell.

    It is the one of the best score over the parameters that are not on an axis; -1 for none. Of a
    halving search, only the last iteration of a cell counts, and the best cell is one of those that
    reached the last of all: scores from fewer points cannot be compared.
    """
    candidates = np.full([len(grid) for grid in grids], -1)
    iteration = np.asarray(cv_results.get("iter", np.zeros(len(score))))
    rank = list(zip(iteration.tolist(), score.tolist(), strict=True))
    places = [{_key(value): i for i, value in enumerate(grid)} for grid in grids]
    cells = zip(*(_values(column) for column in columns), strict=True)
    for row, values in enumerate(cells):
        if not np.isfinite(score[row]):
            continue
        cell = tuple(place[_key(value)] for place, value in zip(places, values, strict=True))
        rival = candidates[cell]
        if rival < 0 or rank[row] > rank[rival]:
            candidates[cell] = row
    filled = np.argwhere(candidates >= 0).tolist()
    best = max(map(tuple, filled), key=lambda cell: rank[candidates[cell]], default=())
    return candidates, best


def level_name(value: Any) -> str:
    """Return a short name of a parameter's value."""
    if isinstance(value, Real) and not isinstance(value, bool):
        return f"{value:.4g}"
    text = str(value)
    return text if len(text) <= 24 else f"{text[:23]}…"


def _values(column: Any) -> list[Any]:
    """Return the values of a parameter; a candidate of another grid may have none."""
    # The None keeps NumPy from making one type of mixed values.
    array = column if isinstance(column, np.ndarray) else np.array([*column, None], object)[:-1]
    return np.ma.filled(array.astype(object), "(not set)").tolist()


def _key(value: Any) -> Any:
    """Return something hashable by which values are told apart; 1 and True are two."""
    return (type(value).__name__ if isinstance(value, (bool, str)) else "", str(value))
