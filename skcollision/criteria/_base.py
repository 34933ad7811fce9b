"""The interface that the engine trains through, and what criteria have in common."""

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias, cast

import numpy as np
from torch import Tensor

from skcollision.losses._common import divergence, mean_probs, proportions, softmax

Prior: TypeAlias = np.ndarray | None
Weights: TypeAlias = Tensor | None


@dataclass(frozen=True)
class PseudoLabels:
    """Labels that a criterion solved for with the predictions held fixed.

    Parameters
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

    def __init_subclass__(cls) -> None:
        """Give methods that have a summary alone the sections of the method that they replace."""
        super().__init_subclass__()
        for name in ("solve", "loss", "pair_loss", "cross_entropy"):
            method, replaced = vars(cls).get(name), getattr(super(cls, cls), name, None)
            summary, sections = (inspect.getdoc(each) or "" for each in (method, replaced))
            if summary and "\n" not in summary:
                method.__doc__ = "\n\n".join([summary, *sections.partition("\n\n")[2:]])

    def solve(self, logits: Tensor, sample_weight: Weights) -> PseudoLabels | None:
        """Solve for pseudo-labels with the predictions held fixed.

        Parameters
        ----------
        logits : Tensor of shape (R, N, K)
            Logits of the points, without gradient.
        sample_weight : Tensor of shape (N,) or None
            Weights of the points.

        Returns
        -------
        PseudoLabels or None
            None if the method has no pseudo-labels.
        """
        return None

    @abstractmethod
    def loss(self, logits: Tensor, solved: PseudoLabels | None, sample_weight: Weights) -> Tensor:
        """Compute the differentiable loss of each restart, with the labels held fixed.

        Parameters
        ----------
        logits : Tensor of shape (R, N, K)
            Logits of the points, with gradient.
        solved : PseudoLabels or None
            What `solve` returned.
        sample_weight : Tensor of shape (N,) or None
            Weights of the points.

        Returns
        -------
        Tensor of shape (R,)
            Entry r depends on ``logits[r]`` alone.
        """

    def pair_loss(
        self, logits: Tensor, view: Tensor, solved: PseudoLabels | None, sample_weight: Weights
    ) -> Tensor:
        """Compute the loss of each restart with a second view of every point.

        By default both views are points like any other, and the loss is the mean of theirs.

        Parameters
        ----------
        logits, view : Tensor of shape (R, N, K)
            Logits of the points and of their second views: augmentations or neighbours.
        solved : PseudoLabels or None
            What `solve` returned.
        sample_weight : Tensor of shape (N,) or None
            Weights of the points.

        Returns
        -------
        Tensor of shape (R,)
            Loss of each restart.
        """
        first = self.loss(logits, solved, sample_weight)
        return (first + self.loss(view, solved, sample_weight)) / 2

    def with_prior(self, prior: np.ndarray) -> Self:
        """Copy the criterion, a dataclass with a field `prior`, for other target proportions.

        Parameters
        ----------
        prior : ndarray of shape (K,) or (R, K)
            Target proportions, for all restarts or one row a restart.

        Returns
        -------
        ClusteringCriterion
            The same criterion but for its `prior`.

        Raises
        ------
        TypeError
            If the criterion is no dataclass with such a field.
        """
        if "prior" not in getattr(self, "__dataclass_fields__", ()):
            raise TypeError(
                f"{type(self).__name__} must be a dataclass with a field 'prior' for proportions "
                "that follow the data. Make it one, or set prior='uniform' in the estimator."
            )
        return cast(Self, replace(cast(Any, self), prior=prior))


def check_loss(loss: Tensor, n_restarts: int, criterion: ClusteringCriterion) -> None:
    """Raise unless `loss`, which `criterion` returned, is a tensor of shape (R,)."""
    is_tensor = isinstance(loss, Tensor)
    if not is_tensor or loss.shape != (n_restarts,):
        got = f"shape {tuple(loss.shape)}" if is_tensor else f"a {type(loss).__name__}"
        raise ValueError(
            f"The loss of {type(criterion).__name__} must be a tensor of shape (R,), here "
            f"({n_restarts},), one value a restart. Got {got} instead."
        )


def weighted_mean(values: Tensor, sample_weight: Weights) -> Tensor:
    """Average over the last dimension, the points."""
    if sample_weight is None:
        return values.mean(-1)
    return values @ (sample_weight / sample_weight.sum())


def prediction_fairness(logits: Tensor, prior: Prior, sample_weight: Weights) -> Tensor:
    """Return KL(σ̄‖u) of logits (R, N, K), shape (R,): ln K - H(σ̄) for uniform u."""
    mean = mean_probs(softmax(logits), sample_weight)
    return divergence(mean, proportions(prior, mean))


def most_probable(probs: Tensor) -> Tensor:
    """Return one-hot labels; a tie is shared, so that no cluster wins by its number."""
    largest = (probs == probs.amax(2, keepdim=True)).to(probs.dtype)
    return largest / largest.sum(2, keepdim=True)
