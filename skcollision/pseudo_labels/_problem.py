"""The pseudo-label problem: data, solution, result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch


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


class Problem(NamedTuple):
    """A stack of R problems that share N, K, weights and lam; NumPy arrays or tensors."""

    probs: Any  # (R, N, K)
    weights: Any  # (N,), sums to 1
    prior: Any  # (R, K), rows sum to 1
    lam: float
    order: int  # index into FAIRNESS_ORDERS


class Solution(NamedTuple):
    """What a solver returns for a stack."""

    labels: Any  # (R, N, K)
    objective: Any  # (R,)
    bound: Any  # (R,), never above the optimum
    n_iter: Any  # (R,)
    delta: Any  # (R, K), v - lam


def is_solved(objective: Any, bound: Any, tol: float) -> Any:
    """Test the gap as every solver does: relative to the objective, absolute below one nat."""
    gap = objective - bound
    return (gap <= tol) | (gap <= tol * abs(objective))


def make_result(solution: Solution, lam: float, tol: float, labels: Any) -> PseudoLabelResult:
    """Put a stack's solution into its public form."""
    objective, bound, n_iter, delta = (
        each.cpu().numpy() if isinstance(each, torch.Tensor) else each for each in solution[1:]
    )
    gap = np.maximum(objective - bound, 0.0)
    return PseudoLabelResult(
        pseudo_labels=labels,
        objective=objective,
        duality_gap=gap,
        n_iter=n_iter,
        converged=np.isfinite(gap) & is_solved(objective, bound, tol),
        dual_variables=delta + (0.0 if np.isinf(lam) else lam),
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
