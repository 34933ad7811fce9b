"""EM of arXiv 2303.07321, section 4, as one fused sweep over the points."""

import numpy as np
from numba import njit

FAST = {"contract", "reassoc", "nsz", "arcp"}


@njit(nogil=True, cache=True, error_model="numpy")
def em_sweep(probs, labels, weights, ratio, mean, tol):
    """One E- and M-step in place; adds the new labels' mean to ``mean``, returns mean ln(p).

    ratio is lam * prior / (mean of the old labels), so that c = ratio * y (E-step, eq. 14).
    """
    n_points, n_clusters = probs.shape
    c = np.empty(n_clusters)
    log_p = 0.0
    for i in range(n_points):
        total = 0.0
        for k in range(n_clusters):
            c[k] = ratio[k] * labels[i, k]
            total += c[k]
        t = np.inf
        for k in range(n_clusters):
            if c[k] > 0.0:
                t = min(t, (1.0 + total - c[k]) / max(probs[i, k], 1e-300))
        if not np.isfinite(t):
            t = 1e300
        zero = -1
        best = 0.0
        for k in range(n_clusters):
            if c[k] <= 0.0 and probs[i, k] > best:
                best = probs[i, k]
                zero = k
        rest = -1.0
        if zero >= 0:
            # supplement 9: the zero-responsibility label takes what the others leave
            tz = (1.0 + total) / best
            rest = 1.0
            for k in range(n_clusters):
                if c[k] > 0.0:
                    den = 1.0 + total - probs[i, k] * tz
                    rest = rest - c[k] / den if den > 0.0 else -1.0
                    if rest < 0.0:
                        break
            if rest >= 0.0:
                t = tz
        if rest < 0.0:
            for _ in range(60):
                f = 0.0
                df = 0.0
                for k in range(n_clusters):
                    r = 1.0 / (1.0 + total - probs[i, k] * t)
                    f += c[k] * r
                    df += c[k] * r * r * probs[i, k]
                if abs(f - 1.0) <= tol or df <= 0.0:
                    break
                t -= f * (f - 1.0) / df
        y_total = 0.0
        for k in range(n_clusters):
            y = 0.0
            if c[k] > 0.0:
                y = c[k] / (1.0 + total - probs[i, k] * t)
            elif k == zero and rest >= 0.0:
                y = rest
            c[k] = y
            y_total += y
        p = 0.0
        for k in range(n_clusters):
            y = c[k] / y_total
            labels[i, k] = y
            p += y * probs[i, k]
            mean[k] += weights[i] * y
        log_p += weights[i] * np.log(p)
    return log_p


@njit(nogil=True, cache=True, error_model="numpy")
def em_solve(probs, labels, weights, prior, lam, tol, max_iter):
    """Sweep until the objective falls by less than tol, relatively, or max_iter is met."""
    mean = np.zeros(len(prior))
    for i in range(probs.shape[0]):
        for k in range(len(prior)):
            mean[k] += weights[i] * labels[i, k]
    last = np.inf
    value = np.inf
    n_iter = 0
    for n_iter in range(1, max_iter + 1):
        ratio = lam * prior / mean
        mean[:] = 0.0
        log_p = em_sweep(probs, labels, weights, ratio, mean, 1e-7)
        value = -log_p + lam * np.sum(prior * np.log(prior / mean))
        if last - value <= tol * max(1.0, abs(value)):
            break
        last = value
    return n_iter, value
