"""Target proportions that follow the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from skcollision.criteria._base import most_probable
from skcollision.losses._common import mean_probs

# How far a step moves an estimate towards the shares that the predictions just had; less where a
# batch has fewer points a cluster than this, so that its shares are mostly chance.
RATE = 0.2
POINTS_PER_CLUSTER = 20

# Shares count with this power: below 1 it draws an estimate towards equal proportions, or small
# clusters would shrink without end.
POWER = 0.8

# Mean certainty from which hard predictions are trusted; below, estimates stay nearer to uniform.
SURE_ENOUGH = 0.5

# Part of an estimate that is uniform, so that no proportion reaches 0.
UNIFORM_PART = 0.1

# Steps of a training without an end that come before the first estimate: predictions must mean
# something by then.
START_STEPS = 100


Estimate = Callable[[np.ndarray], np.ndarray]


class PriorEstimate:
    """Estimates of the proportions (R, K) of the clusters, one row for each restart.

    They are uniform until the fraction `start` of a training is over.
    """

    start: ClassVar[float] = 0.3

    def __init__(self, n_restarts: int, n_clusters: int) -> None:
        self.proportions = np.full((n_restarts, n_clusters), 1 / n_clusters)

    def state(self) -> dict[str, Any]:
        """Return copies of the arrays that `from_state` goes on from."""
        return {name: values.copy() for name, values in vars(self).items()}

    @staticmethod
    def from_state(state: dict[str, Any]) -> PriorEstimate:
        """Make estimates of either kind that go on as those that `state` was taken of."""
        prior = MatchedPrior(1, state["given"]) if "given" in state else PriorEstimate(1, 1)
        for name, values in state.items():
            setattr(prior, name, values.copy())
        return prior

    def update(self, logits: Tensor, sample_weight: Tensor | None, *, is_all: bool = False) -> None:
        """Follow the shares in hard predictions (R, B, K) of a batch, which may be all points."""
        trust = _trust(logits)[:, None]
        shares = trust * _shares(logits, sample_weight) + (1 - trust) / logits.shape[2]
        self._follow(cautious(shares), _rate(logits, is_all))

    def of_shares(self, shares: np.ndarray) -> tuple[np.ndarray, Estimate | None]:
        """Return proportions for clusters with these shares (K,), and how to follow new ones.

        On the graph no cluster dies, so that small ones need no uniform part to live.
        """
        return drawn_together(shares), drawn_together

    def keep(self, restart: int, shares: np.ndarray | None) -> np.ndarray:
        """Forget the other restarts; return the order in which its clusters are to stand.

        `shares` (K,) are what its clusters have in the end, where that is known.
        """
        self.proportions = self.proportions[[restart]]
        if shares is not None:
            self.proportions = cautious(shares[None])
        return np.arange(self.proportions.shape[1])

    def _follow(self, target: np.ndarray, rate: float) -> None:
        self.proportions = (1 - rate) * self.proportions + rate * target


class MatchedPrior(PriorEstimate):
    """Given proportions (K,): the largest for the cluster that is the largest, and so on.

    Which cluster is to have which is found out in training, from its beginning: equal proportions
    would first make clusters equal that are not to be.
    """

    start: ClassVar[float] = 0.0

    def __init__(self, n_restarts: int, given: np.ndarray) -> None:
        super().__init__(n_restarts, len(given))
        self.given = given
        self.shares = self.proportions.copy()

    def update(self, logits: Tensor, sample_weight: Tensor | None, *, is_all: bool = False) -> None:
        """Hand the proportions out by the ranks of the shares in hard predictions (R, B, K)."""
        rate = _rate(logits, is_all)
        self.shares = (1 - rate) * self.shares + rate * _shares(logits, sample_weight)
        ranks = self.shares.argsort(axis=1, kind="stable").argsort(axis=1)
        self._follow(np.sort(self.given)[ranks], rate)

    def of_shares(self, shares: np.ndarray) -> tuple[np.ndarray, Estimate | None]:
        """Return the given proportions by the ranks of the shares (K,)."""
        ranks = shares.argsort(kind="stable").argsort(kind="stable")
        return np.sort(self.given)[ranks], None

    def keep(self, restart: int, shares: np.ndarray | None) -> np.ndarray:
        """Forget the other restarts; return the order that brings clusters to where theirs is."""
        shares = self.shares[restart] if shares is None else shares
        order = np.empty(len(self.given), dtype=np.int64)
        order[self.given.argsort(kind="stable")] = shares.argsort(kind="stable")
        self.shares, self.proportions = shares[None, order], self.given[None].copy()
        return order


def cautious(shares: np.ndarray) -> np.ndarray:
    """Draw shares (..., K) towards equal ones, and none is 0."""
    return drawn_together((1 - UNIFORM_PART) * shares + UNIFORM_PART / shares.shape[-1])


def drawn_together(shares: np.ndarray) -> np.ndarray:
    """Draw shares (..., K) towards equal ones; those of 0 stay."""
    shares = shares**POWER
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def _rate(logits: Tensor, is_all: bool) -> float:
    enough = POINTS_PER_CLUSTER * logits.shape[2]
    return RATE if is_all else RATE * min(1.0, logits.shape[1] / enough)


def _trust(logits: Tensor) -> np.ndarray:
    """Return how far (R,) hard predictions (R, B, K) may be counted, 1 where they are sure.

    Where none is sure, a cluster that is a little ahead everywhere is the most probable one of all
    points: estimates that followed would run away to few clusters.
    """
    sure = (logits - logits.amax(2, keepdim=True)).exp().sum(2).reciprocal().mean(1)
    trust = (sure / SURE_ENOUGH).clamp(max=1)
    return np.asarray(trust.cpu().numpy(), dtype=np.float64)


def _shares(logits: Tensor, sample_weight: Tensor | None) -> np.ndarray:
    """Return the shares of the clusters (R, K) in the hard predictions of a batch (R, B, K)."""
    # not by argmax, which is slow on a CPU
    shares = mean_probs(most_probable(logits), sample_weight)
    return np.asarray(shares.cpu().numpy(), dtype=np.float64)
