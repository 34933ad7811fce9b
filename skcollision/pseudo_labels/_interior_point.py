"""The exact solver: a primal-dual interior point for a stack of problems.

An iteration is three passes over the points (labels and slacks are N x K, the Newton system K x K),
with K-dimensional decisions between them. The decisions are here, the passes in `kernels.passes`
(NumPy arrays) and in `_torch_passes` (tensors of any device), which has the same names.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from skcollision.pseudo_labels._fairness import (
    conjugate,
    fairness,
    linearise,
    module_of,
    newton_factor,
    newton_solve,
    round_to_prior,
    rounding_cost,
)
from skcollision.pseudo_labels._problem import Problem, Solution, is_solved

# How much of the way to the boundary a step may go.
TO_BOUNDARY = 0.99
# Labels may step each for itself while, on average, steps fall short by this fraction at most ...
MAX_SHORT = 0.02
# ... and the gap is mostly the barrier's K mu, not what earlier short steps left undone.
MAX_GAP_TO_BARRIER = 1.5
# Iterations without a smaller gap after which only rounding errors are left to come.
PATIENCE = 40
# A gap is smaller if it is so by one percent: at rounding, luck makes ever smaller ones.
SMALLER = 0.99
# Rounding errors, in multiples of the type's: of the bound, a sum of differences of prices, as a
# fraction of the largest, and the least barrier K mu at which slacks still have some digits.
BOUND_ERROR, MIN_BARRIER = 50, 5000
# Clusters from which on the Newton system is most of the time.
MANY_CLUSTERS = 64
# Part of mu that a step aims at after one that got nowhere.
RECENTRE = 0.3


class Passes(Protocol):
    """The passes over the points of a stack; problems that are not active stay as they are."""

    labels: Any  # (R, N, K)

    def centre(self, mu: float) -> None:
        """Start near the central path at delta = 0."""

    def measure(self, active: Any, with_gram: Any, delta: Any, step_p: Any, step_d: Any) -> Any:
        """Take a step; return sums log_p, phi, yz, mean, share, response and, with_gram, gram."""

    def predict(self, active: Any, affine: Any) -> Any:
        """Follow the predictor; return sums left, left_d, low, response_mu and response_2nd."""

    def correct(self, active: Any, affine: Any, step: Any, sigma_mu: Any) -> Any:
        """Find the corrected direction; return sums low, shortest, short and missed."""


def solve(passes: Any, problem: Problem, *, tol: float, max_iter: int, linear: bool) -> Solution:
    """Solve (11) or (10), or with ``linear`` eq. (5) on ln(probs), to a certified relative gap.

    ``passes`` makes the passes of a problem. With ``linear`` and lam infinite, no two entries of
    ln(probs) differ by more than one: that is what moving a label may cost.
    """
    xp = module_of(problem.prior)
    limits = xp.zeros_like(problem.prior[:, 0], dtype=xp.int64) + max_iter
    solution, best = _iterate(passes(problem, linear), problem, tol, limits, linear)
    stalled = (best < solution.n_iter) & ~is_solved(solution.objective, solution.bound, tol)
    if not stalled.any():
        return solution
    # Past what rounding allows, labels drift away. Going to the best iterate again is cheaper than
    # copying each on the way.
    part = problem._replace(probs=problem.probs[stalled], prior=problem.prior[stalled])
    again, _ = _iterate(passes(part, linear), part, tol, best[stalled], linear)
    for name in ("labels", "objective", "n_iter", "delta"):
        getattr(solution, name)[stalled] = getattr(again, name)
    solution.bound[stalled] = xp.fmax(solution.bound[stalled], again.bound)
    return solution


def _iterate(
    passes: Passes, problem: Problem, tol: float, limits: Any, linear: bool
) -> tuple[Solution, Any]:
    """Iterate until each problem is solved, has stalled or is at its limit.

    Returns what is found, and the iterate of the smallest gap.
    """
    prior, lam, order = problem.prior, problem.lam, problem.order
    xp = module_of(prior)
    n_clusters, eps = prior.shape[1], float(xp.finfo(prior.dtype).eps)
    delta = mean = xp.zeros_like(prior)
    step_p = step_d = blocked = xp.zeros_like(prior[:, 0])
    objective, bound, best_gap = blocked + xp.inf, blocked - xp.inf, blocked + xp.inf
    n_iter = best = xp.zeros_like(limits)
    active = with_gram = limits >= 0
    # large enough that few problems are blocked at once; larger only adds iterations
    passes.centre(0.5 / n_clusters + 0.025)
    while True:
        sums = passes.measure(active, with_gram, delta, step_p, step_d)
        mean = xp.where(active[:, None], sums.mean, mean)
        if math.isinf(lam):
            unfairness = rounding_cost(mean, sums.share, prior)
            if linear:
                unfairness = (mean - prior).clip(0.0).sum(1)
        else:
            unfairness = fairness(mean, prior, lam, order)
        dual = sums.phi + conjugate(delta, prior, lam, order)
        dual = dual - BOUND_ERROR * eps * xp.amax(abs(delta), 1)
        objective = xp.where(active, unfairness - sums.log_p, objective)
        bound = xp.where(active, xp.fmax(bound, dual), bound)
        gap, scale = objective - bound, abs(objective).clip(1.0)
        better = active & ((gap < SMALLER * best_gap) | (n_iter == 0))
        best_gap, best = xp.where(better, gap, best_gap), xp.where(better, n_iter, best)
        active = active & ~is_solved(objective, bound, tol)
        active = active & (n_iter < limits) & (n_iter - best < PATIENCE)
        if not active.any():
            break
        if xp is np and (guessed := active & ~with_gram).any():
            passes.measure(guessed, guessed, delta, 0.0 * step_p, 0.0 * step_d)
        target, curvature = linearise(delta, mean, prior, lam, order)
        factor = newton_factor(sums.gram, curvature, lam, order)
        rhs = target - sums.response
        affine = newton_solve(factor, rhs)
        predicted = passes.predict(active, affine)
        mu = sums.yz / n_clusters
        length = _longest_step(predicted.low, affine, delta, problem).clip(None, 1.0)
        left = predicted.left + length * predicted.left_d
        sigma_mu = mu * (left / sums.yz).clip(1e-2) ** 3
        # not far along a direction that, as the last step showed, can not be followed far
        sigma_mu = xp.fmax(sigma_mu, RECENTRE * blocked**2 * mu)
        # no further than the tolerance asks for, nor where slacks are rounding errors
        enough = (0.1 * tol * scale).clip(MIN_BARRIER * eps) / n_clusters
        sigma_mu = xp.fmax(sigma_mu, enough)
        rhs = rhs - sigma_mu[:, None] * predicted.response_mu - predicted.response_2nd
        step = newton_solve(factor, rhs)
        # rounding may have made the direction meaningless: stay
        active = active & xp.isfinite(step).all(1)
        step = xp.where(active[:, None], step, 0.0 * delta)
        corrected = passes.correct(active, affine, step, sigma_mu)
        length = _longest_step(corrected.low, step, delta, problem)
        step_d = (TO_BOUNDARY * length).clip(None, 1.0)
        alone = (corrected.short <= MAX_SHORT) & (gap <= MAX_GAP_TO_BARRIER * mu * n_clusters)
        alone = alone & (_imbalance_cost(corrected.missed, problem) <= gap)
        step_p = xp.where(alone, 0.0 * gap + 1.0, corrected.shortest)
        blocked = 1.0 - xp.minimum(step_p, step_d)
        delta = delta + step_d[:, None] * step
        n_iter = n_iter + active
        if xp is np:
            # a wrong guess costs another measure, which is little beside the Newton system
            length = 0.5 * (step_p + step_d)
            left = (1.0 - length) * gap + length * n_clusters * sigma_mu
            with_gram = left > (2.0 if n_clusters > MANY_CLUSTERS else 1.0) * tol * scale
    return Solution(*_finish(passes.labels, mean, problem, linear), bound, n_iter, delta), best


def _longest_step(low: Any, step: Any, delta: Any, problem: Problem) -> Any:
    """Return the longest step that keeps v positive, and slacks and s, by ``low``."""
    if problem.order == 0 and not math.isinf(problem.lam):
        xp = module_of(step)
        low = xp.minimum(low, xp.amin(step / (problem.lam + delta), 1))
    return 1.0 / (-low).clip(1e-30)


def _imbalance_cost(missed: Any, problem: Problem) -> Any:
    """Return what it costs that labels step each for itself: the mean is missed.

    To second order; to first where lam is infinite, since rounding to the prior takes the excess
    from the labels.
    """
    if math.isinf(problem.lam):
        return 0.5 * abs(missed).sum(1)
    return 0.5 * problem.lam * (missed**2 / problem.prior).sum(1)


def _finish(labels: Any, mean: Any, problem: Problem, linear: bool) -> tuple[Any, Any]:
    """Normalise the labels, round them to a prior that they must meet; return their objective."""
    xp, hard = module_of(labels), math.isinf(problem.lam)
    labels /= xp.einsum("rnk->rn", labels)[:, :, None]
    if hard:
        labels = round_to_prior(labels, mean, problem.prior)
    p = xp.einsum("rnk,rnk->rn", labels, problem.probs)
    objective = -((p if linear else xp.log(p)) * problem.weights).sum(1)
    if not hard:
        objective = objective + fairness(mean, problem.prior, problem.lam, problem.order)
    return labels, objective
