"""The interface that the engine trains through."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Self, cast

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class PseudoLabels:
    """Labels that a criterion solved for with the predictions held fixed.

    Attributes
    ----------
    labels : Tensor of shape (R, N, K)
        Soft labels on the simplex, without gradient.
    cost : Tensor of shape (R,)
        The terms of the objective in the labels alone, such as their fairness, in nats.
    duality_gap : Tensor of shape (R,)
        Certified distance of the labelling objective from its optimum, in nats.

    Examples
    --------
    >>> import torch
    >>> from skcollision.criteria import CollisionCriterion
    >>> criterion = CollisionCriterion(lam=10.0, fairness_weight=0.0, prior=None)
    >>> criterion.solve(torch.zeros(2, 5, 3), None).labels.shape
    torch.Size([2, 5, 3])
    """

    labels: Tensor
    cost: Tensor
    duality_gap: Tensor


class ClusteringCriterion(ABC):
    """A clustering method, for a stack of R restarts that are trained side by side.

    All methods take logits of shape (R, N, K) and non-negative sample weights of shape (N,), or
    None for equal ones, and average over the N points. What alternating between `solve` and `loss`
    minimises, and what restarts are compared by, is ``loss + solved.cost``.

    Examples
    --------
    Decisive predictions, and nothing that keeps them apart:

    >>> import torch
    >>> from skcollision.criteria import ClusteringCriterion
    >>> class Decisiveness(ClusteringCriterion):
    ...     def loss(self, logits, solved, sample_weight):
    ...         probs = logits.softmax(2)
    ...         return (probs * (1 - probs)).sum(2).mean(1)
    >>> Decisiveness().loss(torch.zeros(1, 4, 2), None, None)
    tensor([0.5000])
    """

    def solve(self, logits: Tensor, sample_weight: Tensor | None) -> PseudoLabels | None:
        """Solve for pseudo-labels with the predictions fixed; None if the method has none."""
        return None

    @abstractmethod
    def loss(
        self, logits: Tensor, solved: PseudoLabels | None, sample_weight: Tensor | None
    ) -> Tensor:
        """Return the differentiable loss of each restart, shape (R,), labels held fixed."""

    def pair_loss(
        self,
        logits: Tensor,
        view: Tensor,
        solved: PseudoLabels | None,
        sample_weight: Tensor | None,
    ) -> Tensor:
        """Return the loss of each restart with a second view of every point, shape (R,).

        A view is an augmentation of the point or one of its neighbours. `view` holds its logits, of
        the shape of `logits`; labels are those of the points. By default both views are points like
        any other, and the loss is the mean of theirs.
        """
        first = self.loss(logits, solved, sample_weight)
        return (first + self.loss(view, solved, sample_weight)) / 2

    def with_prior(self, prior: np.ndarray) -> Self:
        """Return the same criterion for other target proportions, (K,) or one row a restart (R, K).

        For dataclasses with a field `prior`.
        """
        return cast(Self, replace(cast(Any, self), prior=prior))
