"""Losses and entropies of soft labels and predictions, on torch tensors of logits, in nats."""

from skcollision.losses._cross_entropy import collision_cross_entropy, soft_cross_entropy
from skcollision.losses._modules import (
    CollisionCrossEntropyLoss,
    FairnessDivergenceLoss,
    MutualInformationLoss,
    SoftCrossEntropyLoss,
)
from skcollision.losses._predictions import (
    collision_entropy,
    fairness_divergence,
    marginal_entropy,
    mutual_information_loss,
    shannon_entropy,
)

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
