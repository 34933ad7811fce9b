"""IIC: invariant information clustering."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from skcollision.criteria._base import ClusteringCriterion, Prior, PseudoLabels, Weights
from skcollision.losses._common import divergence, entropy, proportions, safe_log, softmax


@dataclass(frozen=True)
class IICCriterion(ClusteringCriterion):
    """Mutual information between the clusters of a point and of its second view.

    With the joint distribution P = mean_i (σ_i σ'_iᵀ + σ'_i σ_iᵀ) / 2 of both clusters and its
    marginal p, it minimises

        H(P) - ln K + 2 fairness_weight KL(p‖u) ,

    at weight 1 and uniform u the authors' -I(P), plus the constant ln K. Without a second view σ'
    is σ.

    Parameters
    ----------
    fairness_weight : float, default=1.0
        Weight of the fairness of the marginal, the authors' lambda.
    prior : ndarray of shape (K,) or None
        Target proportions u; None for uniform ones.

    References
    ----------
    X. Ji, J. F. Henriques and A. Vedaldi, "Invariant Information Clustering for Unsupervised Image
    Classification and Segmentation", ICCV 2019.

    Examples
    --------
    >>> import torch
    >>> from skcollision.criteria import IICCriterion
    >>> logits = torch.tensor([[[99.0, 0.0], [0.0, 99.0]]])  # one restart, two points
    >>> IICCriterion().pair_loss(logits, logits, None, None).round(decimals=3)
    tensor([0.])
    >>> IICCriterion().pair_loss(logits, logits.flip(1), None, None).round(decimals=3)
    tensor([0.])
    >>> IICCriterion().pair_loss(logits, 0 * logits, None, None)  # ln 2: views share nothing
    tensor([0.6931])
    """

    fairness_weight: float = 1.0
    prior: Prior = None

    def loss(self, logits: Tensor, solved: PseudoLabels | None, sample_weight: Weights) -> Tensor:
        """Each point is its own second view."""
        return self.pair_loss(logits, logits, solved, sample_weight)

    def pair_loss(
        self, logits: Tensor, view: Tensor, solved: PseudoLabels | None, sample_weight: Weights
    ) -> Tensor:
        """Entropy of the joint distribution and fairness of its marginal."""
        probs, of_view = softmax(logits), softmax(view)
        share = torch.ones_like(probs[0, :, 0]) if sample_weight is None else sample_weight
        joint = (probs * (share / share.sum())[:, None]).transpose(1, 2) @ of_view
        joint = (joint + joint.transpose(1, 2)) / 2
        marginal = joint.sum(2)
        fairness = divergence(marginal, proportions(self.prior, marginal))
        lack = entropy(joint, safe_log(joint)).sum(1) - math.log(logits.shape[2])
        return lack + 2 * self.fairness_weight * fairness
