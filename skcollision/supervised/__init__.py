"""Linear classifiers that learn from soft, noisy or few labels."""

from skcollision.supervised._classifier import CollisionClassifier
from skcollision.supervised._semi_supervised import SemiSupervisedCollisionClassifier

__all__ = ["CollisionClassifier", "SemiSupervisedCollisionClassifier"]
