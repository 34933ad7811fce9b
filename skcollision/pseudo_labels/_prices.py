"""Labels to a loose tolerance: the smoothed dual, climbed without a K x K system.

Labels are smoothed by eps times their entropy, which makes the dual smooth; its curvature is near
enough to its diagonal that Newton on each price alone climbs it in ten or twenty passes, each of
O(N K) time (`kernels.prices`). Smoothing begins coarse and is made finer where it is most of the
gap. The gap is that of the labels and prices themselves, so smoothing is in it.
"""

from __future__ import annotations

import math
from contextlib import nullcontext

import numpy as np

from skcollision._parallel import run_tasks, serial
from skcollision.pseudo_labels._fairness import conjugate, fairness, mean_of_delta
from skcollision.pseudo_labels._problem import Problem, Solution, is_solved

# At tolerances from here on this takes less time than the interior point, far less for many
# clusters. The interior point takes over where so many passes do not reach the tolerance.
LOOSE_TOL, MAX_PASSES = 3e-3, 100
# Smoothing at first, and by what it changes at most.
FIRST_EPS, REFINE = 0.04, 0.5
# The furthest that a price may move in a pass, and the least part of eps / mean.
MAX_MOVE, LEAST_CURVATURE = 0.3, 0.03
# Predictions a block of points; blocks depend on the sizes alone, so sums do not depend on threads.
# With fewer predictions than the second, waking threads takes longer than they save.
BLOCK, SHARED_FROM = 1 << 18, 1 << 16


def is_worth_it(problem: Problem, tol: float) -> bool:
    """Tell whether to try this before the interior point."""
    _, n_points, n_clusters = problem.probs.shape
    fits = 2 <= n_clusters <= n_points
    return fits and tol >= LOOSE_TOL and math.isfinite(problem.lam)


def solve_by_prices(problem: Problem, *, tol: float, max_iter: int) -> Solution:
    """Solve (11) or (10) to a loose relative gap, or as near as it gets."""
    with np.errstate(all="ignore"):
        return _climb(problem, tol, min(max_iter, MAX_PASSES))


def _climb(problem: Problem, tol: float, max_passes: int) -> Solution:
    """Climb the duals of a stack side by side; each problem leaves it when it is solved."""
    probs = np.ascontiguousarray(problem.probs.transpose(0, 2, 1))
    n_stack, n_clusters, n_points = probs.shape
    lam, order, least = problem.lam, problem.order, -0.9 * problem.lam
    labels, known = np.empty_like(probs), np.empty((n_stack, 4, n_points), probs.dtype)
    known[:, 0] = 1.0 / probs.max(axis=1)
    solution = Solution(
        labels=labels.transpose(0, 2, 1),
        objective=np.empty(n_stack),
        bound=np.full(n_stack, -np.inf),
        n_iter=np.empty(n_stack, dtype=np.int64),
        delta=np.empty((n_stack, n_clusters)),
    )
    rows, eps = np.arange(n_stack), np.full(n_stack, FIRST_EPS)
    # prices of another batch are no better a start than none: they fit its points, not these
    delta = best = np.zeros((n_stack, n_clusters))
    value_of_best = np.full(n_stack, -np.inf)
    for n_iter in range(1, max_passes + 1):
        fair = problem.prior[rows], lam, order
        mean, curvature = _sweep(probs, problem.weights, rows, delta, eps, known, labels)
        s, top, norm, p = known[rows].transpose(1, 0, 2)
        of_fairness = conjugate(delta, *fair)
        phi = (1.0 + np.log(s) - top) @ problem.weights
        value = phi - eps * (np.log(norm) @ problem.weights) + of_fairness
        coarseness = (top - s * p) @ problem.weights - (mean * delta).sum(1)
        objective = fairness(mean.clip(1e-12), *fair) - np.log(p) @ problem.weights
        bound = np.maximum(solution.bound[rows], phi + of_fairness)
        for array, found in zip(solution[1:], (objective, bound, n_iter, delta), strict=True):
            array[rows] = found
        wanted = mean_of_delta(delta, *fair)
        curvature += wanted / (lam + delta if order == 0 else lam)
        floor = LEAST_CURVATURE * np.minimum(mean, wanted) / eps[:, None]
        move = (wanted - mean) / np.maximum(np.maximum(curvature, floor), 1e-300)
        after = np.maximum(delta + move.clip(-MAX_MOVE, MAX_MOVE), least)
        is_worse = value < value_of_best  # the last step was too long
        after = np.where(is_worse[:, None], 0.5 * (delta + best), after)
        best = np.where(is_worse[:, None], best, delta)
        # finer smoothing has values of its own
        is_coarse = ~is_worse & (coarseness > 0.5 * (objective - bound))
        value_of_best = np.where(is_coarse, -np.inf, np.maximum(value, value_of_best))
        eps = np.where(is_coarse, REFINE * eps, eps)
        left = ~is_solved(objective, bound, tol)
        if not left.any():
            break
        rows, eps, delta, best, value_of_best = (
            each[left] for each in (rows, eps, after, best, value_of_best)
        )
    return solution


def _sweep(
    probs: np.ndarray,
    weights: np.ndarray,
    rows: np.ndarray,
    delta: np.ndarray,
    eps: np.ndarray,
    known: np.ndarray,
    labels: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Pass over the points of some problems; return their mean labels and curvatures (A, K)."""
    from skcollision.pseudo_labels.kernels.prices import sweep

    _, n_clusters, n_points = probs.shape
    n_blocks = max(1, min(32, n_points * n_clusters // BLOCK))
    bounds = np.linspace(0, n_points, n_blocks + 1).astype(np.int64)
    vectors = np.zeros((len(rows), n_blocks, 2, n_clusters))

    def task(index: int) -> None:
        n, g = divmod(index, n_blocks)
        r, where = rows[n], (bounds[g], bounds[g + 1])
        sweep(probs[r], weights, delta[n], eps[n], *where, known[r], labels[r], *vectors[n, g])

    is_shared = len(rows) * n_points * n_clusters >= SHARED_FROM
    with nullcontext() if is_shared else serial():
        run_tasks(task, len(rows) * n_blocks)
    sums = vectors.sum(axis=1)
    return sums[:, 0], sums[:, 1]
