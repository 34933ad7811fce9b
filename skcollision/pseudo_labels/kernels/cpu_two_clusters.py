"""Two clusters: the dual is a root of one variable.

Let cluster a be the one that more than its share of points prefer, and v_b - v_a = 1/t > 0 the
price of that. A point that prefers b gets b. One that prefers a, sigma_a > sigma_b, minimises
-ln(sigma_b + (sigma_a - sigma_b) y) + y/t over its label y for a, so that

    y(t) = min(1, max(0, t - h)) ,      h = sigma_b / (sigma_a - sigma_b) ,

and the mean m(t) is piecewise linear and increasing. The fairness term wants the mean M(1/t), which
falls with t: for (11), lam (u_b/(1-m) - u_a/m) = s is the quadratic s m^2 + (lam - s) m = lam u_a;
for (10) M is logistic in s/lam + ln(u_a/u_b); with lam infinite it is u_a.
"""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_dual_system import PRIOR_TO_MEAN
from skcollision.pseudo_labels.kernels.cpu_math import (
    exact_jit,
    fast_log,
    fast_max,
    fast_min,
    inline,
    jit,
)

# Rounding errors of a mean and of t, as a fraction of them.
MEAN_ERROR, ROOT_ERROR = 1e-14, 1e-15
LARGEST_ROOT = 1e300
# Predictions that differ by less than this fraction prefer neither cluster: t - h has no digits
# where h is large, and to order such points by h gains as little.
TIE = 1e-8


@inline
def lead_of(probs, i, a):
    """Return by how much point i prefers cluster a, 0 for a tie."""
    q_a, q_b = np.float64(probs[i, a]), np.float64(probs[i, 1 - a])
    return q_a - q_b if abs(q_a - q_b) > TIE * fast_max(q_a, q_b) else 0.0


@jit
def preferences(probs, weights):
    """Return the weights of the points that prefer either cluster, and of those that do neither."""
    first = second = 0.0
    for i in range(len(probs)):
        lead = lead_of(probs, i, 0)
        first += weights[i] if lead > 0.0 else 0.0
        second += weights[i] if lead < 0.0 else 0.0
    return first, second, fast_max(1.0 - first - second, 0.0)


@jit
def fill_handicaps(probs, a, handicaps):
    """Fill h, infinite for points that do not prefer cluster a; return the largest finite one."""
    largest = 0.0
    for i in range(len(probs)):
        lead = lead_of(probs, i, a)
        h = probs[i, 1 - a] / lead if lead > 0.0 else np.inf
        largest = fast_max(largest, h if lead > 0.0 else 0.0)
        handicaps[i] = h
    return largest


@jit
def mean_label(handicaps, weights, t):
    """Return m(t) and its slope."""
    mean = slope = 0.0
    for i in range(len(handicaps)):
        y = fast_min(fast_max(t - handicaps[i], 0.0), 1.0)
        mean += weights[i] * y
        slope += weights[i] if 0.0 < y < 1.0 else 0.0
    return mean, slope


@exact_jit
def wanted_mean(s, share, lam, order):
    """Return M(s) and its slope."""
    if np.isinf(lam):
        return share, 0.0
    if order == PRIOR_TO_MEAN:
        root = np.hypot(lam - s, 2.0 * np.sqrt(s) * np.sqrt(lam * share))
        # the form that does not cancel
        small = 2.0 * lam * share / (lam - s + root)
        mean = small if s < lam else (s - lam + root) / (2.0 * s)
        return mean, mean * (1.0 - mean) / root
    mean = share / (share + (1.0 - share) * np.exp(-s / lam))
    return mean, mean * (1.0 - mean) / lam


@exact_jit
def root_of_mean(mean, share, lam, order):
    """Return t with M(1/t) = mean, for a mean from the share up; 0 where only s = inf has it."""
    if np.isinf(lam) or mean >= 1.0:
        return 0.0
    if order == PRIOR_TO_MEAN:
        t = mean * (1.0 - mean) / (lam * (mean - share))
    else:
        t = 1.0 / (lam * np.log(mean * (1.0 - share) / ((1.0 - mean) * share)))
    # at the share itself any t will do that leaves 1/t negligible
    return t if 0.0 <= t < LARGEST_ROOT else LARGEST_ROOT


@exact_jit
def find_root(handicaps, weights, high, share, lam, order, max_iter):
    """Find t with m(t) = M(1/t) by Newton; return t, M and the iterations.

    ``high`` is a t from which on m is not below M. Where Newton leaves the bracket, or its steps do
    not shrink by half in two, as they may not where there are corners, the bracket is cut in two.
    """
    low, t = 0.0, min(1.0, high)
    step = older = np.inf
    n_iter = 0
    while n_iter < max_iter:
        n_iter += 1
        mean, slope = mean_label(handicaps, weights, t)
        wanted, change = wanted_mean(1.0 / t, share, lam, order)
        if abs(mean - wanted) <= MEAN_ERROR * wanted:
            break
        if mean > wanted:
            high = t
        else:
            low = t
        slope += change / t**2
        after = t - (mean - wanted) / slope if slope > 0.0 else -1.0
        if not low < after < high or abs(after - t) > 0.5 * older:
            after = np.sqrt(low) * np.sqrt(high) if low > 0.0 else 1e-2 * high
        older, step = step, abs(after - t)
        t = after
        if step <= ROOT_ERROR * t:
            break
    return t, wanted, n_iter


@jit
def put_labels(probs, handicaps, weights, a, t, tie, keep, delta, labels):
    """Store the labels; return their mean for a, the sum of weight ln(sigma'y), and the bound's.

    ``tie`` is the label for a of points that prefer neither; others follow from t. Labels for a are
    scaled by ``keep`` or, where it is above 1, those for b by its inverse. The bound, without the
    fairness term's part, is that of the envelope (``cpu_envelope``) at s = 1 / sigma'y: there for
    an optimal label, and below it for any other.
    """
    mean = log_p = top = 0.0
    of_a, of_b = delta[a], delta[1 - a]
    for i in range(len(probs)):
        q_a, q_b = np.float64(probs[i, a]), np.float64(probs[i, 1 - a])
        y = fast_min(fast_max(t - handicaps[i], 0.0), 1.0)
        y = tie if lead_of(probs, i, a) == 0.0 else y
        y = y * keep if keep < 1.0 else 1.0 - (1.0 - y) / keep
        # as they are stored
        y_a, y_b = labels.dtype.type(y), labels.dtype.type(1.0 - y)
        labels[i, a] = y_a
        labels[i, 1 - a] = y_b
        mean += weights[i] * y_a
        p = y_a * q_a + y_b * q_b
        s = 1.0 / p
        log_p += weights[i] * fast_log(p)
        top += weights[i] * (1.0 - fast_max(s * q_a + of_a, s * q_b + of_b))
    return mean, log_p, top - log_p
