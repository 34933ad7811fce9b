"""Clustering of embeddings with the collision cross-entropy."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skcollision.blocks import FeatureBlocks
    from skcollision.cluster import (
        PAPER_RECIPE,
        CollisionClusterer,
        MIADMClusterer,
        MutualInfoClusterer,
        SeLaClusterer,
        ShannonClusterer,
    )
    from skcollision.deep import DeepClusterer, SemiSupervisedDeepClassifier
    from skcollision.features import ImageEmbedder
    from skcollision.supervised import CollisionClassifier, SemiSupervisedCollisionClassifier

__version__ = "0.1.0.dev0"

__all__ = [
    "PAPER_RECIPE",
    "CollisionClassifier",
    "CollisionClusterer",
    "DeepClusterer",
    "FeatureBlocks",
    "ImageEmbedder",
    "MIADMClusterer",
    "MutualInfoClusterer",
    "SeLaClusterer",
    "SemiSupervisedCollisionClassifier",
    "SemiSupervisedDeepClassifier",
    "ShannonClusterer",
    "__version__",
]


def __getattr__(name: str) -> Any:
    # At the first use only: torch and scikit-learn take seconds to import, --help needs neither.
    for package in ("blocks", "cluster", "supervised", "features", "deep"):
        if name in __all__ and hasattr(module := import_module(f"{__name__}.{package}"), name):
            return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
