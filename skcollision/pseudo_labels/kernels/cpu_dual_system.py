"""The K-dimensional part of the dual: fairness terms, their conjugates, the Newton system.

The dual variable is kept as delta = v - lam: differences of v are of the order of one however large
lam is, and with lam infinite delta is the multiplier of the hard constraint mean(y) = prior.
"""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_math import exact_jit, inner_exact_jit, inner_jit

# Values of DualState.control[ORDER]: which fairness term.
PRIOR_TO_MEAN, MEAN_TO_PRIOR = range(2)


@exact_jit
def fairness(mean, prior, lam, order):
    """Return lam KL(prior || mean) or lam KL(mean || prior), lam finite."""
    value = 0.0
    if order == PRIOR_TO_MEAN:
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


@inner_exact_jit
def rounding_cost(mean, share, prior, linear):
    """Return what rounding the labels to mean = prior costs at most (see ``finish``).

    It keeps a fraction f_k >= min(prior / mean, 1) of each label, and p = sigma'y falls to
    sum_k share_k f_k p with share_k = sigma_k y_k / p: by Jensen's inequality -ln p rises by
    sum_k share_k ln(1 / f_k) at most. ``share`` has the means over the points.
    """
    highest = value = 0.0
    for k in range(len(prior)):
        loss = max(0.0, np.log(mean[k] / prior[k]))
        highest = max(highest, loss)
        value += share[k] * loss
    return highest if linear else value


@exact_jit
def fairness_conjugate(delta, prior, lam, order):
    """Return min over means m of fairness(m) + (lam + delta)'m - lam.

    lam sum u ln(1 + delta/lam) for (11); -lam ln sum u exp(-delta/lam), over means that sum to one,
    for (10); prior'delta for both with lam infinite.
    """
    value = 0.0
    if np.isinf(lam):
        for k in range(len(prior)):
            value += prior[k] * delta[k]
        return value
    if order == PRIOR_TO_MEAN:
        for k in range(len(prior)):
            if delta[k] <= -lam:
                return -np.inf
            value += lam * prior[k] * np.log1p(delta[k] / lam)
        return value
    low = np.inf
    for k in range(len(prior)):
        low = min(low, delta[k])
    total = 0.0
    for k in range(len(prior)):
        total += prior[k] * np.exp((low - delta[k]) / lam)
    return low - lam * np.log(total)


@inner_exact_jit
def linearise_fairness(delta, mean, prior, lam, order, target, curvature):
    """Fill the linear relation mean + dmean = target - curvature ddelta of the fairness term.

    (11): v m = lam u, linearised like the products y z: target lam u / v, curvature m / v.
    (10): v = c - lam ln(m/u), linearised at m, where Newton may move by a factor that it may not at
    v: curvature m / lam, target m (1 - residual / lam), with c such that the target sums to one.
    lam infinite: m = u.
    """
    n_clusters = len(prior)
    if np.isinf(lam):
        for k in range(n_clusters):
            target[k] = prior[k]
            curvature[k] = 0.0
    elif order == PRIOR_TO_MEAN:
        for k in range(n_clusters):
            scaled = 1.0 + delta[k] / lam
            target[k] = prior[k] / scaled
            curvature[k] = mean[k] / (lam * scaled)
    else:
        shift = total = 0.0
        for k in range(n_clusters):
            m = max(mean[k], 1e-300)
            curvature[k] = m / lam
            target[k] = delta[k] / lam + np.log(m / prior[k])
            shift += m * target[k]
            total += m
        for k in range(n_clusters):
            m = max(mean[k], 1e-300)
            target[k] = m * (1.0 - (target[k] - shift / total)) / total


@inner_exact_jit
def fill_hessian(hessian, gram, curvature, lam, order):
    """Lower triangle of mean Q + curvature.

    Q 1 = 0, so its diagonal is minus the sum of the rest: exact, where the difference
    diag(d) - d d'/D0 would cancel terms of size 1/mu.
    """
    n = len(hessian)
    diagonal = np.zeros(n)
    for a in range(n):
        for b in range(a):
            hessian[a, b] = -gram[a, b]
            diagonal[a] += gram[a, b]
            diagonal[b] += gram[a, b]
    trace = 0.0
    for a in range(n):
        hessian[a, a] = diagonal[a] + curvature[a]
        trace += hessian[a, a]
    if order == MEAN_TO_PRIOR or np.isinf(lam):
        # the dual does not change along 1: fix that direction, which the right-hand side lacks
        total = 0.0
        for a in range(n):
            total += curvature[a]
        for a in range(n):
            for b in range(a + 1):
                hessian[a, b] += trace / n**2
                if total > 0.0:
                    hessian[a, b] -= curvature[a] * curvature[b] / total


@inner_jit
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


@inner_jit
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
