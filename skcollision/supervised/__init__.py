"""Linear classifiers that learn from soft, noisy or few labels."""

from skcollision.supervised._estimators import (
    CollisionClassifier,
    SemiSupervisedCollisionClassifier,
)

__all__ = ["CollisionClassifier", "SemiSupervisedCollisionClassifier"]
