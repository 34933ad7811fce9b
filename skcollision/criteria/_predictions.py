"""Methods that train by the predictions alone, of points and of their second views."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from skcollision.criteria import _base as base
from skcollision.criteria._base import ClusteringCriterion, Prior, PseudoLabels, Weights
from skcollision.losses import _common as common
from skcollision.losses import shannon_entropy, soft_cross_entropy


@dataclass(frozen=True)
class MutualInformationCriterion(ClusteringCriterion):
    """Confident and fair predictions, without pseudo-labels.

    Minimises mean_i H(σ_i) + fairness_weight KL(σ̄‖u). For uniform u that is eq. (1),
    mean_i H(σ_i) - w H(σ̄), plus the constant w ln K; at w = 1 it is minus the mutual information of
    point and cluster.

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
    >>> criterion.loss(logits, None, None).round(decimals=3)
    tensor([0.])
    """

    fairness_weight: float = 1.3
    prior: Prior = None

    def loss(self, logits: Tensor, solved: PseudoLabels | None, sample_weight: Weights) -> Tensor:
        """Mean entropy and the fairness of the predictions."""
        fairness = base.prediction_fairness(logits, self.prior, sample_weight)
        entropy = base.weighted_mean(shannon_entropy(logits), sample_weight)
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
        change = soft_cross_entropy(view, common.softmax(logits.detach()), reduction="none")
        loss = self.loss(logits, solved, sample_weight)
        return loss + self.view_weight * base.weighted_mean(change, sample_weight)


class _PairCriterion(ClusteringCriterion):
    """Base of methods that compare two views."""

    def loss(self, logits: Tensor, solved: PseudoLabels | None, sample_weight: Weights) -> Tensor:
        """Each point is its own second view."""
        return self.pair_loss(logits, logits, solved, sample_weight)


@dataclass(frozen=True)
class IICCriterion(_PairCriterion):
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
    >>> IICCriterion().pair_loss(logits, 0 * logits, None, None)  # ln 2: views share nothing
    tensor([0.6931])
    """

    fairness_weight: float = 1.0
    prior: Prior = None

    def pair_loss(
        self, logits: Tensor, view: Tensor, solved: PseudoLabels | None, sample_weight: Weights
    ) -> Tensor:
        """Entropy of the joint distribution and fairness of its marginal."""
        probs, of_view = common.softmax(logits), common.softmax(view)
        share = torch.ones_like(probs[0, :, 0]) if sample_weight is None else sample_weight
        joint = (probs * (share / share.sum())[:, None]).transpose(1, 2) @ of_view
        joint = (joint + joint.transpose(1, 2)) / 2
        marginal = joint.sum(2)
        fairness = common.divergence(marginal, common.proportions(self.prior, marginal))
        lack = common.entropy(joint, common.safe_log(joint)).sum(1) - math.log(logits.shape[2])
        return lack + 2 * self.fairness_weight * fairness


@dataclass(frozen=True)
class SCANCriterion(_PairCriterion):
    """Agreement of each point with one of its neighbours, in balanced clusters.

    With the second view a neighbour in the features of a pretext task,

        mean_i -ln(σ_iᵀ σ'_i) + fairness_weight KL(σ̄‖u) ,

    the collision cross-entropy of two predictions. For uniform u the fairness is the authors'
    -H(σ̄), plus a constant. Without a second view each point agrees with itself.

    Parameters
    ----------
    fairness_weight : float, default=5.0
        Weight of the fairness of the predictions.
    prior : ndarray of shape (K,) or None
        Target proportions u; None for uniform ones.

    References
    ----------
    W. Van Gansbeke, S. Vandenhende, S. Georgoulis, M. Proesmans and L. Van Gool, "SCAN: Learning to
    Classify Images without Labels", ECCV 2020.

    Examples
    --------
    >>> import torch
    >>> from skcollision.criteria import SCANCriterion
    >>> logits = torch.tensor([[[99.0, 0.0], [0.0, 99.0]]])  # one restart, two points
    >>> SCANCriterion().pair_loss(logits, logits, None, None).round(decimals=3)
    tensor([0.])
    """

    fairness_weight: float = 5.0
    prior: Prior = None

    def pair_loss(
        self, logits: Tensor, view: Tensor, solved: PseudoLabels | None, sample_weight: Weights
    ) -> Tensor:
        """Disagreement with the neighbours and fairness of the points' predictions."""
        disagreement = -(common.log_softmax(logits) + common.log_softmax(view)).logsumexp(2)
        fairness = base.prediction_fairness(logits, self.prior, sample_weight)
        return base.weighted_mean(disagreement, sample_weight) + self.fairness_weight * fairness


@dataclass(frozen=True)
class SureLabelsCriterion(_PairCriterion):
    """Cross-entropy towards the most probable clusters of sure points: section 2.3 of SCAN's paper.

    Points whose largest probability is at least `threshold` are labelled with that cluster. Their
    second views, augmentations, are trained towards these labels, each cluster with the weight u_k
    whatever number of points it holds:

        Σ_k u_k mean over sure i of label k of H(y_i, σ'_i) .

    Without a second view the points themselves are. While no point is sure, nothing is learned. The
    paper is that of :class:`SCANCriterion`.

    Parameters
    ----------
    threshold : float, default=0.99
        Least probability of a sure point.
    prior : ndarray of shape (K,) or None
        Target proportions u; None for uniform ones. They are shared among the clusters that have a
        sure point.

    Examples
    --------
    >>> import torch
    >>> from skcollision.criteria import SureLabelsCriterion
    >>> logits = torch.tensor([[[9.0, 0.0], [0.0, 0.1]]])  # the second point is not sure
    >>> criterion = SureLabelsCriterion()
    >>> solved = criterion.solve(logits, None)
    >>> criterion.pair_loss(logits, torch.zeros_like(logits), solved, None)
    tensor([0.6931])
    """

    threshold: float = 0.99
    prior: Prior = None

    def solve(self, logits: Tensor, sample_weight: Weights) -> PseudoLabels:
        """Label each point with its most probable cluster."""
        nothing = logits.new_zeros(len(logits))
        return PseudoLabels(base.most_probable(logits), nothing, nothing)

    def pair_loss(
        self, logits: Tensor, view: Tensor, solved: PseudoLabels | None, sample_weight: Weights
    ) -> Tensor:
        """Balanced cross-entropy of the second views of sure points."""
        assert solved is not None
        sure = (common.softmax(logits.detach()).amax(2) >= self.threshold).to(logits.dtype)
        if sample_weight is not None:
            sure = sure * sample_weight
        mass = (sure[..., None] * solved.labels).sum(1)
        tiny = torch.finfo(mass.dtype).tiny
        target = common.proportions(self.prior, mass) * (mass > 0)
        rate = target / target.sum(-1, keepdim=True).clamp_min(tiny) / mass.clamp_min(tiny)
        weight = sure * (solved.labels @ rate[..., None]).squeeze(-1)
        return (weight * soft_cross_entropy(view, solved.labels, reduction="none")).sum(1)
