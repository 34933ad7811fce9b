"""The interior point's K x K part: certificate, Newton system, step rules."""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_dual_rows import TO_BOUNDARY, sweep
from skcollision.pseudo_labels.kernels.cpu_dual_state import (
    AFFINE, BOUND, CENTER, CORRECT, DELTA, DONE, DUAL, FACTOR, LAM, LEFT, LEFT_D, LOG_P, MAX_ITER, MEAN,
    MU, N_ITER, OBJECTIVE, ORDER, PHASE, PREDICT, RESPONSE, RESPONSE_2ND, RESPONSE_MU,
    RHO_LOW, SECOND_ORDER, SIGMA_MU, STEP, SHORT, STEP_D, STEP_LOW, STEP_P, TOL, YZ, DualState,
)
from skcollision.pseudo_labels.kernels.cpu_math import jit

MAX_SHORT = 0.1
MAX_RES = 1.3


@jit
def solve_serial(state):
    """Iterate to the end in one thread."""
    phase = int(state.control[PHASE])
    while phase != DONE:
        for g in range(len(state.bounds) - 1):
            sweep(state, phase, g)
        advance(state)
        phase = int(state.control[PHASE])


@jit
def advance(state):
    """Reduce what a sweep left in the groups, decide, and set the next phase."""
    phase = int(state.control[PHASE])
    if phase == CENTER:
        state.control[PHASE] = FACTOR
    elif phase == FACTOR:
        after_factor(state)
    elif phase == PREDICT:
        after_predict(state)
    else:
        after_correct(state)


@jit
def after_factor(state):
    control, partials, sums = state.control, state.partials, state.sums
    lam, order = control[LAM], int(control[ORDER])
    if control[N_ITER] > 0:
        state.dual[DELTA] += control[STEP_D] * state.dual[STEP]
    for g in range(1, len(sums)):
        sums[0] += sums[g]
        partials[0] += partials[g]
        state.gram[0] += state.gram[g]
    value, gradient, curvature = fairness_conjugate(state.dual[DELTA], state.prior, lam, order)
    objective = fairness(partials[0, MEAN], state.prior, lam, order) - sums[0, LOG_P]
    control[OBJECTIVE] = objective
    control[BOUND] = max(control[BOUND], sums[0, DUAL] + value)
    converged = objective - control[BOUND] <= control[TOL] * max(1.0, abs(objective))
    if converged or control[N_ITER] >= control[MAX_ITER]:
        control[PHASE] = DONE
        return
    fill_hessian(state, gradient, curvature, lam, order)
    cholesky(state.hessian)
    cholesky_solve(state.hessian, gradient - partials[0, RESPONSE], state.dual[AFFINE])
    control[PHASE] = PREDICT


@jit
def fill_hessian(state, gradient, curvature, lam, order):
    h = state.hessian
    gram = state.gram[0]
    n = len(h)
    h[:] = 0.0
    for a in range(n):
        for b in range(a + 1, n):
            h[b, a] = -gram[a, b]
            h[a, a] += gram[a, b]
            h[b, b] += gram[a, b]
    trace = 0.0
    for a in range(n):
        h[a, a] += curvature[a]
        trace += h[a, a]
    if order == 1 or np.isinf(lam):
        for a in range(n):
            for b in range(a + 1):
                h[a, b] += trace / n**2 - (0.0 if np.isinf(lam) else gradient[a] * gradient[b] / lam)


@jit
def dual_step(state, direction):
    """Longest step of the slacks, of s and of v that keeps them positive."""
    low = 0.0
    for g in range(len(state.sums)):
        low = min(low, state.sums[g, RHO_LOW])
    lam = state.control[LAM]
    if state.control[ORDER] == 0 and not np.isinf(lam):
        for k in range(len(direction)):
            low = min(low, direction[k] / (lam + state.dual[DELTA, k]))
    return 1.0 / max(1e-30, -low)


@jit
def after_predict(state):
    control, partials, sums = state.control, state.partials, state.sums
    a_d = min(1.0, dual_step(state, state.dual[AFFINE]))
    for g in range(1, len(sums)):
        sums[0] += sums[g]
        partials[0, RESPONSE_MU] += partials[g, RESPONSE_MU]
        partials[0, RESPONSE_2ND] += partials[g, RESPONSE_2ND]
    yz = sums[0, YZ]
    left = sums[0, LEFT] + a_d * sums[0, LEFT_D]
    control[MU] = yz / len(state.prior)
    control[SIGMA_MU] = control[MU] * max(left / yz, 1e-2) ** 3
    control[SECOND_ORDER] = 1.0
    _, gradient, _ = fairness_conjugate(
        state.dual[DELTA], state.prior, control[LAM], int(control[ORDER])
    )
    rhs = gradient - partials[0, RESPONSE] - control[SIGMA_MU] * partials[0, RESPONSE_MU]
    rhs -= partials[0, RESPONSE_2ND]
    cholesky_solve(state.hessian, rhs, state.dual[STEP])
    control[PHASE] = CORRECT


@jit
def after_correct(state):
    control = state.control
    control[STEP_D] = min(1.0, TO_BOUNDARY * dual_step(state, state.dual[STEP]))
    short = 0.0
    low = 1.0
    for g in range(len(state.sums)):
        short += state.sums[g, SHORT]
        low = min(low, state.sums[g, STEP_LOW])
    gap = control[OBJECTIVE] - control[BOUND]
    free = short <= MAX_SHORT and gap <= MAX_RES * control[MU] * len(state.prior)
    control[STEP_P] = 1.0 if free else low
    control[N_ITER] += 1
    control[PHASE] = FACTOR


@jit
def fairness_conjugate(delta, prior, lam, order):
    n_clusters = len(prior)
    grad = np.empty(n_clusters)
    curv = np.zeros(n_clusters)
    value = 0.0
    if np.isinf(lam):
        for k in range(n_clusters):
            value += prior[k] * delta[k]
            grad[k] = prior[k]
    elif order == 0:
        for k in range(n_clusters):
            x = delta[k] / lam
            value += lam * prior[k] * np.log1p(x)
            grad[k] = prior[k] / (1.0 + x)
            curv[k] = prior[k] / (lam * (1.0 + x) ** 2)
    else:
        low = delta.min()
        total = 0.0
        for k in range(n_clusters):
            grad[k] = prior[k] * np.exp((low - delta[k]) / lam)
            total += grad[k]
        value = low - lam * np.log(total)
        for k in range(n_clusters):
            grad[k] /= total
            curv[k] = grad[k] / lam
    return value, grad, curv


@jit
def fairness(mean, prior, lam, order):
    value = 0.0
    if np.isinf(lam):
        for k in range(len(prior)):
            value = max(value, np.log(mean[k] / prior[k]))
    elif order == 0:
        for k in range(len(prior)):
            x = (mean[k] - prior[k]) / prior[k]
            value += lam * prior[k] * (x - np.log1p(x))
        value -= lam * (mean.sum() - 1.0)
    else:
        for k in range(len(prior)):
            value += lam * mean[k] * np.log(mean[k] / prior[k])
    return value


@jit
def cholesky(a):
    for j in range(len(a)):
        row_j = a[j]
        for k in range(j):
            row_k = a[k]
            dot = 0.0
            for m in range(k):
                dot += row_j[m] * row_k[m]
            row_j[k] = (row_j[k] - dot) / row_k[k]
        dot = 0.0
        for m in range(j):
            dot += row_j[m] * row_j[m]
        pivot = row_j[j] - dot
        row_j[j] = np.sqrt(pivot) if pivot > 1e-14 * abs(row_j[j]) + 1e-300 else 1e64


@jit
def cholesky_solve(a, b, x):
    n = len(a)
    for j in range(n):
        dot = 0.0
        for m in range(j):
            dot += a[j, m] * x[m]
        x[j] = (b[j] - dot) / a[j, j]
    for j in range(n - 1, -1, -1):
        x[j] /= a[j, j]
        for m in range(j):
            x[m] -= a[j, m] * x[j]
