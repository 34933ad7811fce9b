"""EM of arXiv 2303.07321, section 4: one sweep fuses the E-step and each point's root search.

With c_k = lam prior_k y_k / mean_k (E-step, eq. 14; the point's weight cancels) and C = sum c, the
M-step of a point is y_k = c_k x / ((1 + C) x - sigma_k) with sum y = 1 (eq. 16). With
e = (1 + C) - sigma_m / x for the largest sigma_m, and r_k = sigma_k / sigma_m, it is

    f(e) = sum_k c_k / ((1 + C)(1 - r_k) + r_k e) = 1 ,      0 < e <= (1 + C) :

positive terms only, so that e = 1e-30 keeps every digit where (1 + C) x - sigma_m cancels. It is
the secular equation of rank-one eigenvalue updates; 1/f is concave and increasing, so that Newton
on it climbs from any e with f(e) >= 1. Such is e = c_m, a reachable end in the sense of Lemma 1.
"""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_math import fast_max, fast_min, inline, inner_jit, jit

MAX_NEWTON = 100
# A positive label stays positive: EM cannot leave an exact 0. Normal in float32.
LABEL_FLOOR = 1e-36


@jit
def sweep_rows(probs, labels, new_labels, weights, ratio, mean, start, stop, tol, plain):
    """Take one EM step from labels to new_labels (which may be the same array).

    ratio is lam prior / mean of the labels. Adds the new labels to mean; returns the sum of
    weight ln(sigma'y) and the number of Newton steps. ``plain``: Newton in x, as in the paper.
    """
    n_clusters = probs.shape[1]
    c = np.empty(n_clusters)
    log_p = 0.0
    n_newton = 0
    for i in range(start, stop):
        total, smallest = expected_counts(labels[i], ratio, c)
        if smallest <= 0.0:
            p = solve_with_zeros(probs[i], c, total, tol, new_labels[i])
        else:
            largest, e = first_root(probs[i], c)
            if plain:
                e, steps = newton_in_x(probs[i], c, largest, 1.0 + total, e, tol)
            else:
                e, steps = newton_reciprocal(probs[i], c, largest, 1.0 + total, e, tol)
            n_newton += steps
            p = put_labels(probs[i], c, largest, 1.0 + total, e, new_labels[i])
        log_p += weights[i] * np.log(p)
        for k in range(n_clusters):
            mean[k] += weights[i] * new_labels[i, k]
    return log_p, n_newton


@inline
def expected_counts(labels, ratio, c):
    """Fill c; return its sum and its smallest entry."""
    total = 0.0
    smallest = np.inf
    for k in range(len(labels)):
        ck = ratio[k] * labels[k]
        c[k] = ck
        total += ck
        smallest = fast_min(smallest, ck)
    return total, smallest


@inline
def first_root(probs, c):
    """Return the largest sigma_m among the clusters with c > 0, and the start e = c_m."""
    largest = 0.0
    for k in range(len(probs)):
        largest = fast_max(largest, np.float64(probs[k]) if c[k] > 0.0 else 0.0)
    e = 0.0
    for k in range(len(probs)):
        e = fast_max(e, c[k] if probs[k] == largest else 0.0)
    return fast_max(largest, 1e-300), e


@inline
def newton_reciprocal(probs, c, largest, top, e, tol):
    """Find f(e) = 1 by Newton on 1/f, which is nearly linear; return e and the steps taken."""
    steps = 0
    a = top / largest
    for _ in range(MAX_NEWTON):
        b = e / largest
        f = df = 0.0
        for k in range(len(probs)):
            z = 1.0 / ((largest - probs[k]) * a + probs[k] * b)
            cz = c[k] * z
            f += cz
            df += cz * z * probs[k]
        steps += 1
        move = f * (f - 1.0) * largest / df
        e += move
        if abs(move) <= tol * e:
            break
    return e, steps


@inline
def newton_in_x(probs, c, largest, top, e, tol):
    """Find the root by the paper's Newton on sum_k y_k(x) - 1, x = sigma_m / (1 + C - e)."""
    steps = 0
    x = largest / (top - e)
    for _ in range(MAX_NEWTON):
        f = df = 0.0
        for k in range(len(probs)):
            z = 1.0 / fast_max(top * x - probs[k], 1e-300)
            cz = c[k] * z
            f += cz * x
            df += cz * z * probs[k]
        steps += 1
        move = (f - 1.0) / df
        x += move
        if abs(move) <= tol * (x - largest / top):
            break
    return fast_max(top - largest / x, 1e-300), steps


@inline
def put_labels(probs, c, largest, top, e, labels):
    """Store y = c / ((1 + C)(1 - r) + r e), normalised; return sigma'y."""
    a = top / largest
    b = e / largest
    total = 0.0
    for k in range(len(probs)):
        y = c[k] / ((largest - probs[k]) * a + probs[k] * b)
        c[k] = y
        total += y
    p = 0.0
    scale = 1.0 / total
    for k in range(len(probs)):
        y = fast_max(c[k] * scale, LABEL_FLOOR)
        labels[k] = y
        p += y * probs[k]
    return p


@inner_jit
def solve_with_zeros(probs, c, total, tol, labels):
    """M-step where some c_k = 0 (supplement 9 of the paper); return sigma'y.

    Of these labels only the one with the largest sigma, say z, can be positive. If sigma_z exceeds
    every other sigma, x = sigma_z solves the rest of (16), and y_z is what the others leave. If
    that is negative, or sigma_z is no maximum, the labels with c_k = 0 are zero.
    """
    top = 1.0 + total
    zero = -1
    best = largest = 0.0
    for k in range(len(probs)):
        if c[k] > 0.0:
            largest = max(largest, np.float64(probs[k]))
        elif probs[k] > best:
            best = np.float64(probs[k])
            zero = k
    rest = -1.0
    if best > largest:
        rest = 1.0
        for k in range(len(probs)):
            if c[k] > 0.0:
                rest -= c[k] * best / (top * (best - probs[k]))
    if rest >= 0.0:
        p = rest * best
        for k in range(len(probs)):
            y = c[k] * best / (top * (best - probs[k])) if c[k] > 0.0 else 0.0
            labels[k] = y
            p += y * probs[k]
        labels[zero] = rest
        return p
    return solve_positive(probs, c, top, tol, labels)


@inner_jit
def solve_positive(probs, c, top, tol, labels):
    """Solve the M-step on the clusters with c > 0, the others' labels are zero."""
    largest, e = first_root(probs, c)
    for _ in range(MAX_NEWTON):
        f = df = 0.0
        for k in range(len(probs)):
            if c[k] > 0.0:
                r = probs[k] / largest
                z = 1.0 / (top * (1.0 - r) + r * e)
                f += c[k] * z
                df += c[k] * z * z * r
        move = f * (f - 1.0) / max(df, 1e-300)
        e += move
        if abs(move) <= tol * e:
            break
    norm = 0.0
    for k in range(len(probs)):
        if c[k] > 0.0:
            r = probs[k] / largest
            c[k] /= top * (1.0 - r) + r * e
        norm += c[k]
    p = 0.0
    for k in range(len(probs)):
        labels[k] = c[k] / norm
        p += c[k] / norm * probs[k]
    return p
