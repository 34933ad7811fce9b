"""Self-labelling with the collision cross-entropy, eq. (11) of arXiv 2303.07321."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skcollision.criteria._base import ClusteringCriterion, PseudoLabels
from skcollision.losses import collision_cross_entropy, fairness_divergence
from skcollision.pseudo_labels import solve_stack


@dataclass(frozen=True)
class CollisionCriterion(ClusteringCriterion):
    """Collision cross-entropy towards balanced pseudo-labels.

    The objective of eq. (11) with a fairness term on the predictions themselves,

        mean_i H2(y_i, σ_i) + lam KL(u‖ȳ) + fairness_weight KL(σ̄‖u) .

    Parameters
    ----------
    lam : float
        Weight λ of the fairness of the labels; inf demands ȳ = u.
    fairness_weight : float
        Weight w of the fairness of the predictions. For uniform u it is that of eq. (1), -w H(σ̄),
        plus a constant; 0 gives the paper's loss.
    prior : ndarray of shape (K,) or None
        Target proportions u; None for uniform ones.
    solver : str
        Pseudo-label solver.
    solver_tol : float
        Duality gap to stop at, relative to the objective.
    solver_max_iter : int or None
        Most iterations; None for the solver's own limit.
    """

    lam: float
    fairness_weight: float
    prior: np.ndarray | None = None
    solver: str = "dual"
    solver_tol: float = 1e-2
    solver_max_iter: int | None = None

    def solve(self, logits: Tensor, sample_weight: Tensor | None) -> PseudoLabels:
        """Minimise eq. (11) over the labels of each restart."""
        # The solver runs on the CPU, wherever the predictions are.
        result = solve_stack(
            logits.softmax(2).cpu(),
            lam=self.lam,
            prior=self.prior,
            sample_weight=None if sample_weight is None else sample_weight.cpu(),
            solver=self.solver,
            tol=self.solver_tol,
            max_iter=self.solver_max_iter,
        )
        labels = result.pseudo_labels.to(logits.device)
        return PseudoLabels(
            labels=labels,
            cost=self._label_fairness(labels, sample_weight),
            duality_gap=torch.as_tensor(result.duality_gap),
        )

    def loss(
        self, logits: Tensor, solved: PseudoLabels | None, sample_weight: Tensor | None
    ) -> Tensor:
        """Mean collision cross-entropy and the fairness of the predictions."""
        assert solved is not None
        loss = weighted_mean(
            collision_cross_entropy(logits, solved.labels, reduction="none"), sample_weight
        )
        if self.fairness_weight == 0:
            return loss
        fairness = fairness_divergence(
            logits, self._prior_like(logits), order="KL(p||u)", sample_weight=sample_weight
        )
        return loss + self.fairness_weight * fairness

    def _label_fairness(self, labels: Tensor, sample_weight: Tensor | None) -> Tensor:
        """Return λ KL(u‖ȳ) of labels (R, N, K); the solver has met ȳ = u where λ is infinite."""
        if self.lam == 0 or math.isinf(self.lam):
            return torch.zeros_like(labels[:, 0, 0])
        mean = weighted_mean(labels.transpose(1, 2), sample_weight)
        prior = self._prior_like(labels)
        if prior is None:
            prior = torch.full_like(mean[0], 1 / mean.shape[1])
        floor = torch.finfo(mean.dtype).tiny
        return self.lam * torch.xlogy(prior, prior / mean.clamp_min(floor)).sum(1)

    def _prior_like(self, tensor: Tensor) -> Tensor | None:
        if self.prior is None:
            return None
        return torch.as_tensor(self.prior, dtype=tensor.dtype, device=tensor.device)


def weighted_mean(values: Tensor, sample_weight: Tensor | None) -> Tensor:
    """Average over the last dimension, the points."""
    if sample_weight is None:
        return values.mean(-1)
    return values @ (sample_weight / sample_weight.sum())
