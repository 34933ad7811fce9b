"""One problem in torch: what EM and the baselines share, its objective and its dual function."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from skcollision.pseudo_labels._fairness import conjugate, delta_of_mean, fairness
from skcollision.pseudo_labels._problem import Problem, Solution

# A positive label stays positive: EM cannot leave an exact 0. Normal in float32.
LABEL_FLOOR = 1e-36
# Look-ups end long before, at the second on average; this only bounds the loop.
_MAX_LOOKUPS = 64


class OneProblem(NamedTuple):
    """A problem of a stack."""

    probs: Tensor  # (N, K)
    weights: Tensor  # (N,), sums to 1
    prior: Tensor  # (K,)
    lam: float
    order: int

    @property
    def tiny(self) -> float:
        """The smallest normal number."""
        return torch.finfo(self.probs.dtype).tiny

    def measure(self, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the objective, the labels' mean and each point's sigma'y."""
        mean, p = self.weights @ labels, (labels * self.probs).sum(1)
        unfair = fairness(mean, self.prior, self.lam, self.order)
        return unfair - self.weights @ p.log(), mean, p

    def delta(self, mean: Tensor) -> Tensor:
        """Return the prices at which labels of this mean would be optimal."""
        return delta_of_mean(mean, self.prior, self.lam, self.order)

    def bound(self, mean: Tensor) -> Tensor:
        """Return the lower bound that labels of this mean certify."""
        delta = self.delta(mean)
        of_points = self.weights @ phi(self.probs, delta)
        return of_points + conjugate(delta, self.prior, self.lam, self.order)


# Labels, objective, bound, iterations and delta of one problem.
Found = tuple[Tensor, Tensor, Tensor, int, Tensor]


def each_problem(
    problem: Problem,
    solve_one: Callable[[OneProblem, Tensor | None], Found],
    starts: Tensor | None = None,
) -> Solution:
    """Solve the problems of a stack one after another, each from its start."""
    found = []
    for r, probs in enumerate(problem.probs):
        one = OneProblem(probs, problem.weights, problem.prior[r], problem.lam, problem.order)
        found.append(solve_one(one, None if starts is None else starts[r]))
    labels, objective, bound, n_iter, delta = zip(*found, strict=True)
    return Solution(
        labels=torch.stack(labels),
        objective=torch.stack(objective),
        bound=torch.stack(bound),
        n_iter=torch.tensor(n_iter),
        delta=torch.stack(delta),
    )


def revive(labels: Tensor) -> Tensor:
    """Return labels to start from: a cluster without any would stay dead, at infinite cost."""
    dead = (labels == 0).all(0)
    return torch.where(dead, LABEL_FLOOR, labels)


def phi(probs: Tensor, delta: Tensor) -> Tensor:
    """Return each point's part of the dual: max over s > 0 of 1 + ln s - max_k s sigma_k + delta_k.

    The maximum is at 1/s = sigma_k on one line, or where two lines cross: a and b with
    sigma_a < 1/s < sigma_b. Line a is on the envelope where the objective still rises with s, b
    where it falls. Where they cross the envelope is looked up, until no other line is above. Any s
    gives a bound, so the best one seen is returned.
    """
    slope_b = probs.amax(1)
    price_b = torch.where(probs == slope_b[:, None], delta, -torch.inf).amax(1)
    slope_a, price_a = slope_b, price_b
    s = 1.0 / slope_b
    best = torch.full_like(s, -torch.inf)
    for _ in range(_MAX_LOOKUPS):
        top, line = (s[:, None] * probs + delta).max(1)
        value = 1.0 + s.log() - top
        better = value > best
        if not bool(better.any()):
            break
        best = torch.where(better, value, best)
        slope, price = probs.gather(1, line[:, None])[:, 0], delta[line]
        rises = slope * s < 1.0
        slope_a, price_a = torch.where(rises, slope, slope_a), torch.where(rises, price, price_a)
        slope_b, price_b = torch.where(rises, slope_b, slope), torch.where(rises, price_b, price)
        width = slope_b - slope_a
        crossing = (price_a - price_b) / torch.where(width > 0, width, 1.0)
        s = torch.where(width > 0, crossing, 1.0 / slope_b)
        s = torch.minimum(torch.maximum(s, 1.0 / slope_b), 1.0 / slope_a)
    return best
