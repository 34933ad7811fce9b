"""SCAN: clustering by agreement with neighbours, and the training on sure labels after it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from skcollision.criteria._base import (
    ClusteringCriterion,
    Prior,
    PseudoLabels,
    Weights,
    most_probable,
    prediction_fairness,
    weighted_mean,
)
from skcollision.losses import soft_cross_entropy
from skcollision.losses._common import log_softmax, proportions, softmax


@dataclass(frozen=True)
class SCANCriterion(ClusteringCriterion):
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

    def loss(self, logits: Tensor, solved: PseudoLabels | None, sample_weight: Weights) -> Tensor:
        """Each point is its own neighbour."""
        return self.pair_loss(logits, logits, solved, sample_weight)

    def pair_loss(
        self, logits: Tensor, view: Tensor, solved: PseudoLabels | None, sample_weight: Weights
    ) -> Tensor:
        """Disagreement with the neighbours and fairness of the points' predictions."""
        disagreement = -(log_softmax(logits) + log_softmax(view)).logsumexp(2)
        fairness = prediction_fairness(logits, self.prior, sample_weight)
        return weighted_mean(disagreement, sample_weight) + self.fairness_weight * fairness


@dataclass(frozen=True)
class SureLabelsCriterion(ClusteringCriterion):
    """Cross-entropy towards the most probable clusters of sure points: SCAN's last stage.

    Points whose largest probability is at least `threshold` are labelled with that cluster. Their
    second views, augmentations, are trained towards these labels, each cluster with the weight u_k
    whatever number of points it holds:

        Σ_k u_k mean over sure i of label k of H(y_i, σ'_i) .

    Without a second view the points themselves are. While no point is sure, nothing is learned.

    Parameters
    ----------
    threshold : float, default=0.99
        Least probability of a sure point.
    prior : ndarray of shape (K,) or None
        Target proportions u; None for uniform ones. They are shared among the clusters that have a
        sure point.

    References
    ----------
    As :class:`SCANCriterion`, section 2.3.

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
        return PseudoLabels(most_probable(logits), nothing, nothing)

    def loss(self, logits: Tensor, solved: PseudoLabels | None, sample_weight: Weights) -> Tensor:
        """Train the points themselves."""
        return self.pair_loss(logits, logits, solved, sample_weight)

    def pair_loss(
        self, logits: Tensor, view: Tensor, solved: PseudoLabels | None, sample_weight: Weights
    ) -> Tensor:
        """Balanced cross-entropy of the second views of sure points."""
        assert solved is not None
        sure = (softmax(logits.detach()).amax(2) >= self.threshold).to(logits.dtype)
        if sample_weight is not None:
            sure = sure * sample_weight
        mass = (sure[..., None] * solved.labels).sum(1)
        tiny = torch.finfo(mass.dtype).tiny
        target = proportions(self.prior, mass) * (mass > 0)
        rate = target / target.sum(-1, keepdim=True).clamp_min(tiny) / mass.clamp_min(tiny)
        weight = sure * (solved.labels @ rate[..., None]).squeeze(-1)
        return (weight * soft_cross_entropy(view, solved.labels, reduction="none")).sum(1)
