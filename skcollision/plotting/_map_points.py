"""What a map of clusters is drawn from: places, names and certainties of points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.decomposition import PCA
from sklearn.utils import check_array

from skcollision.metrics._validation import check_labels

Coordinates = tuple[np.ndarray, tuple[str, str]]


def coordinates_of(X: Any, coordinates: ArrayLike | None, caller: str) -> Coordinates:
    """Return places on a map, of shape (n_samples, 2), and what its axes are.

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


def certainty_of(estimator: Any, X: Any) -> np.ndarray | None:
    """Return the largest probability of each point, or None for a clusterer without any."""
    if not hasattr(estimator, "predict_proba"):
        return None
    return np.asarray(estimator.predict_proba(X)).max(axis=1)


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
