"""Mutual-information clustering, eq. (1) of arXiv 2303.07321."""

from dataclasses import dataclass

from torch import Tensor

from skcollision.criteria._base import ClusteringCriterion, Prior, PseudoLabels, Weights
from skcollision.criteria._common import prediction_fairness, weighted_mean
from skcollision.losses import shannon_entropy


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
