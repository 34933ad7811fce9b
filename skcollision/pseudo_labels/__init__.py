"""Pseudo-labels: the inner problem of self-labelling (interim version)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from skcollision._parallel import run_tasks
from skcollision.pseudo_labels.kernels import cpu_dual as kd
from skcollision.pseudo_labels.kernels import cpu_dual_state as ks
from skcollision.pseudo_labels.kernels import cpu_em as ke


@dataclass(frozen=True)
class PseudoLabelResult:
    """Interim."""

    pseudo_labels: Any
    objective: np.ndarray
    duality_gap: np.ndarray
    n_iter: np.ndarray
    converged: np.ndarray
    dual_variables: np.ndarray


def _state(probs, labels, weights, prior, lam, order, tol, max_iter, mu0, delta):
    n, k = probs.shape
    kd = ks
    ctl = np.zeros(kd.N_CONTROL)
    ctl[kd.MU], ctl[kd.TOL], ctl[kd.MAX_ITER] = mu0 / k if mu0 else 0.05 + 1 / k, tol, max_iter
    ctl[kd.LAM], ctl[kd.ORDER], ctl[kd.BOUND] = lam, order, -np.inf
    pad = -(-k // 4) * 4
    dual = np.zeros((3, k))
    dual[0] = delta
    return kd.DualState(
        probs, labels, weights, prior, np.empty((n, kd.N_POINT_COLUMNS)), np.array([0, n]), dual,
        np.zeros((k, k)), np.zeros((1, 4, k)),
        np.zeros((1, pad, pad)), np.zeros((1, kd.N_SUMS)), ctl,
    )


def solve_stack(
    probs, *, lam, prior=None, sample_weight=None, solver="dual", tol=1e-3, max_iter=None,
    warm_start=None, mu0=None,
) -> PseudoLabelResult:
    """Solve a stack (R, N, K), unchecked (interim)."""
    is_tensor = isinstance(probs, torch.Tensor)
    array = np.ascontiguousarray(probs.detach().numpy() if is_tensor else probs)
    n_stack, n, k = array.shape
    if isinstance(sample_weight, torch.Tensor):
        sample_weight = sample_weight.numpy()
    w = np.ones(n) if sample_weight is None else np.asarray(sample_weight, np.float64)
    w = w / w.sum()
    u = np.full(k, 1 / k) if prior is None else np.asarray(prior, np.float64)
    u = np.broadcast_to(u, (n_stack, k))
    labels = np.empty_like(array)
    v = np.zeros((n_stack, k))  # warm starts do not pay yet
    objective, gap = np.zeros(n_stack), np.zeros(n_stack)
    n_iter = np.zeros(n_stack, int)
    if max_iter is None:
        max_iter = 100 if solver == "dual" else 1000

    def one(r):
        if lam == 0:
            labels[r] = np.eye(k)[array[r].argmax(1)]
            objective[r] = -(w * np.log(array[r].max(1))).sum()
            return
        if solver == "em":
            labels[r] = 1 / k
            n_iter[r], objective[r] = ke.em_solve(
                array[r], labels[r], w, u[r].copy(), float(lam), tol, max_iter
            )
            gap[r] = np.nan
            return
        start = mu0
        st = _state(array[r], labels[r], w, u[r].copy(), float(lam), 0, tol, max_iter, start, v[r])
        kd.solve_serial(st)
        v[r] = st.dual[0]
        labels[r] /= labels[r].sum(1, keepdims=True)
        objective[r] = st.control[ks.OBJECTIVE]
        gap[r] = objective[r] - st.control[ks.BOUND]
        n_iter[r] = st.control[ks.N_ITER]

    run_tasks(one, n_stack)
    result = torch.from_numpy(labels) if is_tensor else labels
    return PseudoLabelResult(result, objective, gap, n_iter, gap <= tol, v)
