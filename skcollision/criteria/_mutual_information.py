"""Mutual information: of points and clusters, eq. (1) of arXiv 2303.07321, and of two views."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from skcollision.criteria._base import (
    ClusteringCriterion,
    Prior,
    PseudoLabels,
    Weights,
    prediction_fairness,
    weighted_mean,
)
from skcollision.losses import shannon_entropy, soft_cross_entropy
from skcollision.losses._common import divergence, entropy, proportions, safe_log, softmax


@dataclass(frozen=True)
class MutualInformationCriterion(ClusteringCriterion):
    """Confident and fair predictions, without pseudo-labels.

    Minimises mean_i H(σ_i) + fairness_weight KL(σ̄‖u). For uniform u that is eq. (1),
    mean_i H(σ_i) - w H(σ̄), plus the constant w ln K; at w = 1 it is minus the mutual information of
    point and cluster, which is why the method is also called regularised information maximisation.

    Parameters
    ----------
    fairness_weight : float, default=1.3
        Weight w of the fairness of the predictions; 1.3 in the paper's experiments.
    prior : ndarray of shape (K,) or None
        Target proportions u; None for uniform ones.

    References
    ----------
    J. Bridle, A. Heading and D. MacKay, "Unsupervised Classifiers, Mutual Information and 'Phantom
    Targets'", NIPS 1991. R. Gomes, A. Krause and P. Perona, "Discriminative Clustering by
    Regularized Information Maximization", NIPS 2010.

    Examples
    --------
    >>> import torch
    >>> from skcollision.criteria import MutualInformationCriterion
    >>> criterion = MutualInformationCriterion()
    >>> logits = torch.tensor([[[99.0, 0.0], [0.0, 99.0]]])  # one restart, two points
    >>> criterion.solve(logits, None) is None
    True
    >>> criterion.loss(logits, None, None).round(decimals=3)
    tensor([0.])
    """

    fairness_weight: float = 1.3
    prior: Prior = None

    def loss(self, logits: Tensor, solved: PseudoLabels | None, sample_weight: Weights) -> Tensor:
        """Mean entropy and the fairness of the predictions."""
        fairness = prediction_fairness(logits, self.prior, sample_weight)
        entropy = weighted_mean(shannon_entropy(logits), sample_weight)
        return entropy + self.fairness_weight * fairness


@dataclass(frozen=True)
class IMSATCriterion(MutualInformationCriterion):
    """Mutual information, and predictions that a second view does not change.

    Minimises, for the predictions σ of the points and σ' of their second views,

        mean_i H(σ_i) + fairness_weight KL(σ̄‖u) + view_weight mean_i H(sg(σ_i), σ'_i) ,

    where sg stops the gradient. The authors write it with 1 for the last weight and λ = 0.1 for the
    first two terms: the defaults are theirs, divided by λ. The second view is an augmentation or
    the point's virtual adversary (:class:`skcollision.deep.VirtualAdversary`). Without one this is
    :class:`MutualInformationCriterion`.

    Parameters
    ----------
    fairness_weight : float, default=4.0
        Weight w of the fairness of the predictions, the authors' μ.
    prior : ndarray of shape (K,) or None
        Target proportions u; None for uniform ones.
    view_weight : float, default=10.0
        Weight of the self-augmented training, the authors' 1/λ.

    References
    ----------
    W. Hu, T. Miyato, S. Tokui, E. Matsumoto and M. Sugiyama, "Learning Discrete Representations via
    Information Maximizing Self-Augmented Training", ICML 2017.

    Examples
    --------
    >>> import torch
    >>> from skcollision.criteria import IMSATCriterion
    >>> logits = torch.tensor([[[99.0, 0.0], [0.0, 99.0]]])  # one restart, two points
    >>> IMSATCriterion().pair_loss(logits, logits, None, None).round(decimals=3)
    tensor([0.])
    """

    fairness_weight: float = 4.0
    view_weight: float = 10.0

    def pair_loss(
        self, logits: Tensor, view: Tensor, solved: PseudoLabels | None, sample_weight: Weights
    ) -> Tensor:
        """Add the cross-entropy of the second views towards the predictions, held fixed."""
        change = soft_cross_entropy(view, softmax(logits.detach()), reduction="none")
        loss = self.loss(logits, solved, sample_weight)
        return loss + self.view_weight * weighted_mean(change, sample_weight)


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
