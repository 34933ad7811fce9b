"""Clustering of images: a network and its clusters trained together."""

from skcollision.deep._estimators import DeepClusterer, SemiSupervisedDeepClassifier
from skcollision.deep._network import VGG4
from skcollision.deep._views import VirtualAdversary

__all__ = ["VGG4", "DeepClusterer", "SemiSupervisedDeepClassifier", "VirtualAdversary"]
