"""Clustering criteria: what a method minimises, apart from how and on what hardware.

A criterion maps the logits of a stack of restarts, and the pseudo-labels it solves for, to one loss
a restart. The engine trains any of them; adding a method is one file here.
"""

from skcollision.criteria._base import ClusteringCriterion, PseudoLabels
from skcollision.criteria._collision import CollisionCriterion

__all__ = ["ClusteringCriterion", "CollisionCriterion", "PseudoLabels"]
