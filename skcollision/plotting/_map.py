"""What a map of clusters is made of: places, names, colours and regions."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array

from skcollision.metrics._validation import check_labels
from skcollision.plotting._display import PALETTE, certainty_of

NOISE: Final = "#d0d0d0"
# Cells of the regions in either direction, and the margin around the points as a share of the map.
_RESOLUTION, _MARGIN = 200, 0.04
_N_NEIGHBORS = 15
_TINY = np.finfo(np.float64).tiny


class MapRegions(NamedTuple):
    """Cluster and certainty of each cell of a regular grid, rows from the bottom up."""

    extent: tuple[float, ...]  # left, right, bottom, top
    labels: np.ndarray
    certainty: np.ndarray


def coordinates_of(
    X: Any, coordinates: ArrayLike | None, caller: str
) -> tuple[np.ndarray, tuple[str, str]]:
    """Return places on a map and the names of its axes.

    They are those given, or X itself if it has two features, or else its principal components.
    """
    if coordinates is not None:
        return check_coordinates(coordinates, caller), ("", "")
    try:
        data = check_array(X, accept_sparse=True, allow_nd=True, ensure_min_samples=2)
        data = data.reshape(len(data), -1) if data.ndim > 2 else data
        if data.shape[1] == 2:
            names = [str(name) for name in getattr(X, "columns", ("feature 0", "feature 1"))]
            return check_coordinates(data, caller), (names[0], names[1])
        pca = PCA(n_components=2, random_state=0)
        points = pca.fit_transform(data)
    except ValueError as error:
        raise ValueError(
            f"The 'X' parameter of {caller} must be numbers with two features or more unless "
            f"'coordinates' are given: {error}"
        ) from None
    shares = np.nan_to_num(pca.explained_variance_ratio_)
    first, second = (f"{100 * share:.0f} % of variance" for share in shares)
    return points, (f"1st principal component ({first})", f"2nd principal component ({second})")


def check_coordinates(coordinates: ArrayLike, caller: str) -> np.ndarray:
    """Return finite float64 coordinates of shape (n_samples, 2)."""
    try:
        points = np.asarray(coordinates, dtype=np.float64)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points) or not np.isfinite(points).all():
        raise ValueError(
            f"The 'coordinates' parameter of {caller} must be finite numbers of shape "
            f"(n_samples, 2). Got {coordinates!r} instead."
        )
    return points


def as_names(labels: ArrayLike, caller: str) -> np.ndarray:
    """Return the name of each point's cluster, a string."""
    checked = check_labels(labels, "labels", caller)
    return (checked.astype(np.int64) if checked.dtype.kind == "f" else checked).astype(str)


def sorted_names(labels: np.ndarray) -> list[str]:
    """Return the distinct names of clusters, numbers by value, without noise."""
    names = set(np.unique(labels).tolist()) - {"-1"}
    return sorted(names, key=lambda name: (not name.isdigit(), len(name) * name.isdigit(), name))


def cluster_colors(labels: np.ndarray, coordinates: np.ndarray) -> dict[str, str]:
    """Give each cluster a colour; "-1", which is scikit-learn's name for noise, is grey.

    Once the palette is used up, a cluster repeats the colour that is farthest away on the map.
    """
    scale = np.maximum(coordinates.std(axis=0), _TINY)
    colors, centers = {"-1": NOISE}, np.empty((0, 2))
    bearers = np.empty(0, dtype=int)
    for name in sorted_names(labels):
        center = np.median(coordinates[labels == name] / scale, axis=0)
        distance = np.linalg.norm(centers - center, axis=1)
        nearest = [distance[bearers == i].min(initial=np.inf) for i in range(len(PALETTE))]
        choice = int(np.argmax(nearest))
        colors[name] = PALETTE[choice]
        centers, bearers = np.vstack([centers, center]), np.append(bearers, choice)
    return colors


def rgba(
    names: np.ndarray,
    certainty: np.ndarray,
    colors: Mapping[str, Any],
    opacity: tuple[float, float],
) -> np.ndarray:
    """Return colours with four channels; certainties 0 and 1 have the opacities given."""
    from matplotlib.colors import to_rgba

    distinct, index = np.unique(names, return_inverse=True)
    result = np.array([to_rgba(colors[name]) for name in distinct])[index.reshape(names.shape)]
    result[..., 3] = opacity[0] + (opacity[1] - opacity[0]) * np.clip(certainty, 0, 1)
    return result


def regions_of_estimator(estimator: Any, X: Any, coordinates: np.ndarray) -> MapRegions:
    """Return the regions of a clusterer of two features."""
    extent, grid = _grid(coordinates)
    points: Any = grid.astype(coordinates.dtype)
    if hasattr(X, "columns"):  # estimators warn of columns that have lost their names
        points = type(X)(dict(zip(X.columns, points.T, strict=True)))
    labels = np.asarray(estimator.predict(points)).astype(str)
    certainty = certainty_of(estimator, points)
    return _regions(extent, labels, np.ones(len(labels)) if certainty is None else certainty)


def regions_of_neighbors(
    coordinates: np.ndarray, labels: np.ndarray, certainty: np.ndarray | None
) -> MapRegions:
    """Give each place on the map to the cluster that most of the nearest points are in.

    Each of 15 neighbours votes with its certainty; the winner's share is the place's certainty.
    """
    extent, grid = _grid(coordinates)
    names, index = np.unique(labels, return_inverse=True)
    weight = np.ones(len(labels)) if certainty is None else certainty
    scale = np.maximum(coordinates.std(axis=0), _TINY)
    n_neighbors = min(_N_NEIGHBORS, len(labels))
    search = NearestNeighbors(n_neighbors=n_neighbors).fit(coordinates / scale)
    distance, nearest = search.kneighbors(grid / scale)
    votes = np.zeros((len(grid), len(names)))
    np.add.at(votes, (np.arange(len(grid))[:, None], index[nearest]), weight[nearest])
    share = votes.max(axis=1) / n_neighbors
    # Away from the points the vote says nothing: it fades with the distance of the last neighbour,
    # once that is beyond what it is for nearly all points themselves.
    reach = np.quantile(search.kneighbors(coordinates / scale)[0][:, -1], 0.95)
    share *= np.clip(reach / np.maximum(distance[:, -1], _TINY), 0, 1) ** 2
    return _regions(extent, names[votes.argmax(axis=1)], share)


def _grid(coordinates: np.ndarray) -> tuple[tuple[float, ...], np.ndarray]:
    """Return the extent of a map and the centres of its cells, row by row from the bottom."""
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    margin = np.where(high > low, _MARGIN * (high - low), 1.0)
    low, high = low - margin, high + margin
    steps = (np.arange(_RESOLUTION) + 0.5) / _RESOLUTION
    x, y = (low + steps[:, None] * (high - low)).T
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return tuple(np.stack([low, high], axis=1).ravel().tolist()), grid


def _regions(extent: tuple[float, ...], labels: np.ndarray, certainty: np.ndarray) -> MapRegions:
    shape = (_RESOLUTION, _RESOLUTION)
    return MapRegions(extent, labels.reshape(shape), certainty.reshape(shape))
