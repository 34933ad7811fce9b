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
    from skcollision.pseudo_labels.kernels.prices import LANES, N_KNOWN, N_ROWS, S

    n_stack, n_points, n_clusters = problem.probs.shape
    lam, order, least = problem.lam, problem.order, -0.9 * problem.lam
    # Points of one cluster stand together, so that a group has few clusters; the last group is
    # filled up with points that have no weight.
    places = problem.probs.argmax(axis=2).argsort(axis=1, kind="stable")
    places = np.pad(places, ((0, 0), (0, -n_points % LANES)), mode="edge")
    weights = problem.weights[places]
    weights[:, n_points:] = 0
    groups = (n_stack, places.shape[1] // LANES, LANES)
    probs = np.empty((*groups[:2], n_clusters, LANES), problem.probs.dtype)
    for own, each, rows in zip(probs, problem.probs, places, strict=True):
        own[:] = each[rows].reshape(*groups[1:], n_clusters).transpose(0, 2, 1)
    weights = weights.reshape(groups)
    labels, points = np.empty_like(probs), np.empty((*groups[:2], N_ROWS, LANES), probs.dtype)
    points[:, :, S] = 1.0 / probs.max(axis=2)
    solution = Solution(
        labels=np.empty(problem.probs.shape, probs.dtype),
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
        mean, curvature = _sweep(probs, weights, rows, delta, eps, points, labels)
        s, top, norm, p = points[rows, :, :N_KNOWN].transpose(2, 0, 1, 3)
        w = weights[rows]
        of_fairness = conjugate(delta, *fair)
        phi = (w * (1.0 + np.log(s) - top)).sum((1, 2))
        value = phi - eps * (w * np.log(norm)).sum((1, 2)) + of_fairness
        coarseness = (w * (top - s * p)).sum((1, 2)) - (mean * delta).sum(1)
        objective = fairness(mean.clip(1e-12), *fair) - (w * np.log(p)).sum((1, 2))
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
    for found, each, rows in zip(solution.labels, labels, places, strict=True):
        found[rows] = each.transpose(0, 2, 1).reshape(-1, n_clusters)
    return solution


def _sweep(
    probs: np.ndarray,
    weights: np.ndarray,
    rows: np.ndarray,
    delta: np.ndarray,
    eps: np.ndarray,
    points: np.ndarray,
    labels: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Pass over the points of some problems; return their mean labels and curvatures (A, K)."""
    from skcollision.pseudo_labels.kernels.prices import sweep

    _, n_groups, n_clusters, n_lanes = probs.shape
    of_problem = n_groups * n_lanes * n_clusters
    n_blocks = max(1, min(32, of_problem // BLOCK))
    bounds = np.arange(n_blocks + 1) * n_groups // n_blocks
    vectors = np.zeros((len(rows), n_blocks, 2, n_clusters))

    def task(index: int) -> None:
        n, g = divmod(index, n_blocks)
        r, part = rows[n], bounds[g : g + 2]
        sweep(probs[r], weights[r], delta[n], eps[n], *part, points[r], labels[r], *vectors[n, g])

    with nullcontext() if len(rows) * of_problem >= SHARED_FROM else serial():
        run_tasks(task, len(rows) * n_blocks)
    sums = vectors.sum(axis=1)
    return sums[:, 0], sums[:, 1]
