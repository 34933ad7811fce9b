"""What any fitted clusterer says of points, be it in a pipeline, in a search or alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import _num_samples, check_is_fitted


def final_estimator(estimator: Any) -> Any:
    """Return the fitted clusterer itself: the last step of a pipeline, the best of a search."""
    check_is_fitted(estimator)
    if isinstance(estimator, Pipeline):
        return final_estimator(estimator[-1])
    if hasattr(estimator, "best_estimator_"):
        return final_estimator(estimator.best_estimator_)
    return estimator


def predicted_labels(estimator: Any, X: ArrayLike, caller: str) -> np.ndarray:
    """Return the cluster of each point, from `predict` or else the `labels_` of the fit."""
    check_is_fitted(estimator)
    if hasattr(estimator, "predict"):
        return np.asarray(estimator.predict(X))
    labels = getattr(final_estimator(estimator), "labels_", None)
    if labels is None:
        raise TypeError(
            f"The 'estimator' parameter of {caller} must have the method 'predict' or the "
            f"attribute 'labels_'. Got {estimator!r} instead."
        )
    if len(labels) != _num_samples(X):
        raise ValueError(
            f"The 'X' parameter of {caller} must be the {len(labels)} points to which "
            f"{type(estimator).__name__} was fitted, as it has no 'predict'. "
            f"Got {_num_samples(X)} points instead."
        )
    return np.asarray(labels)


def predicted_proba(estimator: Any, X: ArrayLike, caller: str) -> np.ndarray:
    """Return the soft assignments of points."""
    check_is_fitted(estimator)
    if not hasattr(estimator, "predict_proba"):
        raise TypeError(
            f"The 'estimator' parameter of {caller} must have the method 'predict_proba', as "
            "CollisionClusterer has; from_predictions takes soft assignments made in another way. "
            f"Got {estimator!r} instead."
        )
    return np.asarray(estimator.predict_proba(X))


def certainty_of(estimator: Any, X: Any) -> np.ndarray | None:
    """Return the largest probability of each point; None without `predict_proba`."""
    if not hasattr(estimator, "predict_proba"):
        return None
    return np.asarray(estimator.predict_proba(X)).max(axis=1)
