"""Labels of the competing methods: optimal transport (SeLa) and MIADM.

Both score a label by Shannon's cross-entropy -y'ln(sigma) in place of -ln(sigma'y).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skcollision._parallel import row_blocks, run_tasks
from skcollision.pseudo_labels._dual import solve_dual
from skcollision.pseudo_labels._problem import Problem, Solution, fairness_value, solve_restarts
from skcollision.pseudo_labels.kernels.cpu_sinkhorn import cost_rows, round_rows, softmax_rows


def log_probs(problem: Problem) -> Problem:
    """Return the problem with ln(probs), zeros taken for the smallest normal number."""
    tiny = np.finfo(problem.probs.dtype).tiny
    return replace(problem, probs=np.log(np.maximum(problem.probs, tiny)))


def solve_miadm(problem: Problem, *, tol: float, max_iter: int) -> Solution:
    """Solve eq. (5), mean_i H(y_i, sigma_i) + lam KL, exactly; lam=inf is optimal transport."""
    return solve_dual(log_probs(problem), tol=tol, max_iter=max_iter, linear=True)


def solve_miadm_closed_form(problem: Problem, **_: object) -> Solution:
    """Return MIADM's approximate labels, y_k proportional to sigma_k (u_k / mean_k)^(lam/(1+lam)).

    With an entropy term (KL(y‖sigma) for H(y, sigma)) the optimum is y_k ~ sigma_k (u_k/ȳ_k)^lam.
    Summing that over the points as if its normalisation were the same for all gives ȳ_k ~
    mean_k^(1/(1+lam)) u_k^(lam/(1+lam)), mean the predictions' mean. lam = 1 with uniform u is the
    published form, sigma_k / mean_k^(1/2). Objective and bound are those of eq. (5).
    """
    exponent = 1.0 if np.isinf(problem.lam) else problem.lam / (1.0 + problem.lam)
    logs = log_probs(problem)

    def solve_one(r: int, labels: np.ndarray) -> tuple[float, float, int, np.ndarray]:
        mean = problem.weights @ problem.probs[r]
        potential = exponent * np.log(problem.prior[r] / np.maximum(mean, 1e-300))
        label_mean, _ = _softmax(logs, r, potential, 1.0, labels)
        cost, _ = _costs(logs, r, labels)
        return cost + fairness_value(problem, r, label_mean), -np.inf, 1, potential

    return solve_restarts(problem, np.empty_like(problem.probs), solve_one)


def solve_sinkhorn(
    problem: Problem, *, tol: float, max_iter: int, warm_start: np.ndarray | None = None
) -> Solution:
    """Solve SeLa's transport: min mean_i -y'ln(sigma) + (1/lam) y'ln(y) with mean label u.

    y_k ~ (sigma_k exp(v_k))^lam, and Sinkhorn's iteration v += ln(u/ȳ)/lam in log space. At the
    end the labels are rounded to meet the constraint exactly: the gap is one of feasible labels.
    """
    logs = log_probs(problem)

    def solve_one(r: int, labels: np.ndarray) -> tuple[float, float, int, np.ndarray]:
        prior = problem.prior[r]
        potential = np.zeros(len(prior)) if warm_start is None else warm_start[r].copy()
        bound = -np.inf
        for n_iter in range(1, max_iter + 1):  # noqa: B007 (it is returned)
            mean, lse = _softmax(logs, r, potential, problem.lam, labels)
            bound = max(bound, float(prior @ potential) - lse / problem.lam)
            # what moving a label between two clusters can cost, times how much is misplaced
            spread = 1.0 + np.ptp(potential)
            if np.abs(mean - prior).sum() * spread <= tol:
                break
            potential += np.log(prior / np.maximum(mean, 1e-300)) / problem.lam
        _round_to_prior(labels, mean, prior)
        cost, entropy = _costs(logs, r, labels)
        return cost + entropy / problem.lam, bound, n_iter, potential

    return solve_restarts(problem, np.empty_like(problem.probs), solve_one)


def _softmax(
    logs: Problem, r: int, potential: np.ndarray, sharpness: float, labels: np.ndarray
) -> tuple[np.ndarray, float]:
    """Fill the labels; return their mean and the mean of the rows' logsumexp."""
    blocks = row_blocks(*labels.shape)
    means = np.zeros((len(blocks) - 1, labels.shape[1]))
    lse = np.empty(len(means))

    def task(g: int) -> None:
        start, stop = blocks[g : g + 2]
        lse[g] = softmax_rows(
            logs.probs[r], potential, sharpness, labels, logs.weights, means[g], start, stop
        )

    run_tasks(task, len(means))
    return means.sum(axis=0), float(lse.sum())


def _costs(logs: Problem, r: int, labels: np.ndarray) -> tuple[float, float]:
    """Return the means of -y'ln(sigma) and y'ln(y)."""
    blocks = row_blocks(*labels.shape)
    parts = np.empty((len(blocks) - 1, 2))

    def task(g: int) -> None:
        parts[g] = cost_rows(logs.probs[r], labels, logs.weights, blocks[g], blocks[g + 1])

    run_tasks(task, len(parts))
    cost, entropy = parts.sum(axis=0)
    return float(cost), float(entropy)


def _round_to_prior(labels: np.ndarray, mean: np.ndarray, prior: np.ndarray) -> None:
    """Move labels so that their mean, now ``mean``, becomes the prior."""
    keep = np.minimum(1.0, prior / np.maximum(mean, 1e-300))
    missing = np.maximum(prior - mean, 0.0)
    fill = missing / max(missing.sum(), 1e-300)
    blocks = row_blocks(*labels.shape)

    def task(g: int) -> None:
        round_rows(labels, keep, fill, blocks[g], blocks[g + 1])

    run_tasks(task, len(blocks) - 1)
