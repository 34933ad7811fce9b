"""The K-dimensional part of the dual: fairness terms, their conjugates, the Newton system.

The dual variable is kept as delta = v - lam: differences of v are of the order of one however large
lam is, and with lam infinite delta is the multiplier of the hard constraint mean(y) = prior.
"""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_math import exact_jit, jit

# Values of DualState.control[ORDER]: which fairness term.
PRIOR_TO_MEAN, MEAN_TO_PRIOR = range(2)


@exact_jit
def fairness(mean, prior, lam, order):
    """Return lam KL(prior || mean), lam KL(mean || prior), or the bound for lam infinite.

    For lam infinite: what rounding the labels to mean = prior costs at most (see ``finish``).
    """
    value = 0.0
    if np.isinf(lam):
        for k in range(len(prior)):
            value = max(value, np.log(mean[k] / prior[k]))
    elif order == PRIOR_TO_MEAN:
        # u ln(u/m) = u (x - ln(1 + x)) - (m - u) with x = m/u - 1: no cancellation for large lam
        for k in range(len(prior)):
            x = (mean[k] - prior[k]) / prior[k]
            value += lam * prior[k] * (x - np.log1p(x))
    else:
        for k in range(len(prior)):
            x = mean[k] / prior[k]
            if x > 0.0:
                value += lam * prior[k] * (x * np.log(x) - (x - 1.0))
    return value


@exact_jit
def fairness_conjugate(delta, prior, lam, order, gradient, curvature):
    """Return min over means m of fairness(m) + (lam + delta)'m - lam; fill its derivatives.

    (11): lam sum u ln(1 + delta/lam), gradient u / (1 + delta/lam) = lam u / v, diagonal curvature.
    (10), over means that sum to one: -lam ln sum u exp(-delta/lam), gradient g = the softmax, and
    curvature (diag(g) - g g')/lam, of which only the diagonal is filled.
    lam infinite, both: prior'delta.
    """
    n_clusters = len(prior)
    value = 0.0
    if np.isinf(lam):
        for k in range(n_clusters):
            value += prior[k] * delta[k]
            gradient[k] = prior[k]
            curvature[k] = 0.0
        return value
    if order == PRIOR_TO_MEAN:
        for k in range(n_clusters):
            x = delta[k] / lam
            value += lam * prior[k] * np.log1p(x)
            gradient[k] = prior[k] / (1.0 + x)
            curvature[k] = gradient[k] / (lam * (1.0 + x))
        return value
    low = np.inf
    for k in range(n_clusters):
        low = min(low, delta[k])
    total = 0.0
    for k in range(n_clusters):
        gradient[k] = prior[k] * np.exp((low - delta[k]) / lam)
        total += gradient[k]
    for k in range(n_clusters):
        gradient[k] /= total
        curvature[k] = gradient[k] / lam
    return low - lam * np.log(total)


@exact_jit
def fill_hessian(hessian, gram, gradient, curvature, lam, order):
    """Lower triangle of -D'' = mean Q + curvature.

    Q 1 = 0, so its diagonal is minus the sum of the rest: exact, where the difference
    diag(d) - d d'/D0 would cancel terms of size 1/mu.
    """
    n = len(hessian)
    hessian[:] = 0.0
    for a in range(n):
        for b in range(a + 1, n):
            hessian[b, a] = -gram[a, b]
            hessian[a, a] += gram[a, b]
            hessian[b, b] += gram[a, b]
    trace = 0.0
    for a in range(n):
        hessian[a, a] += curvature[a]
        trace += hessian[a, a]
    if order == MEAN_TO_PRIOR or np.isinf(lam):
        # the dual does not change along 1: fix that direction, which the right-hand side lacks
        inverse = 0.0 if np.isinf(lam) else 1.0 / lam
        for a in range(n):
            for b in range(a + 1):
                hessian[a, b] += trace / n**2 - gradient[a] * gradient[b] * inverse


@jit
def cholesky(matrix):
    """Factor in place, from and to the lower triangle; a pivot lost to rounding stops its row."""
    for j in range(len(matrix)):
        row_j = matrix[j]
        for k in range(j):
            row_k = matrix[k]
            dot = 0.0
            for m in range(k):
                dot += row_j[m] * row_k[m]
            row_j[k] = (row_j[k] - dot) / row_k[k]
        dot = 0.0
        for m in range(j):
            dot += row_j[m] * row_j[m]
        pivot = row_j[j] - dot
        row_j[j] = np.sqrt(pivot) if pivot > 1e-14 * row_j[j] + 1e-300 else 1e64


@jit
def cholesky_solve(factor, rhs, solution):
    """Solve with the factor of ``cholesky``."""
    n = len(factor)
    for j in range(n):
        dot = 0.0
        for m in range(j):
            dot += factor[j, m] * solution[m]
        solution[j] = (rhs[j] - dot) / factor[j, j]
    for j in range(n - 1, -1, -1):
        x = solution[j] / factor[j, j]
        solution[j] = x
        for m in range(j):
            solution[m] -= factor[j, m] * x
