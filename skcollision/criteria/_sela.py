"""SeLa: self-labelling by optimal transport, eq. (4) of arXiv 2303.07321."""

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar

from torch import Tensor

from skcollision.criteria._base import PseudoLabels, Weights
from skcollision.criteria._common import most_probable
from skcollision.criteria._self_labelling import SelfLabellingCriterion
from skcollision.losses import soft_cross_entropy


@dataclass(frozen=True)
class SeLaCriterion(SelfLabellingCriterion):
    """Shannon cross-entropy towards one-hot labels that fill the clusters in given proportions.

    Eq. (4): mean_i H(y_i, σ_i) over one-hot y_i with ȳ = u, plus fairness_weight KL(σ̄‖u), which is
    not the authors'. The labels are an optimal transport of points to clusters, rounded.

    Rounding is what eq. (4) asks for and what the authors' code does. An exact transport splits
    fewer points than there are clusters, so rounding moves no more. After Sinkhorn's iteration it
    is what makes the method learn: soft labels of balanced predictions are those predictions to the
    power of lam, at lam = 1 just the predictions.

    Parameters
    ----------
    lam : float, default=inf
        Inverse weight of the entropy of the transport before rounding. inf is eq. (4), solved by an
        interior point method; a finite value takes Sinkhorn's iteration, as the authors do at
        lam = 25. That needs tens of times as many iterations once predictions are sure.
    fairness_weight : float, default=0.0
        Weight of the fairness of the predictions.
    prior, solver_tol, solver_max_iter, view_weight : optional
        As in :class:`SelfLabellingCriterion`. For Sinkhorn's iteration the gap that `solver_tol`
        bounds is the misplaced mass times what moving it can cost. It is that before rounding.

    References
    ----------
    Y. M. Asano, C. Rupprecht and A. Vedaldi, "Self-labelling via simultaneous clustering and
    representation learning", ICLR 2020.

    Examples
    --------
    >>> import torch
    >>> from skcollision.criteria import SeLaCriterion
    >>> logits = torch.tensor([[[2.0, 0.0], [1.0, 0.0]]])  # one restart, two points
    >>> SeLaCriterion().solve(logits, None).labels
    tensor([[[1., 0.],
             [0., 1.]]])
    """

    lam: float = math.inf
    fairness_weight: float = 0.0
    solver: str = field(init=False)

    # Rounding lowers the cost of the transport, so that its gap is large beside the loss.
    labels_share_loss: ClassVar[bool] = False

    def __post_init__(self) -> None:
        # The way around its own lock that a frozen dataclass has for derived fields.
        object.__setattr__(self, "solver", "miadm" if math.isinf(self.lam) else "sinkhorn")

    def solve(self, logits: Tensor, sample_weight: Weights) -> PseudoLabels:
        """Solve for transport labels and round them."""
        solved = super().solve(logits, sample_weight)
        return replace(solved, labels=most_probable(solved.labels))

    def cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Shannon cross-entropy, eq. (8)."""
        return soft_cross_entropy(logits, labels, reduction="none")

    def _label_cost(self, labels: Tensor, sample_weight: Weights) -> Tensor:
        # The proportions are a constraint, with no term in the objective.
        return labels.new_zeros(len(labels))
