"""The problem without fairness, whose solution is a formula."""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels._problem import Problem, Solution


def solve_without_fairness(problem: Problem) -> Solution:
    """Return one-hot labels at the largest prediction: the optimum for lam = 0, with no gap."""
    n_stack, _, n_clusters = problem.probs.shape
    labels = np.zeros_like(problem.probs)
    best = problem.probs.argmax(axis=2)[..., None]
    np.put_along_axis(labels, best, 1.0, axis=2)
    largest = np.take_along_axis(problem.probs, best, axis=2)[..., 0].astype(np.float64)
    objective = -np.log(largest) @ problem.weights
    return Solution(
        labels=labels,
        objective=objective,
        bound=objective.copy(),
        n_iter=np.zeros(n_stack, dtype=np.int64),
        delta=np.zeros((n_stack, n_clusters)),
    )
