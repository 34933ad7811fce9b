"""What the methods with pseudo-labels share."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from skcollision.criteria._base import ClusteringCriterion, Prior, PseudoLabels, Weights
from skcollision.criteria._common import label_fairness, prediction_fairness, weighted_mean
from skcollision.losses._common import softmax
from skcollision.pseudo_labels import solve_stack


@dataclass(frozen=True)
class SelfLabellingCriterion(ClusteringCriterion):
    """Cross-entropy towards fair pseudo-labels: subclasses say which, and which labels.

    Parameters
    ----------
    lam : float
        Weight λ of the fairness of the labels; inf demands ȳ = u.
    fairness_weight : float
        Weight w of the fairness KL(σ̄‖u) of the predictions, which no method's paper has beside
        that of the labels; 0 leaves it out.
    prior : ndarray of shape (K,) or None
        Target proportions u; None for uniform ones.
    solver : str
        Solver of :func:`skcollision.pseudo_labels.solve_pseudo_labels`.
    solver_tol : float
        Duality gap to stop at, relative to the objective.
    solver_max_iter : int or None
        Most iterations; None for the solver's own limit.
    view_weight : float
        Weight of the cross-entropy between a second view's prediction and the point's label.

    Examples
    --------
    >>> import torch
    >>> from skcollision.criteria import SelfLabellingCriterion
    >>> class SquaredErrorCriterion(SelfLabellingCriterion):
    ...     def cross_entropy(self, logits, labels):
    ...         return (logits.softmax(2) - labels).square().sum(2)
    >>> criterion = SquaredErrorCriterion(lam=10.0, fairness_weight=0.0, prior=None)
    >>> logits = torch.eye(3)[None]
    >>> criterion.loss(logits, criterion.solve(logits, None), None).shape
    torch.Size([1])
    """

    lam: float
    fairness_weight: float
    prior: Prior = None
    solver: str = "dual"
    solver_tol: float = 1e-2
    solver_max_iter: int | None = None
    view_weight: float = 1.0

    #: Divergence between target proportions and mean label.
    label_order: ClassVar[str] = "KL(u||y)"
    #: Whether labels minimise what the predictions do, so that gaps compare with the objective.
    labels_share_loss: ClassVar[bool] = True

    @abstractmethod
    def cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss of each point.

        Parameters
        ----------
        logits, labels : Tensor of shape (R, N, K)
            Logits and soft labels of the points.

        Returns
        -------
        Tensor of shape (R, N)
            Loss of each point, before weights.
        """

    def solve(self, logits: Tensor, sample_weight: Weights) -> PseudoLabels:
        """Solve for the labels of each restart."""
        result = solve_stack(
            softmax(logits),
            lam=self.lam,
            prior=self.prior,
            sample_weight=sample_weight,
            solver=self.solver,
            fairness=self.label_order,
            tol=self.solver_tol,
            max_iter=self.solver_max_iter,
        )
        return PseudoLabels(
            labels=result.pseudo_labels,
            cost=self._label_cost(result.pseudo_labels, sample_weight),
            duality_gap=torch.as_tensor(result.duality_gap),
        )

    def loss(self, logits: Tensor, solved: PseudoLabels | None, sample_weight: Weights) -> Tensor:
        """Mean cross-entropy and the fairness of the predictions."""
        assert solved is not None
        loss = weighted_mean(self.cross_entropy(logits, solved.labels), sample_weight)
        if self.fairness_weight == 0:
            return loss
        return loss + self.fairness_weight * prediction_fairness(logits, self.prior, sample_weight)

    def pair_loss(
        self, logits: Tensor, view: Tensor, solved: PseudoLabels | None, sample_weight: Weights
    ) -> Tensor:
        """Add the cross-entropy of the second view towards the same labels."""
        assert solved is not None
        loss = self.loss(logits, solved, sample_weight)
        of_view = weighted_mean(self.cross_entropy(view, solved.labels), sample_weight)
        return loss + self.view_weight * of_view

    def _label_cost(self, labels: Tensor, sample_weight: Weights) -> Tensor:
        """Return λ times the labels' divergence; none where the solver has met ȳ = u."""
        if self.lam == 0 or math.isinf(self.lam):
            return torch.zeros_like(labels[:, 0, 0])
        return self.lam * label_fairness(labels, self.prior, sample_weight, self.label_order)
