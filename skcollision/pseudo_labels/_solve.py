"""The two entries: the public one checks, the other one computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skcollision._parallel import n_threads, run_tasks
from skcollision.pseudo_labels import _interior_point
from skcollision.pseudo_labels import _validation as check
from skcollision.pseudo_labels._em import solve_em
from skcollision.pseudo_labels._fairness import FAIRNESS_ORDERS
from skcollision.pseudo_labels._kernel_passes import KernelPasses
from skcollision.pseudo_labels._pgd import solve_pgd
from skcollision.pseudo_labels._prices import is_worth_it, solve_by_prices
from skcollision.pseudo_labels._problem import (
    Problem,
    PseudoLabelResult,
    Solution,
    first_of_stack,
    is_solved,
    make_result,
)
from skcollision.pseudo_labels._sinkhorn import (
    log_probs,
    solve_miadm_closed_form,
    solve_sinkhorn,
)
from skcollision.pseudo_labels._torch_passes import TorchPasses

# Below it 1 / lam overflows in some solver, and labels do not depend on lam any more.
LEAST_LAM = 1e-300
# Predictions of a stack from which on threads share its problems: below, waking them takes longer.
_SHARED_FROM = 20_000
# Clusters up to which the interior point may take over: its systems are K x K.
_MOST_CLUSTERS = 4000


def _solve_dual(problem: Problem, *, tol: float, max_iter: int) -> Solution:
    """Run the interior point, or for a loose tolerance what is cheaper."""
    if isinstance(problem.probs, Tensor) or not is_worth_it(problem, tol):
        return _solve_exactly(problem, tol, max_iter)
    solution = solve_by_prices(problem, tol=tol, max_iter=max_iter)
    failed = ~is_solved(solution.objective, solution.bound, tol)
    if failed.any() and problem.probs.shape[2] <= _MOST_CLUSTERS:
        part = problem._replace(probs=problem.probs[failed], prior=problem.prior[failed])
        for array, values in zip(solution, _solve_exactly(part, tol, max_iter), strict=True):
            array[failed] = values
    return solution


def _solve_miadm(problem: Problem, *, tol: float, max_iter: int) -> Solution:
    """Run the interior point on eq. (5), in a unit in which to move a label costs about one."""
    # Predictions of zero cost ln of the smallest float32: prices would have to go as far.
    problem = log_probs(problem)
    span = float(problem.probs.max() - problem.probs.min())
    unit = max(1.0, min(span, problem.lam))
    problem = problem._replace(probs=problem.probs / unit, lam=problem.lam / unit)
    found = _solve_exactly(problem, tol / unit, max_iter, linear=True)
    return found._replace(
        objective=unit * found.objective, bound=unit * found.bound, delta=unit * found.delta
    )


def _solve_exactly(
    problem: Problem, tol: float, max_iter: int, *, linear: bool = False
) -> Solution:
    """Run the interior point on tensors or arrays."""
    if isinstance(problem.probs, Tensor):
        return _interior_point.solve(
            TorchPasses, problem, tol=tol, max_iter=max_iter, linear=linear
        )
    return _solve_shared(problem, tol, max_iter, linear)


def _solve_shared(problem: Problem, tol: float, max_iter: int, linear: bool) -> Solution:
    """Run the interior point on arrays, threads taking a share of the problems each."""
    n_stack = len(problem.probs)
    n_shares = min(n_threads(), n_stack) if problem.probs.size >= _SHARED_FROM else 1
    bounds = np.linspace(0, n_stack, n_shares + 1).astype(int)
    found: list[Any] = [None] * n_shares

    def task(index: int) -> None:
        part = slice(*bounds[index : index + 2])
        probs = problem.probs[part].astype(np.float64, order="C", copy=False)
        share = problem._replace(probs=probs, prior=problem.prior[part])
        with np.errstate(all="ignore"):
            found[index] = _interior_point.solve(
                KernelPasses, share, tol=tol, max_iter=max_iter, linear=linear
            )

    run_tasks(task, n_shares)
    return Solution(*map(np.concatenate, zip(*found, strict=True)))


@dataclass(frozen=True)
class _Solver:
    """A solver with what it can do."""

    solve: Callable[..., Solution]
    max_iter: int
    options: tuple[str, ...] = ()
    orders: tuple[str, ...] = FAIRNESS_ORDERS
    infinite_lam: bool = False
    zero_lam: bool = True
    on_arrays: bool = False  # or on tensors only


_em_only: Any = {"options": ("init",), "orders": FAIRNESS_ORDERS[:1]}
SOLVERS = {
    "dual": _Solver(_solve_dual, 200, infinite_lam=True, on_arrays=True),
    "em": _Solver(solve_em, 1000, **_em_only),
    "em-newton": _Solver(partial(solve_em, newton="x"), 1000, **_em_only),
    "em-squarem": _Solver(partial(solve_em, accelerate=True), 1000, **_em_only),
    "pgd": _Solver(solve_pgd, 10_000, ("init", "step_size")),
    "sinkhorn": _Solver(solve_sinkhorn, 1000, ("warm_start",), zero_lam=False),
    "miadm": _Solver(_solve_miadm, 200, infinite_lam=True, on_arrays=True),
    "miadm-approx": _Solver(solve_miadm_closed_form, 1),
}


def solve_pseudo_labels(
    probs: Any,
    *,
    lam: float,
    prior: Any = None,
    sample_weight: Any = None,
    solver: str = "dual",
    fairness: str = "KL(u||y)",
    from_logits: bool = False,
    init: Any = None,
    tol: float = 1e-6,
    max_iter: int | None = None,
    warm_start: Any = None,
    step_size: float | None = None,
) -> PseudoLabelResult:
    r"""Solve for the pseudo-labels of self-labelling, with a certificate.

    Minimises, over soft labels :math:`y_i` on the simplex and for fixed predictions
    :math:`\sigma_i`,

    .. math:: \frac1N \sum_i -\ln(\sigma_i^\top y_i) + \lambda\,KL(u \Vert \bar y) ,

    eq. (11) of [1]_, or with :math:`KL(\bar y \Vert u)`, eq. (10). The problem is convex. The
    default solver finds its optimum; the others are the paper's EM and what it is compared with.

    Parameters
    ----------
    probs : array-like or Tensor of shape (N, K) or (R, N, K)
        Predictions :math:`\sigma`, rows on the simplex; or logits, with ``from_logits=True``.
        A tensor on another device than the CPU is solved for there.
        A stack (R, N, K) is R problems that share ``lam`` and ``sample_weight``.
    lam : float
        Weight :math:`\lambda \ge 0` of the fairness term; ``inf`` demands :math:`\bar y = u`, and 0
        gives one-hot labels at the largest prediction. For ``"sinkhorn"``, SeLa's :math:`\lambda`:
        the inverse of the weight of the entropy of the labels.
    prior : array-like of shape (K,) or (R, K), optional
        Target proportions :math:`u`, positive. Uniform by default.
    sample_weight : array-like of shape (N,), optional
        Weights of the points in both means; only their ratios matter.
    solver : str, default="dual"
        - ``"dual"``: exact, by a primal-dual interior point; for finite ``lam`` and a ``tol``
          of 3e-3 or more first by O(N K) passes over the smoothed dual, to that certificate.
        - ``"em"``: the paper's Algorithm 1, with Newton's method on the reciprocal of the secular
          equation; ``"em-newton"`` with the paper's Newton steps, the same labels in more steps;
          ``"em-squarem"`` accelerated. Only for (11) and finite ``lam``.
        - ``"pgd"``: projected gradient descent, the paper's baseline. Only for finite ``lam``.
        - ``"miadm"``: eq. (5), with :math:`-y^\top\ln\sigma` for :math:`-\ln(\sigma^\top y)`;
          ``"miadm-approx"`` its published closed form. ``lam=inf`` is optimal transport.
        - ``"sinkhorn"``: SeLa's labels, entropic transport to the prior; ``fairness`` is not used.
    fairness : {"KL(u||y)", "KL(y||u)"}, default="KL(u||y)"
        Order of the divergence: eq. (11) or eq. (10).
    from_logits : bool, default=False
        Whether ``probs`` are logits. Predictions then never underflow to zero.
    init : array-like or Tensor of the shape of ``probs``, optional
        Labels to start from. By default the predictions for EM, uniform labels for PGD.
    tol : float, default=1e-6
        Duality gap to stop at, relative to ``max(1, abs(objective))``.
    max_iter : int, optional
        Most iterations: sweeps of EM, steps of PGD. The default depends on the solver (200 for
        ``"dual"``, which takes 5 to 50).
    warm_start : ndarray of shape (K,) or (R, K), optional
        ``dual_variables`` of an earlier call. Used by ``"sinkhorn"``; ``"dual"`` starts cold, which
        is faster.
    step_size : float, optional
        Step of ``"pgd"``, on the gradient of N times the objective. By default the inverse of the
        fairness term's curvature.

    Returns
    -------
    PseudoLabelResult
        Labels, objective in nats, duality gap, iterations, whether converged, dual variables.

    Raises
    ------
    ValueError, TypeError
        For a parameter out of range, named in the message.

    Notes
    -----
    Labels of ``"dual"`` are positive, however small, except where it takes passes over the smoothed
    dual, whose labels of unlikely clusters are 0. The gap of every solver comes from the dual
    function [2]_, evaluated at the labels' own prices, except for ``"miadm-approx"``, which has
    none.

    References
    ----------
    .. [1] Zhang & Boykov, "Collision Cross-entropy for Soft Class Labels and Deep Clustering",
       arXiv 2303.07321.
    .. [2] Boyd & Vandenberghe, "Convex Optimization", section 5.5.

    Examples
    --------
    >>> import numpy as np
    >>> from skcollision.pseudo_labels import solve_pseudo_labels
    >>> probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]])
    >>> result = solve_pseudo_labels(probs, lam=np.inf)
    >>> result.pseudo_labels.mean(axis=0).round(6)
    array([0.5, 0.5])
    >>> result.converged, result.duality_gap < 1e-6
    (True, True)
    """
    probs = check.check_probs(probs, from_logits)
    single = probs.ndim == 2
    n_points, n_clusters = probs.shape[-2:]
    check.check_settings(lam=lam, fairness=fairness, tol=tol, max_iter=max_iter)
    check.check_choice("solver", solver, tuple(SOLVERS))
    _check_abilities(solver, float(lam), fairness, init, step_size)
    prior = check.check_prior(prior, None if single else probs.shape[0], n_clusters)
    init = check.check_labels(init, tuple(probs.shape))
    if warm_start is not None:
        shape = (n_clusters,) if single else (probs.shape[0], n_clusters)
        warm_start = check.check_array("warm_start", warm_start, shape)
    result = solve_stack(
        probs[None] if single else probs,
        lam=float(lam),
        prior=prior,
        sample_weight=check.check_weights(sample_weight, n_points),
        solver=solver,
        fairness=fairness,
        from_logits=from_logits,
        init=init[None] if init is not None and single else init,
        tol=float(tol),
        max_iter=max_iter,
        warm_start=warm_start[None] if warm_start is not None and single else warm_start,
        step_size=step_size,
    )
    return first_of_stack(result) if single else result


def solve_stack(
    probs: Any,
    *,
    lam: float,
    prior: Any = None,
    sample_weight: Any = None,
    solver: str = "dual",
    fairness: str = "KL(u||y)",
    from_logits: bool = False,
    init: Any = None,
    tol: float = 1e-6,
    max_iter: int | None = None,
    warm_start: Any = None,
    step_size: float | None = None,
) -> PseudoLabelResult:
    """Solve a stack (R, N, K) without checks: what a training loop calls on every batch.

    Parameters and result are those of :func:`solve_pseudo_labels`.

    Examples
    --------
    >>> import torch
    >>> from skcollision.pseudo_labels import solve_stack
    >>> solve_stack(torch.zeros(2, 5, 3), lam=10.0, from_logits=True).duality_gap.shape
    (2,)
    """
    chosen = SOLVERS[solver]
    limit = chosen.max_iter if max_iter is None else int(max_iter)
    given = {"init": init, "step_size": step_size, "warm_start": warm_start}
    options = {name: given[name] for name in chosen.options}
    on_arrays = chosen.on_arrays and not is_on_device(probs) and lam != 0
    with torch.no_grad():
        problem = _make_problem(probs, from_logits, sample_weight, prior, lam, fairness, on_arrays)
        if on_arrays:
            names = ("probs", "weights", "prior")
            problem = problem._replace(**{name: getattr(problem, name).numpy() for name in names})
        for name in ("init", "warm_start"):
            if options.get(name) is not None:
                options[name] = _as_tensor(options[name], problem.probs)
        solve = _solve_without_fairness if lam == 0 else chosen.solve
        solution = solve(problem, tol=tol, max_iter=limit, **options)
        return make_result(solution, lam, tol, _labels_like(solution.labels, probs))


def _check_abilities(
    solver: str, lam: float, fairness: str, init: Any, step_size: float | None
) -> None:
    """Raise for a combination of parameters that the solver cannot handle."""
    chosen = SOLVERS[solver]
    if fairness not in chosen.orders:
        check.fail("fairness", f"{chosen.orders[0]!r} with solver={solver!r}", repr(fairness))
    if np.isinf(lam) and not chosen.infinite_lam:
        check.fail("lam", f"finite with solver={solver!r}", lam)
    if lam == 0 and not chosen.zero_lam:
        check.fail("lam", f"positive with solver={solver!r}", lam)
    if init is not None and "init" not in chosen.options:
        check.fail("init", f"None with solver={solver!r}", "an array")
    if step_size is not None:
        if "step_size" not in chosen.options:
            check.fail("step_size", f"None with solver={solver!r}", step_size)
        check.check_real("step_size", step_size, low=0, strict=True, finite=True)


def is_on_device(probs: Any) -> bool:
    """Tell whether predictions are on a device that kernels cannot reach."""
    return isinstance(probs, Tensor) and probs.device.type != "cpu"


def _make_problem(
    probs: Any,
    from_logits: bool,
    sample_weight: Any,
    prior: Any,
    lam: float,
    fairness: str,
    as_given: bool,
) -> Problem:
    """Return the problem in tensors where the predictions are.

    These are float64 where the device has that or, ``as_given``, of the type that they are.
    """
    if not isinstance(probs, Tensor):
        # torch warns of arrays that it may not write to
        probs = torch.from_numpy(np.require(probs, requirements=["C", "W"]))
    double = torch.float32 if probs.device.type == "mps" else torch.float64
    dtype = double
    if as_given and probs.dtype != torch.float64:
        dtype = torch.float32
    probs = probs.detach().to(dtype)
    if not as_given:
        probs = probs.contiguous()
    if from_logits:
        # a prediction of exactly zero would say "never", which no finite logit does
        probs = probs.softmax(2).clamp_min(torch.finfo(torch.float32).tiny)
    n_stack, n_points, n_clusters = probs.shape
    like = torch.empty(0, dtype=double, device=probs.device)
    weights = _as_tensor(torch.ones(n_points) if sample_weight is None else sample_weight, like)
    prior = _as_tensor(torch.ones(n_clusters) if prior is None else prior, like)
    rows = (prior / prior.sum(-1, keepdim=True)).expand(n_stack, n_clusters).contiguous()
    order = FAIRNESS_ORDERS.index(fairness)
    weights = weights / weights.amax()  # the sum may be beyond float64
    return Problem(probs, weights / weights.sum(), rows, max(lam, LEAST_LAM), order)


def _as_tensor(values: Any, like: Tensor) -> Tensor:
    """Return values as a tensor of another's type and device."""
    if not isinstance(values, Tensor):
        # a copy, because torch warns of arrays that it may not write to
        values = torch.from_numpy(np.array(values, dtype=np.float64))
    return values.detach().to(like.device, like.dtype)


def _solve_without_fairness(problem: Problem, **_: object) -> Solution:
    """Return one-hot labels at the largest prediction: the optimum for lam = 0, with no gap."""
    largest, best = problem.probs.max(2, keepdim=True)
    objective = -(largest[..., 0].log() * problem.weights).sum(1)
    return Solution(
        labels=torch.zeros_like(problem.probs).scatter_(2, best, 1.0),
        objective=objective,
        bound=objective,
        n_iter=torch.zeros_like(objective, dtype=torch.int64),
        delta=torch.zeros_like(problem.prior),
    )


def _labels_like(labels: Any, probs: Any) -> Any:
    """Return labels as the type, dtype, device and layout of the input."""
    labels = torch.as_tensor(labels)
    if isinstance(probs, Tensor):
        return torch.empty_like(probs).copy_(labels)
    return labels.numpy().astype(probs.dtype, order="C", copy=False)
