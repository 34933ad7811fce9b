"""Losses and entropies of soft labels and predictions, on torch tensors of logits, in nats."""

from skcollision.losses._collision import CollisionCrossEntropyLoss, collision_cross_entropy
from skcollision.losses._entropy import collision_entropy, marginal_entropy, shannon_entropy
from skcollision.losses._fairness import FairnessDivergenceLoss, fairness_divergence
from skcollision.losses._mutual_information import MutualInformationLoss, mutual_information_loss
from skcollision.losses._shannon import SoftCrossEntropyLoss, soft_cross_entropy

__all__ = [
    "CollisionCrossEntropyLoss",
    "FairnessDivergenceLoss",
    "MutualInformationLoss",
    "SoftCrossEntropyLoss",
    "collision_cross_entropy",
    "collision_entropy",
    "fairness_divergence",
    "marginal_entropy",
    "mutual_information_loss",
    "shannon_entropy",
    "soft_cross_entropy",
]
