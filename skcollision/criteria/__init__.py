"""Clustering criteria: what a method minimises, apart from how and on what hardware.

A criterion maps the logits of a stack of restarts, and the pseudo-labels it solves for, to one loss
a restart. The engine trains any of them; adding a method is one class here.
"""

from skcollision.criteria._base import ClusteringCriterion, PseudoLabels
from skcollision.criteria._predictions import (
    IICCriterion,
    IMSATCriterion,
    MutualInformationCriterion,
    SCANCriterion,
    SureLabelsCriterion,
)
from skcollision.criteria._self_labelling import (
    CollisionCriterion,
    MIADMCriterion,
    SeLaCriterion,
    SelfLabellingCriterion,
    ShannonCriterion,
)

__all__ = [
    "ClusteringCriterion",
    "CollisionCriterion",
    "IICCriterion",
    "IMSATCriterion",
    "MIADMCriterion",
    "MutualInformationCriterion",
    "PseudoLabels",
    "SCANCriterion",
    "SeLaCriterion",
    "SelfLabellingCriterion",
    "ShannonCriterion",
    "SureLabelsCriterion",
]
