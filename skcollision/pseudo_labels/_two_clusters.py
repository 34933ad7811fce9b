"""The exact solution for two clusters, where the dual has one variable (kernels.cpu_two_clusters)."""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels._problem import (
    Problem,
    Solution,
    fairness_value,
    lower_bound,
    solve_restarts,
)
from skcollision.pseudo_labels.kernels.cpu_two_clusters import (
    fill_handicaps,
    find_root,
    mean_label,
    preferences,
    price_of_mean,
    put_labels,
)

# Rounding error of the bound, as a fraction of the largest price.
_BOUND_ERROR = 1e-14
# t where the price difference is none; not infinite, as infinity less a handicap might be NaN.
_FREE = float(np.finfo(np.float64).max)


def solve_two_clusters(problem: Problem, *, max_iter: int) -> Solution:
    """Solve (11) or (10) for K = 2 to rounding error, or as far as ``max_iter`` Newton steps go."""
    probs = problem.probs.view()
    probs.flags.writeable = False

    def solve_one(r: int, labels: np.ndarray) -> tuple[float, float, int, np.ndarray]:
        a, t, tie, delta, n_iter, handicaps = _solve(
            probs[r], problem.weights, problem.prior[r], problem.lam, problem.order, max_iter
        )
        keep = 1.0
        if np.isinf(problem.lam) and n_iter:
            keep = _rounding(mean_label(handicaps, problem.weights, t)[0], problem.prior[r, a])
        mean_a, log_p = put_labels(probs[r], handicaps, problem.weights, a, t, tie, keep, labels)
        objective = -log_p
        if not np.isinf(problem.lam):
            mean = _in_order(a, mean_a, 1.0 - mean_a)
            objective += fairness_value(problem, r, mean)
        bound = lower_bound(problem, r, delta) - _BOUND_ERROR * np.abs(delta).max()
        return objective, bound, n_iter, delta

    return solve_restarts(problem, np.empty_like(problem.probs), solve_one)


def _solve(
    probs: np.ndarray,
    weights: np.ndarray,
    prior: np.ndarray,
    lam: float,
    order: int,
    max_iter: int,
) -> tuple[int, float, float, np.ndarray, int, np.ndarray]:
    """Return the cluster in excess, t, the label of ties for it, delta, iterations and handicaps."""
    *masses, undecided = preferences(probs, weights)
    a = 0 if masses[0] - prior[0] >= masses[1] - prior[1] else 1
    handicaps = np.empty(len(probs))
    largest = fill_handicaps(probs, a, handicaps)
    if masses[a] <= prior[a]:
        # each point has what it prefers, and those that prefer neither make up the proportions
        tie = (prior[a] - masses[a]) / undecided if undecided > 0 else 0.0
        return a, _FREE, min(max(tie, 0.0), 1.0), np.zeros(2), 0, handicaps
    # there all have what they prefer, and the fairness term wants no more than that
    high = max(largest + 1.0, 1.0 / price_of_mean(masses[a], prior[a], lam, order))
    t, mean, n_iter = find_root(handicaps, weights, high, prior[a], lam, order, max_iter)
    # v - lam: where v = lam u / mean, the quadratic for the mean leaves this, without cancellation
    delta = _in_order(a, (mean - 1.0) / t, mean / t)
    return a, t, 0.0, delta, n_iter, handicaps


def _rounding(mean: float, share: float) -> float:
    """Return the factor that brings a mean to its share: of a, or inversely of what is not a."""
    return share / mean if mean > share else (1.0 - mean) / (1.0 - share)


def _in_order(a: int, of_a: float, of_other: float) -> np.ndarray:
    return np.array([of_a, of_other] if a == 0 else [of_other, of_a])
