"""Self-labelling with the collision cross-entropy, eq. (11) of arXiv 2303.07321."""

from dataclasses import dataclass

from torch import Tensor

from skcollision.criteria._self_labelling import SelfLabellingCriterion
from skcollision.losses import collision_cross_entropy


@dataclass(frozen=True)
class CollisionCriterion(SelfLabellingCriterion):
    """Collision cross-entropy towards balanced pseudo-labels.

    The objective of eq. (11) with a fairness term on the predictions themselves,

        mean_i H2(y_i, σ_i) + lam KL(u‖ȳ) + fairness_weight KL(σ̄‖u) .

    Parameters
    ----------
    lam, fairness_weight : float
        As in :class:`SelfLabellingCriterion`. For uniform u the weight of the fairness of the
        predictions is that of eq. (1), -w H(σ̄), plus a constant; 0 gives the paper's loss.
    prior, solver, solver_tol, solver_max_iter, view_weight : optional
        As in :class:`SelfLabellingCriterion`.

    Examples
    --------
    >>> import torch
    >>> from skcollision.criteria import CollisionCriterion
    >>> criterion = CollisionCriterion(lam=100.0, fairness_weight=0.0)
    >>> logits = torch.tensor([[[2.0, 0.0], [1.0, 0.0]]])  # one restart, two points
    >>> solved = criterion.solve(logits, None)
    >>> solved.labels.argmax(2)
    tensor([[0, 1]])
    >>> criterion.loss(logits, solved, None).shape
    torch.Size([1])
    """

    def cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Collision cross-entropy, eq. (9)."""
        return collision_cross_entropy(logits, labels, reduction="none")
