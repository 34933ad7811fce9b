"""The exact solution for two clusters: the dual has one variable (kernels.cpu_two_clusters)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skcollision.pseudo_labels._problem import (
    Problem,
    Solution,
    fairness_value,
    solve_restarts,
)
from skcollision.pseudo_labels.kernels.cpu_dual_system import fairness_conjugate
from skcollision.pseudo_labels.kernels.cpu_two_clusters import (
    LARGEST_ROOT,
    fill_handicaps,
    find_root,
    mean_label,
    preferences,
    put_labels,
    root_of_mean,
)

# Rounding error of the bound, as a fraction of the largest price.
_BOUND_ERROR = 1e-14


class _Root(NamedTuple):
    """What the labels follow from."""

    a: int  # the cluster in excess
    t: float  # inverse of the difference of prices
    tie: float  # label for a of points that prefer neither
    delta: np.ndarray  # (2,), v - lam
    n_iter: int


def solve_two_clusters(problem: Problem, *, max_iter: int) -> Solution:
    """Solve (11) or (10) for K = 2 to rounding error, or as far as ``max_iter`` Newton steps go."""
    all_probs = problem.probs.view()
    # one variant of the kernels, as in `_dual`
    all_probs.flags.writeable = False

    def solve_one(r: int, labels: np.ndarray) -> tuple[float, float, int, np.ndarray]:
        probs, weights, prior = all_probs[r], problem.weights, problem.prior[r]
        handicaps = np.empty(len(probs))
        root = _find_root(probs, weights, prior, problem.lam, problem.order, max_iter, handicaps)
        a, t, tie, delta, n_iter = root
        keep = 1.0
        if np.isinf(problem.lam) and n_iter:
            keep = _rounding(mean_label(handicaps, weights, t)[0], prior[a])
        mean, log_p, bound = put_labels(probs, handicaps, weights, a, t, tie, keep, delta, labels)
        objective = -log_p
        if not np.isinf(problem.lam):
            objective += fairness_value(problem, r, _in_order(a, mean, 1.0 - mean))
        bound += fairness_conjugate(delta, prior, problem.lam, problem.order)
        bound -= _BOUND_ERROR * np.abs(delta).max()
        return objective, bound, n_iter, delta

    return solve_restarts(problem, np.empty_like(problem.probs), solve_one)


def _find_root(
    probs: np.ndarray,
    weights: np.ndarray,
    prior: np.ndarray,
    lam: float,
    order: int,
    max_iter: int,
    handicaps: np.ndarray,
) -> _Root:
    """Fill the handicaps and find the root of the dual."""
    *masses, undecided = preferences(probs, weights)
    a = 0 if masses[0] - prior[0] >= masses[1] - prior[1] else 1
    largest = fill_handicaps(probs, a, handicaps)
    if masses[a] <= prior[a]:
        # each point has what it prefers, and those that prefer neither make up the proportions
        tie = (prior[a] - masses[a]) / undecided if undecided > 0 else 0.0
        return _Root(a, LARGEST_ROOT, min(max(tie, 0.0), 1.0), np.zeros(2), 0)
    # there all have what they prefer, and the fairness term wants no more than that
    high = max(largest + 1.0, root_of_mean(masses[a], prior[a], lam, order))
    t, mean, n_iter = find_root(handicaps, weights, high, prior[a], lam, order, max_iter)
    # v - lam: where v = lam u / mean, the quadratic for the mean leaves this, without cancellation
    return _Root(a, t, 0.0, _in_order(a, (mean - 1.0) / t, mean / t), n_iter)


def _rounding(mean: float, share: float) -> float:
    """Return the factor that brings a mean to its share: of a, or inversely of what is not a."""
    return share / mean if mean > share else (1.0 - mean) / (1.0 - share)


def _in_order(a: int, of_a: float, of_other: float) -> np.ndarray:
    return np.array([of_a, of_other] if a == 0 else [of_other, of_a])
