"""The points of each cluster, by certainty."""

import numpy as np
from numpy.typing import ArrayLike

from skcollision._errors import check_positive
from skcollision.metrics._calibration import check_proba


def representative_points(y_proba: ArrayLike, n_points: int = 5) -> list[np.ndarray]:
    """Find the points that stand best for each cluster: the most certain ones.

    A point is in its most probable cluster, and that probability is its certainty.

    Parameters
    ----------
    y_proba : array-like of shape (n_samples, n_clusters)
        Probability of each cluster, as `predict_proba` gives it; rows sum to 1.
    n_points : int, default=5
        Most points of a cluster.

    Returns
    -------
    list of n_clusters ndarray of int
        Indices of points, the most certain first; none for an empty cluster.

    Raises
    ------
    ValueError
        If `y_proba` is not one distribution a row, or `n_points` is not a positive integer.

    Examples
    --------
    >>> from skcollision.inspection import representative_points
    >>> y_proba = [[0.6, 0.4], [0.9, 0.1], [0.2, 0.8]]
    >>> [points.tolist() for points in representative_points(y_proba)]
    [[1, 0], [2]]
    """
    return [points[:n_points] for points in _checked(y_proba, n_points, "representative_points")]


def doubtful_points(y_proba: ArrayLike, n_points: int = 5) -> list[np.ndarray]:
    """Find the points of each cluster that are most likely to be wrong: the least certain ones.

    Parameters
    ----------
    y_proba, n_points
        As in :func:`representative_points`.

    Returns
    -------
    list of n_clusters ndarray of int
        Indices of points, the least certain first; none for an empty cluster. In a small cluster
        they may be among the representative ones.

    Raises
    ------
    ValueError
        As :func:`representative_points`.

    Examples
    --------
    >>> from skcollision.inspection import doubtful_points
    >>> y_proba = [[0.6, 0.4], [0.9, 0.1], [0.2, 0.8]]
    >>> [points.tolist() for points in doubtful_points(y_proba, n_points=1)]
    [[0], [2]]
    """
    return [points[::-1][:n_points] for points in _checked(y_proba, n_points, "doubtful_points")]


def _checked(y_proba: ArrayLike, n_points: int, caller: str) -> list[np.ndarray]:
    check_positive(n_points, "n_points", caller)
    return by_certainty(check_proba(y_proba, caller))


def by_certainty(probs: np.ndarray) -> list[np.ndarray]:
    """Return the indices of each cluster's points, certainty falling."""
    order = np.argsort(-probs.max(axis=1), kind="stable")
    cluster = probs.argmax(axis=1)[order]
    return [order[cluster == k] for k in range(probs.shape[1])]
