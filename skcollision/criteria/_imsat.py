"""IMSAT: mutual information with self-augmented training."""

from dataclasses import dataclass

from torch import Tensor

from skcollision.criteria._base import PseudoLabels, Weights
from skcollision.criteria._common import weighted_mean
from skcollision.criteria._mutual_information import MutualInformationCriterion
from skcollision.losses import soft_cross_entropy
from skcollision.losses._common import softmax


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
