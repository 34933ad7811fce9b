"""Projected gradient descent, the paper's baseline and the oracle of the other solvers' tests."""

from __future__ import annotations

import torch
from torch import Tensor

from skcollision.pseudo_labels._one_problem import Found, OneProblem, each_problem, revive
from skcollision.pseudo_labels._problem import Problem, Solution, is_solved

# Steps between two looks at the certificate.
_CHECK_EVERY = 10


def solve_pgd(
    problem: Problem,
    *,
    tol: float,
    max_iter: int,
    init: Tensor | None = None,
    step_size: float | None = None,
) -> Solution:
    """Descend from ``init`` (uniform labels) to a relative duality gap or ``max_iter`` steps.

    ``step_size`` multiplies the gradient of N times the objective. A step that would raise the
    objective is taken back and the step size halved.
    """

    def solve_one(one: OneProblem, start: Tensor | None) -> Found:
        # the inverse of the curvature at balanced labels: lam / min(u) of the fairness term
        step = 1.0 / (one.lam / one.prior.min() + 1.0)
        if step_size is not None:
            step = torch.full_like(step, step_size)
        uniform = torch.full_like(one.probs, 1.0 / one.probs.shape[1])
        labels = uniform if start is None else revive(start)
        objective, mean, p = one.measure(labels)
        for n_iter in range(1, max_iter + 1):
            slope = -one.delta(mean) - one.lam
            moved = project(labels + step * (one.probs / p.clamp_min(one.tiny)[:, None] - slope))
            after = one.measure(moved)
            better = after[0] <= objective
            labels = torch.where(better, moved, labels)
            objective, mean, p = map(
                lambda new, old: torch.where(better, new, old), after, (objective, mean, p)
            )
            step = torch.where(better, step, 0.5 * step)
            if n_iter % _CHECK_EVERY == 0 and is_solved(objective, one.bound(mean), tol):
                break
        return labels, objective, one.bound(mean), n_iter, one.delta(mean)

    return each_problem(problem, solve_one, init)


def project(rows: Tensor) -> Tensor:
    """Project rows onto the simplex (Chen & Ye 2011)."""
    ordered = rows.sort(1, descending=True).values
    count = torch.arange(1, rows.shape[1] + 1, dtype=rows.dtype, device=rows.device)
    excess = (ordered.cumsum(1) - 1.0) / count
    last = (ordered > excess).sum(1, keepdim=True).clamp_min(1) - 1
    return (rows - excess.gather(1, last)).clamp_min(0.0)
