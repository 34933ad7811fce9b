"""Labels to a loose tolerance: the smoothed dual, climbed without a K x K system.

Labels are smoothed by eps times their entropy, which makes the dual smooth; its curvature is near
enough to its diagonal that Newton on each price alone climbs it in ten or twenty passes, each of
O(N K) time (`kernels.prices`). Smoothing begins coarse and is made finer where it is most of the
gap. The gap is that of the labels and prices themselves, so smoothing is in it.
"""

from __future__ import annotations

import math

import numpy as np

from skcollision._parallel import run_tasks
from skcollision.pseudo_labels._fairness import (
    conjugate,
    fairness,
    mean_of_delta,
)
from skcollision.pseudo_labels._problem import Problem, Solution, is_solved

# At tolerances from here on this takes less time than the interior point, far less for many
# clusters. The interior point takes over where so many passes do not reach the tolerance.
LOOSE_TOL, MAX_PASSES = 3e-3, 100
# Smoothing at first, and by what it changes at most.
FIRST_EPS, REFINE = 0.04, 0.5
# The furthest that a price may move in a pass, and the least part of eps / mean.
MAX_MOVE, LEAST_CURVATURE = 0.3, 0.05
# Predictions a block of points; blocks depend on the sizes alone, so sums do not depend on threads.
BLOCK = 1 << 18


def is_worth_it(problem: Problem, tol: float) -> bool:
    """Tell whether to try this before the interior point."""
    _, n_points, n_clusters = problem.probs.shape
    fits = 2 <= n_clusters <= n_points
    return fits and tol >= LOOSE_TOL and math.isfinite(problem.lam)


def solve_by_prices(problem: Problem, *, tol: float, max_iter: int) -> Solution:
    """Solve (11) or (10) to a loose relative gap, or as near as it gets."""
    n_stack, _, n_clusters = problem.probs.shape
    solution = Solution(
        labels=np.empty_like(problem.probs),
        objective=np.empty(n_stack),
        bound=np.empty(n_stack),
        n_iter=np.empty(n_stack, dtype=np.int64),
        delta=np.empty((n_stack, n_clusters)),
    )

    def task(r: int) -> None:
        with np.errstate(all="ignore"):
            found = _climb(problem, r, solution.labels[r], tol, max_iter)
        for array, value in zip(solution[1:], found, strict=True):
            array[r] = value

    run_tasks(task, n_stack)
    return solution


def _climb(
    problem: Problem, r: int, labels: np.ndarray, tol: float, max_iter: int
) -> tuple[float, float, int, np.ndarray]:
    """Climb the dual of one problem and fill its labels; return objective, bound, passes, delta."""
    prior, fair = problem.prior[r], (problem.prior[r], problem.lam, problem.order)
    probs, least = problem.probs[r], -0.9 * problem.lam
    s = 1.0 / probs.max(axis=1).astype(np.float64)
    # prices of another batch are no better a start than none: they fit its points, not these
    delta, eps, bound, before = np.zeros(len(prior)), FIRST_EPS, -np.inf, None
    for n_iter in range(1, min(max_iter, MAX_PASSES) + 1):  # noqa: B007 (it is returned)
        sums, mean, curvature = _sweep(probs, problem.weights, delta, eps, s, labels)
        of_fairness = conjugate(delta, *fair)
        objective = float(fairness(mean.clip(1e-12), *fair) - sums[2])
        bound = max(bound, float(sums[0] + of_fairness))
        if is_solved(objective, bound, tol):
            break
        value = sums[1] + of_fairness
        if before is not None and value < before[1]:
            # the last step was too long
            delta = 0.5 * (delta + before[0])
            continue
        before = delta, value
        wanted = mean_of_delta(delta, *fair)
        scale = 1.0 + delta / problem.lam if problem.order == 0 else 1.0
        curvature += wanted / (problem.lam * scale)
        floor = LEAST_CURVATURE * np.minimum(mean, wanted) / eps
        move = (wanted - mean) / np.maximum(np.maximum(curvature, floor), 1e-300)
        delta = np.maximum(delta + move.clip(-MAX_MOVE, MAX_MOVE), least)
        gap = objective - bound
        if sums[3] > 0.5 * gap:
            eps, before = REFINE * eps, None
    return objective, bound, n_iter, delta


def _sweep(
    probs: np.ndarray,
    weights: np.ndarray,
    delta: np.ndarray,
    eps: float,
    s: np.ndarray,
    labels: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pass over the points, a block a task; return the sums, the mean label and the curvature."""
    from skcollision.pseudo_labels.kernels.prices import sweep

    n_points, n_clusters = probs.shape
    n_blocks = max(1, min(32, probs.size // BLOCK))
    bounds = np.linspace(0, n_points, n_blocks + 1).astype(np.int64)
    sums, vectors = np.zeros((n_blocks, 4)), np.zeros((n_blocks, 2, n_clusters))

    def task(g: int) -> None:
        where = int(bounds[g]), int(bounds[g + 1])
        sweep(probs, weights, delta, eps, *where, s, labels, sums[g], *vectors[g])

    run_tasks(task, n_blocks)
    mean, curvature = vectors.sum(axis=0)
    return sums.sum(axis=0), mean, curvature
