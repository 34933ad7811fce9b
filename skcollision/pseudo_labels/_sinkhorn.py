"""Labels of the competing methods: optimal transport (SeLa) and MIADM.

Both score a label by Shannon's cross-entropy -y'ln(sigma) in place of -ln(sigma'y).
"""

from __future__ import annotations

import torch
from torch import Tensor

from skcollision.pseudo_labels._fairness import fairness, module_of, round_to_prior
from skcollision.pseudo_labels._one_problem import Found, OneProblem, each_problem
from skcollision.pseudo_labels._problem import Problem, Solution

# Iterations between two looks at the constraint where the device would have to be waited for.
_CHECK_EVERY = 10


def log_probs(problem: Problem) -> Problem:
    """Return the problem with ln(probs), zeros taken for the smallest normal number of float32."""
    xp = module_of(problem.probs)
    return problem._replace(probs=xp.log(problem.probs.clip(torch.finfo(torch.float32).tiny)))


def solve_miadm_closed_form(problem: Problem, **_: object) -> Solution:
    """Return MIADM's approximate labels, y_k proportional to sigma_k (u_k / mean_k)^(lam/(1+lam)).

    With an entropy term (KL(y‖sigma) for H(y, sigma)) the optimum is y_k ~ sigma_k (u_k/ȳ_k)^lam.
    Summing that over the points as if its normalisation were the same for all gives ȳ_k ~
    mean_k^(1/(1+lam)) u_k^(lam/(1+lam)), mean the predictions' mean. lam = 1 with uniform u is the
    published form, sigma_k / mean_k^(1/2). Objective and bound are those of eq. (5).
    """

    def solve_one(one: OneProblem, _: Tensor | None) -> Found:
        logs = one.probs
        mean = one.weights @ logs.exp()
        potential = one.lam / (1.0 + one.lam) * (one.prior / mean.clamp_min(one.tiny)).log()
        labels = (logs + potential).softmax(1)
        unfair = fairness(one.weights @ labels, one.prior, one.lam, one.order)
        objective = unfair - one.weights @ (labels * logs).sum(1)
        return labels, objective, torch.full_like(objective, -torch.inf), 1, potential

    return each_problem(log_probs(problem), solve_one)


def solve_sinkhorn(
    problem: Problem, *, tol: float, max_iter: int, warm_start: Tensor | None = None
) -> Solution:
    """Solve SeLa's transport: min mean_i -y'ln(sigma) + (1/lam) y'ln(y) with mean label u.

    y_k ~ (sigma_k exp(v_k))^lam, and Sinkhorn's iteration v += ln(u/ȳ)/lam in log space. At the
    end the labels are rounded to meet the constraint exactly: the gap is one of feasible labels.
    """

    def solve_one(one: OneProblem, start: Tensor | None) -> Found:
        logs, prior, lam = one.probs, one.prior, one.lam
        potential = torch.zeros_like(prior) if start is None else start
        bound = torch.full_like(prior[0], -torch.inf)
        for n_iter in range(1, max_iter + 1):
            scores = lam * (logs + potential)
            mean = one.weights @ scores.softmax(1)
            of_points = one.weights @ scores.logsumexp(1) / lam
            bound = torch.maximum(bound, prior @ potential - of_points)
            # what moving a label between two clusters can cost, times how much is misplaced
            spread = 1.0 + potential.max() - potential.min()
            last = logs.device.type == "cpu" or n_iter % _CHECK_EVERY == 0 or n_iter == max_iter
            if n_iter == max_iter or (last and (mean - prior).abs().sum() * spread <= tol):
                break
            potential = potential + (prior / mean.clamp_min(one.tiny)).log() / lam
        labels = round_to_prior(scores.softmax(1)[None], mean[None], prior[None])[0]
        cost, entropy = (labels * logs).sum(1), torch.special.xlogy(labels, labels).sum(1)
        return labels, one.weights @ (entropy / lam - cost), bound, n_iter, potential

    return each_problem(log_probs(problem), solve_one, warm_start)
