"""Methods with pseudo-labels: the equations are those of arXiv 2303.07321."""

import math
from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor

from skcollision.criteria import _base as base
from skcollision.criteria._base import ClusteringCriterion, Prior, PseudoLabels, Weights
from skcollision.losses import collision_cross_entropy, soft_cross_entropy
from skcollision.losses._common import divergence, mean_probs, proportions, softmax
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
        loss = base.weighted_mean(self.cross_entropy(logits, solved.labels), sample_weight)
        if self.fairness_weight == 0:
            return loss
        fairness = base.prediction_fairness(logits, self.prior, sample_weight)
        return loss + self.fairness_weight * fairness

    def pair_loss(
        self, logits: Tensor, view: Tensor, solved: PseudoLabels | None, sample_weight: Weights
    ) -> Tensor:
        """Add the cross-entropy of the second view towards the same labels."""
        assert solved is not None
        loss = self.loss(logits, solved, sample_weight)
        of_view = base.weighted_mean(self.cross_entropy(view, solved.labels), sample_weight)
        return loss + self.view_weight * of_view

    def _label_cost(self, labels: Tensor, sample_weight: Weights) -> Tensor:
        """Return λ times the labels' divergence; none where the solver has met ȳ = u."""
        if self.lam == 0 or math.isinf(self.lam):
            return torch.zeros_like(labels[:, 0, 0])
        mean = mean_probs(labels, sample_weight)
        pair = proportions(self.prior, mean), mean
        return self.lam * divergence(*(pair if self.label_order == "KL(u||y)" else pair[::-1]))


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


class _ShannonLoss(SelfLabellingCriterion):
    """Base of methods with Shannon's loss."""

    def cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Shannon cross-entropy, eq. (8)."""
        return soft_cross_entropy(logits, labels, reduction="none")


@dataclass(frozen=True)
class ShannonCriterion(_ShannonLoss):
    """Shannon cross-entropy towards the pseudo-labels of the collision method.

    The labels are those of eq. (11) of arXiv 2303.07321, solved by the same solver with the same
    weights: they minimise ``mean_i H2(y_i, σ_i) + lam KL(u‖ȳ)``. The predictions then descend

        mean_i H(y_i, σ_i) + fairness_weight KL(σ̄‖u) ,

    with Shannon's H in place of the collision cross-entropy H2: the gradient in the logits of a
    point is σ - y, not σ - q with q_k proportional to σ_k y_k. Labels and predictions thereby
    minimise two functions. Shannon's in both steps is :class:`MIADMCriterion`.

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
    """


@dataclass(frozen=True)
class MIADMCriterion(_ShannonLoss):
    """Shannon cross-entropy towards fair pseudo-labels.

    Eq. (5), the mutual information of eq. (1) split by alternating directions,

        mean_i H(y_i, σ_i) + lam KL(ȳ‖u) + fairness_weight KL(σ̄‖u) ,

    where the last term is not the authors'.

    Parameters
    ----------
    lam : float, default=1.3
        Weight λ of the fairness of the labels, by default that of eq. (1); inf demands ȳ = u.
    fairness_weight : float, default=0.0
        Weight of the fairness of the predictions.
    prior : ndarray of shape (K,) or None
        Target proportions u, as in :class:`SelfLabellingCriterion`.
    solver : str, default="miadm"
        "miadm" solves eq. (5) exactly. "miadm-approx", the authors' closed form, adds the entropy
        of the labels to it and has no certificate: its `duality_gap` is inf.
    solver_tol, solver_max_iter, view_weight : optional
        As in :class:`SelfLabellingCriterion`.

    References
    ----------
    M. Jabi, M. Pedersoli, A. Mitiche and I. Ben Ayed, "Deep clustering: On the link between
    discriminative models and K-means", IEEE TPAMI 2021.

    Examples
    --------
    >>> import torch
    >>> from skcollision.criteria import MIADMCriterion
    >>> logits = torch.tensor([[[2.0, 0.0], [1.0, 0.0]]])  # one restart, two points
    >>> MIADMCriterion(lam=100.0).solve(logits, None).labels.argmax(2)
    tensor([[0, 1]])
    """

    lam: float = 1.3
    fairness_weight: float = 0.0
    solver: str = "miadm"

    label_order: ClassVar[str] = "KL(y||u)"


@dataclass(frozen=True)
class SeLaCriterion(_ShannonLoss):
    """Shannon cross-entropy towards one-hot labels that fill the clusters in given proportions.

    Eq. (4): mean_i H(y_i, σ_i) over one-hot y_i with ȳ = u, plus fairness_weight KL(σ̄‖u), which is
    not the authors'. The labels are an optimal transport of points to clusters, rounded.

    An exact transport splits fewer points than there are clusters, so rounding moves no more. After
    Sinkhorn's iteration it is what makes the method learn: soft labels of balanced predictions are
    those predictions to the power of lam.

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
        return replace(solved, labels=base.most_probable(solved.labels))

    def _label_cost(self, labels: Tensor, sample_weight: Weights) -> Tensor:
        # The proportions are a constraint, with no term in the objective.
        return labels.new_zeros(len(labels))
