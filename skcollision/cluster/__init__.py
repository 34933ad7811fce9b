"""Linear clusterers of feature matrices."""

from skcollision.cluster._base import BaseSelfLabellingClusterer
from skcollision.cluster._collision import PAPER_RECIPE, CollisionClusterer

__all__ = ["PAPER_RECIPE", "BaseSelfLabellingClusterer", "CollisionClusterer"]
