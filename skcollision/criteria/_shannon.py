"""The ablation of the collision cross-entropy: Shannon's, towards the same labels."""

from dataclasses import dataclass

from torch import Tensor

from skcollision.criteria._self_labelling import SelfLabellingCriterion
from skcollision.losses import soft_cross_entropy


@dataclass(frozen=True)
class ShannonCriterion(SelfLabellingCriterion):
    """Shannon cross-entropy towards the pseudo-labels of the collision method.

    The labels are those of eq. (11) of arXiv 2303.07321, solved by the same solver with the same
    weights: they minimise ``mean_i H2(y_i, σ_i) + lam KL(u‖ȳ)``. The predictions then descend

        mean_i H(y_i, σ_i) + fairness_weight KL(σ̄‖u) ,

    with Shannon's H in place of the collision cross-entropy H2: the gradient in the logits of a
    point is σ - y, not σ - q with q_k proportional to σ_k y_k. That one thing is ablated. Labels
    and predictions thereby minimise two different functions; where labels are one-hot, the two are
    the same. Shannon's in both steps is :class:`MIADMCriterion`.

    Parameters
    ----------
    lam, fairness_weight : float
        As in :class:`SelfLabellingCriterion`.
    prior, solver, solver_tol, solver_max_iter, view_weight : optional
        As in :class:`SelfLabellingCriterion`; the solver is one of eq. (11), "dual" or "em".

    Examples
    --------
    >>> import torch
    >>> from skcollision.criteria import CollisionCriterion, ShannonCriterion
    >>> shannon = ShannonCriterion(lam=1.0, fairness_weight=0.0)
    >>> collision = CollisionCriterion(lam=1.0, fairness_weight=0.0)
    >>> logits = torch.tensor([[[2.0, 0.0], [1.0, 0.0]]])  # one restart, two points
    >>> solved = shannon.solve(logits, None)
    >>> torch.equal(solved.labels, collision.solve(logits, None).labels)
    True
    >>> (shannon.loss(logits, solved, None) > collision.loss(logits, solved, None)).item()
    True
    """

    def cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Shannon cross-entropy, eq. (8)."""
        return soft_cross_entropy(logits, labels, reduction="none")
