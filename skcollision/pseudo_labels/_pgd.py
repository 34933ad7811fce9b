"""Projected gradient descent, the paper's baseline and the oracle of the other solvers' tests."""

from __future__ import annotations

import numpy as np

from skcollision._parallel import row_blocks, run_tasks
from skcollision.pseudo_labels._problem import (
    Problem,
    Solution,
    dual_of_mean,
    fairness_value,
    is_solved,
    lower_bound,
    solve_restarts,
    uniform_labels,
)
from skcollision.pseudo_labels.kernels.cpu_em_leap import block_means
from skcollision.pseudo_labels.kernels.cpu_simplex import step_rows

# Steps between two looks at the certificate.
_CHECK_EVERY = 10


def solve_pgd(
    problem: Problem,
    *,
    tol: float,
    max_iter: int,
    init: np.ndarray | None = None,
    step_size: float | None = None,
) -> Solution:
    """Descend from ``init`` (uniform labels) to a relative duality gap or ``max_iter`` steps.

    ``step_size`` multiplies the gradient of N times the objective. A step that would raise the
    objective is taken back and the step size halved.
    """

    def solve_one(r: int, labels: np.ndarray) -> tuple[float, float, int, np.ndarray]:
        step = default_step(problem, r) if step_size is None else step_size
        return _descend(problem, r, labels, step, tol, max_iter)

    labels = uniform_labels(problem) if init is None else np.array(init, problem.probs.dtype)
    return solve_restarts(problem, labels, solve_one)


def default_step(problem: Problem, r: int) -> float:
    """Return the inverse of the curvature at balanced labels: lam / min(u) of the fairness term."""
    return float(1.0 / (problem.lam / problem.prior[r].min() + 1.0))


def _descend(
    problem: Problem, r: int, labels: np.ndarray, step: float, tol: float, max_iter: int
) -> tuple[float, float, int, np.ndarray]:
    blocks = row_blocks(*labels.shape)
    current, other = labels, np.empty_like(labels)
    means = np.empty((len(blocks) - 1, labels.shape[1]))
    block_means(labels.reshape(-1), problem.weights, 1, blocks, 0, 1, means)
    mean = means.sum(axis=0)
    objective = np.inf
    n_iter = 0
    for n_iter in range(1, max_iter + 1):
        slope = fairness_slope(problem, r, mean)
        new_mean, log_p = _step(problem, r, current, other, slope, step, blocks)
        new_objective = fairness_value(problem, r, new_mean) - log_p
        if new_objective <= objective:
            current, other = other, current
            mean, objective = new_mean, new_objective
        else:
            step *= 0.5
        if n_iter % _CHECK_EVERY == 0:
            bound = lower_bound(problem, r, dual_of_mean(problem, r, mean))
            if is_solved(objective, bound, tol):
                break
    if current is not labels:
        labels[:] = current
    delta = dual_of_mean(problem, r, mean)
    return objective, lower_bound(problem, r, delta), n_iter, delta


def fairness_slope(problem: Problem, r: int, mean: np.ndarray) -> np.ndarray:
    """Return the gradient of the fairness term with respect to the labels' mean."""
    return np.asarray(-dual_of_mean(problem, r, mean) - problem.lam)


def _step(
    problem: Problem,
    r: int,
    labels: np.ndarray,
    target: np.ndarray,
    slope: np.ndarray,
    step: float,
    blocks: np.ndarray,
) -> tuple[np.ndarray, float]:
    """Take a step into ``target``; return the new mean and the mean of ln(sigma'y)."""
    means = np.zeros((len(blocks) - 1, labels.shape[1]))
    log_p = np.empty(len(means))

    def task(g: int) -> None:
        start, stop = blocks[g : g + 2]
        log_p[g] = step_rows(
            problem.probs[r], labels, target, problem.weights, slope, step, means[g], start, stop
        )

    run_tasks(task, len(means))
    return means.sum(axis=0), float(log_p.sum())
