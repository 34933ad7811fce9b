"""Decision regions on a map of the plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

_RESOLUTION = 200
_MARGIN = 0.04
_N_NEIGHBORS = 15


@dataclass(frozen=True)
class MapRegions:
    """Cluster and certainty at each point of a regular grid.

    Attributes
    ----------
    extent : tuple of float
        Left, right, bottom and top of the map.
    labels : ndarray of shape (n_rows, n_columns) of str
        Name of the cluster of each cell, from the bottom up.
    certainty : ndarray of shape (n_rows, n_columns), float64
        From 0 to 1.
    """

    extent: tuple[float, float, float, float]
    labels: np.ndarray
    certainty: np.ndarray


def regions_of_estimator(estimator: Any, X: Any, coordinates: np.ndarray) -> MapRegions:
    """Ask a clusterer of two features for its own regions."""
    extent, grid = _grid(coordinates)
    points = grid.astype(coordinates.dtype)
    # A frame again, if X was one: estimators warn of columns that have lost their names.
    frame = (
        type(X)(dict(zip(X.columns, points.T, strict=True))) if hasattr(X, "columns") else points
    )
    labels = np.asarray(estimator.predict(frame)).astype(str)
    certainty = np.ones(len(labels))
    if hasattr(estimator, "predict_proba"):
        certainty = np.asarray(estimator.predict_proba(frame)).max(axis=1)
    shape = (_RESOLUTION, _RESOLUTION)
    return MapRegions(extent, labels.reshape(shape), certainty.reshape(shape))


def regions_of_neighbors(
    coordinates: np.ndarray, labels: np.ndarray, certainty: np.ndarray | None
) -> MapRegions:
    """Give each place on the map to the cluster that most of the nearest points are in.

    Each of 15 neighbours votes with its certainty; the winner's share is the place's certainty.
    It fades away from the points.
    """
    extent, grid = _grid(coordinates)
    names, index = np.unique(labels, return_inverse=True)
    weight = np.ones(len(labels)) if certainty is None else certainty
    scale = np.maximum(coordinates.std(axis=0), np.finfo(np.float64).tiny)
    n_neighbors = min(_N_NEIGHBORS, len(labels))
    search = NearestNeighbors(n_neighbors=n_neighbors).fit(coordinates / scale)
    distance, nearest = search.kneighbors(grid / scale)
    votes = np.zeros((len(grid), len(names)))
    np.add.at(votes, (np.arange(len(grid))[:, None], index[nearest]), weight[nearest])
    shape = (_RESOLUTION, _RESOLUTION)
    share = votes.max(axis=1) / n_neighbors
    # Away from the points the vote says nothing: it fades with the distance of the last neighbour,
    # once that is beyond what it is for nearly all points themselves.
    reach = np.quantile(search.kneighbors(coordinates / scale)[0][:, -1], 0.95)
    share *= np.clip(reach / np.maximum(distance[:, -1], np.finfo(np.float64).tiny), 0, 1) ** 2
    return MapRegions(extent, names[votes.argmax(axis=1)].reshape(shape), share.reshape(shape))


def _grid(coordinates: np.ndarray) -> tuple[tuple[float, float, float, float], np.ndarray]:
    """Return the extent of a map and the centres of its cells, row by row from the bottom."""
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    margin = np.where(high > low, _MARGIN * (high - low), 1.0)
    low, high = low - margin, high + margin
    steps = (np.arange(_RESOLUTION) + 0.5) / _RESOLUTION
    x, y = (low + steps[:, None] * (high - low)).T
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return (float(low[0]), float(high[0]), float(low[1]), float(high[1])), grid
