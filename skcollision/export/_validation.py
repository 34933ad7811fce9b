"""What can be exported."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from skcollision.cluster import BaseSelfLabellingClusterer


def check_fitted_clusterer(clusterer: Any, caller: str) -> None:
    """Raise unless `clusterer` is a fitted linear clusterer of this package."""
    if not isinstance(clusterer, BaseSelfLabellingClusterer):
        raise TypeError(
            f"The 'clusterer' parameter of {caller} must be a linear clusterer of skcollision, "
            f"such as CollisionClusterer. Got {type(clusterer).__name__} instead. Of a pipeline, "
            "pass the last step."
        )
    check_is_fitted(clusterer)
