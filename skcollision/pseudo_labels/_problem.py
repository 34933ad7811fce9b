"""The pseudo-label problem: data, objective, certificate, result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skcollision._parallel import n_threads, row_blocks, run_tasks
from skcollision.pseudo_labels.kernels.cpu_dual_system import fairness, fairness_conjugate
from skcollision.pseudo_labels.kernels.cpu_envelope import bound_rows

FAIRNESS_ORDERS = ("KL(u||y)", "KL(y||u)")


@dataclass(frozen=True)
class PseudoLabelResult:
    """Pseudo-labels with a certificate of how good they are.

    For a single problem (N, K) the numbers are plain Python scalars; for a stack (R, N, K) they are
    NumPy arrays of shape (R,).

    Attributes
    ----------
    pseudo_labels : ndarray or Tensor of shape (N, K) or (R, N, K)
        Soft labels, rows on the simplex; type, dtype and device of the input.
    objective : float or ndarray of shape (R,)
        Objective of ``pseudo_labels``, in nats.
    duality_gap : float or ndarray of shape (R,)
        ``objective - duality_gap`` is a lower bound of the optimum, in nats. Infinite if the solver
        has no bound.
    n_iter : int or ndarray of shape (R,)
        Iterations taken.
    converged : bool or ndarray of shape (R,)
        Whether ``duality_gap <= tol * max(1, abs(objective))``.
    dual_variables : ndarray of shape (K,) or (R, K)
        One price a cluster, v of the dual; accepted as ``warm_start``. For a hard constraint
        (``lam`` infinite) and for ``fairness="KL(y||u)"`` only differences of prices matter.

    Examples
    --------
    >>> import numpy as np
    >>> from skcollision.pseudo_labels import solve_pseudo_labels
    >>> result = solve_pseudo_labels(np.array([[0.9, 0.1], [0.6, 0.4]]), lam=10.0)
    >>> result.converged, result.pseudo_labels.argmax(axis=1).tolist()
    (True, [0, 1])
    """

    pseudo_labels: Any
    objective: Any
    duality_gap: Any
    n_iter: Any
    converged: Any
    dual_variables: Any


@dataclass(frozen=True)
class Problem:
    """A stack of R problems that share N, K, weights and lam."""

    probs: np.ndarray  # (R, N, K) float32 or float64, C order
    weights: np.ndarray  # (N,) float64, sums to 1
    prior: np.ndarray  # (R, K) float64, rows sum to 1
    lam: float
    order: int  # index into FAIRNESS_ORDERS


@dataclass(frozen=True)
class Solution:
    """What a solver returns for a stack; ``bound`` is a lower bound of the optimum."""

    labels: np.ndarray  # (R, N, K)
    objective: np.ndarray  # (R,)
    bound: np.ndarray  # (R,)
    n_iter: np.ndarray  # (R,)
    delta: np.ndarray  # (R, K), v - lam


def is_solved(objective: float, bound: float, tol: float) -> bool:
    """Test the gap as every solver does: relative to the objective, absolute below one nat."""
    return objective - bound <= tol * max(1.0, abs(objective))


def make_result(solution: Solution, problem: Problem, tol: float, labels: Any) -> PseudoLabelResult:
    """Put a stack's solution into its public form."""
    gap = np.maximum(solution.objective - solution.bound, 0.0)
    shift = 0.0 if np.isinf(problem.lam) else problem.lam
    return PseudoLabelResult(
        pseudo_labels=labels,
        objective=solution.objective,
        duality_gap=gap,
        n_iter=solution.n_iter,
        converged=np.isfinite(gap) & (gap <= tol * np.maximum(1.0, np.abs(solution.objective))),
        dual_variables=solution.delta + shift,
    )


def first_of_stack(result: PseudoLabelResult) -> PseudoLabelResult:
    """Turn the result of a stack of one into that of a single problem."""
    return PseudoLabelResult(
        pseudo_labels=result.pseudo_labels[0],
        objective=float(result.objective[0]),
        duality_gap=float(result.duality_gap[0]),
        n_iter=int(result.n_iter[0]),
        converged=bool(result.converged[0]),
        dual_variables=result.dual_variables[0],
    )


def fairness_value(problem: Problem, r: int, mean: np.ndarray) -> float:
    """Return the fairness term of problem r at labels of this mean, lam finite."""
    return float(fairness(mean, problem.prior[r], problem.lam, problem.order))


def dual_of_mean(problem: Problem, r: int, mean: np.ndarray) -> np.ndarray:
    """Return delta = v - lam at which the fairness term's conjugate has this mean.

    v = lam u / mean for (11) and -lam ln(mean/u), up to a shift, for (10).
    """
    ratio = np.maximum(mean, 1e-300) / problem.prior[r]
    if problem.order == 0:
        return np.asarray(problem.lam * (1.0 / ratio - 1.0))
    return np.asarray(-problem.lam * np.log(ratio))


def lower_bound(problem: Problem, r: int, delta: np.ndarray) -> float:
    """Return D(v) of problem r: never above the optimum, whatever delta."""
    probs = problem.probs[r]
    blocks = row_blocks(*probs.shape)
    parts = np.empty(len(blocks) - 1)

    def task(g: int) -> None:
        parts[g] = bound_rows(probs, problem.weights, delta, blocks[g], blocks[g + 1])

    run_tasks(task, len(parts))
    conjugate = fairness_conjugate(delta, problem.prior[r], problem.lam, problem.order)
    return float(parts.sum() + conjugate)


def uniform_labels(problem: Problem) -> np.ndarray:
    """Return uniform labels, a fresh array."""
    return np.full_like(problem.probs, 1.0 / problem.probs.shape[2])


def solve_restarts(
    problem: Problem,
    labels: np.ndarray,
    solve_one: Callable[[int, np.ndarray], tuple[float, float, int, np.ndarray]],
    side_by_side: bool | None = None,
) -> Solution:
    """Solve the problems of a stack, each in place of its starting labels.

    ``solve_one(r, labels)`` returns objective, bound, iterations and delta. Threads take a problem
    each (``side_by_side``, the default where there are enough), or all share one after another.
    """
    n_stack, _, n_clusters = problem.probs.shape
    solution = Solution(
        labels=labels,
        objective=np.empty(n_stack),
        bound=np.empty(n_stack),
        n_iter=np.empty(n_stack, dtype=np.int64),
        delta=np.empty((n_stack, n_clusters)),
    )

    def task(r: int) -> None:
        (
            solution.objective[r],
            solution.bound[r],
            solution.n_iter[r],
            solution.delta[r],
        ) = solve_one(r, labels[r])

    if n_stack >= n_threads() if side_by_side is None else side_by_side:
        run_tasks(task, n_stack)
    else:
        for r in range(n_stack):
            task(r)
    return solution
