"""What can be exported."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from skcollision.cluster import BaseSelfLabellingClusterer
from skcollision.supervised import CollisionClassifier, SemiSupervisedCollisionClassifier

Linear = BaseSelfLabellingClusterer | CollisionClassifier | SemiSupervisedCollisionClassifier


def check_fitted(model: Any, caller: str) -> None:
    """Raise unless `model` is a fitted linear clusterer or classifier of this package."""
    if not isinstance(model, Linear):
        raise TypeError(
            f"The 'model' parameter of {caller} must be a linear clusterer or classifier of "
            f"skcollision, such as CollisionClusterer. Got {type(model).__name__} instead. Of a "
            "pipeline, pass the last step."
        )
    check_is_fitted(model)
