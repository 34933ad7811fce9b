"""Clustering of images: a network and its clusters trained together."""

from skcollision.deep._clusterer import DeepClusterer
from skcollision.deep._network import VGG4
from skcollision.deep._samples import VirtualAdversary
from skcollision.deep._semi_supervised import SemiSupervisedDeepClassifier

__all__ = ["VGG4", "DeepClusterer", "SemiSupervisedDeepClassifier", "VirtualAdversary"]
