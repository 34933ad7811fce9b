"""The interior point's other row passes: predictor, corrector, and the step along it.

The formulas and their names are those of ``cpu_dual_factor``.
"""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_dual_state import (
    AFFINE,
    D0,
    DELTA,
    DS,
    DS_A,
    ETA,
    ETA_A,
    LEFT,
    LEFT_D,
    MISSED,
    NU,
    POINT_STEP,
    REF,
    RESPONSE_2ND,
    RESPONSE_MU,
    RHO_LOW,
    SECOND_ORDER,
    SHORT,
    SIGMA_MU,
    STEP,
    STEP_D,
    STEP_LOW,
    STEP_P,
    YZ,
    Z_FLOOR,
    E,
    S,
)
from skcollision.pseudo_labels.kernels.cpu_math import fast_max, fast_min, inline, jit, slack

# How much of the way to the boundary a step may go.
TO_BOUNDARY = 0.99
# Below this a label is rounding error.
Y_FLOOR = 1e-30


@jit
def predict(state, g):
    """Step lengths and products along the predictor, and the corrector's right-hand sides."""
    n_clusters = state.probs.shape[1]
    delta = state.dual[DELTA]
    affine = state.dual[AFFINE]
    partials = state.partials[g]
    for k in range(n_clusters):
        partials[RESPONSE_MU, k] = 0.0
        partials[RESPONSE_2ND, k] = 0.0
    r_row = np.empty(n_clusters)
    t_row = np.empty(n_clusters)
    sums = state.sums[g]
    sums[:] = 0.0
    for i in range(state.bounds[g], state.bounds[g + 1]):
        probs = state.probs[i]
        labels = state.labels[i]
        point = state.points[i]
        weight = state.weights[i]
        solve_predictor(probs, labels, delta, affine, point, r_row)
        add_predictor_sums(probs, labels, affine, point, weight, r_row, t_row, sums)
        add_corrector_responses(probs, labels, point, weight, r_row, t_row, partials)


@inline
def solve_predictor(probs, labels, delta, affine, point, r_row):
    """Fill 1/z and the point's predictor (eta, ds)."""
    s, nu, ref = point[S], point[NU], point[REF]
    h0 = h1 = 0.0
    for k in range(len(probs)):
        q = np.float64(probs[k])
        r = 1.0 / fast_max(slack(nu, s, q, delta[k]), Z_FLOOR)
        r_row[k] = r
        h = labels[k] * r * affine[k]
        h0 += h
        h1 += h * (q - ref)
    point[ETA_A] = (h0 - 1.0) / point[D0]
    point[DS_A] = (1.0 / s - ref - h1) / point[E]


@inline
def add_predictor_sums(probs, labels, affine, point, weight, r_row, t_row, sums):
    """Fill the second-order targets t; add y'z, y'dz, dy'dz and the extremes of rho."""
    eta, ds, ref = point[ETA_A], point[DS_A], point[REF]
    yz = ydz = dydz = 0.0
    low = fast_min(sums[RHO_LOW], ds / point[S])
    high = 0.0
    for k in range(len(probs)):
        y = np.float64(labels[k])
        dz = eta - (probs[k] - ref) * ds - affine[k]
        rho = r_row[k] * dz
        low = fast_min(low, rho)
        high = fast_max(high, rho)
        t_row[k] = y * rho * (1.0 + rho)
        yz += y / r_row[k]
        ydz += y * dz
        dydz -= y * dz * (1.0 + rho)
    # with steps a_i for the labels, a for the slacks, (y + a_i dy)'(z + a dz) = LEFT + a LEFT_D
    a_p = 1.0 / (1.0 + high)
    sums[RHO_LOW] = low
    sums[YZ] += weight * yz
    sums[LEFT] += weight * ((1.0 - a_p) * yz - a_p * ydz)
    sums[LEFT_D] += weight * (ydz + a_p * dydz)


@inline
def add_corrector_responses(probs, labels, point, weight, r_row, t_row, partials):
    """Add the response of the label to the targets 1/z (times sigma_mu later) and t."""
    ref = point[REF]
    t0 = t1 = c0 = c1 = 0.0
    for k in range(len(probs)):
        q = probs[k] - ref
        t0 += r_row[k]
        t1 += r_row[k] * q
        c0 += t_row[k]
        c1 += t_row[k] * q
    t0 /= point[D0]
    t1 /= point[E]
    c0 /= point[D0]
    c1 /= point[E]
    for k in range(len(probs)):
        q = probs[k] - ref
        d = labels[k] * r_row[k]
        partials[RESPONSE_MU, k] += weight * (r_row[k] - d * (t0 + q * t1))
        partials[RESPONSE_2ND, k] += weight * (t_row[k] - d * (c0 + q * c1))


@jit
def correct(state, g):
    """Solve each point for the corrected direction and find how far it may go."""
    r_row = np.empty(state.probs.shape[1])
    t_row = np.empty(state.probs.shape[1])
    missed = state.partials[g, MISSED]
    missed[:] = 0.0
    low = short = 0.0
    step_low = 1.0
    for i in range(state.bounds[g], state.bounds[g + 1]):
        point = state.points[i]
        probs = state.probs[i]
        labels = state.labels[i]
        solve_corrector(probs, labels, state.dual, point, state.control, r_row, t_row)
        eta, ds, ref = point[ETA], point[DS], point[REF]
        low = fast_min(low, ds / point[S])
        high = -np.inf
        for k in range(len(probs)):
            rho = (eta - (probs[k] - ref) * ds - state.dual[STEP, k]) * r_row[k]
            low = fast_min(low, rho)
            high = fast_max(high, rho - t_row[k] / labels[k])
        a_p = min(1.0, TO_BOUNDARY / max(1.0 + high, 1e-30))
        point[POINT_STEP] = a_p
        step_low = min(step_low, a_p)
        if a_p < 1.0:
            rest = state.weights[i] * (1.0 - a_p)
            short += rest
            for k in range(len(probs)):
                rho = (eta - (probs[k] - ref) * ds - state.dual[STEP, k]) * r_row[k]
                missed[k] += rest * (t_row[k] - labels[k] * (1.0 + rho))
    state.sums[g, RHO_LOW] = low
    state.sums[g, STEP_LOW] = step_low
    state.sums[g, SHORT] = short


@inline
def solve_corrector(probs, labels, dual, point, control, r_row, t_row):
    """Fill 1/z, the targets t and the point's corrected (eta, ds)."""
    s, nu, ref = point[S], point[NU], point[REF]
    eta_a, ds_a = point[ETA_A], point[DS_A]
    sigma_mu, second = control[SIGMA_MU], control[SECOND_ORDER]
    h0 = h1 = 0.0
    for k in range(len(probs)):
        q = np.float64(probs[k])
        y = np.float64(labels[k])
        r = 1.0 / fast_max(slack(nu, s, q, dual[DELTA, k]), Z_FLOOR)
        q -= ref
        rho = (eta_a - q * ds_a - dual[AFFINE, k]) * r
        t = sigma_mu * r + second * y * rho * (1.0 + rho)
        r_row[k] = r
        t_row[k] = t
        h = t + y * r * dual[STEP, k]
        h0 += h
        h1 += h * q
    point[ETA] = (h0 - 1.0) / point[D0]
    point[DS] = (1.0 / s - ref - h1) / point[E]


@jit
def take_step(state, g):
    """Move labels and slacks along the corrected direction."""
    control, points = state.control, state.points
    dual = state.dual
    a_d = control[STEP_D]
    sigma_mu, second = control[SIGMA_MU], control[SECOND_ORDER]
    for i in range(state.bounds[g], state.bounds[g + 1]):
        s, nu, ref = points[i, S], points[i, NU], points[i, REF]
        eta_a, ds_a, eta, ds = points[i, ETA_A], points[i, DS_A], points[i, ETA], points[i, DS]
        a_p = min(points[i, POINT_STEP], control[STEP_P])
        probs = state.probs[i]
        labels = state.labels[i]
        for k in range(len(probs)):
            q = np.float64(probs[k])
            y = np.float64(labels[k])
            r = 1.0 / fast_max(slack(nu, s, q, dual[DELTA, k]), Z_FLOOR)
            q -= ref
            rho_a = (eta_a - q * ds_a - dual[AFFINE, k]) * r
            rho = (eta - q * ds - dual[STEP, k]) * r
            dy = sigma_mu * r + y * (second * rho_a * (1.0 + rho_a) - 1.0 - rho)
            labels[k] = fast_max(y + a_p * dy, Y_FLOOR)
        points[i, S] = s + a_d * ds
        points[i, NU] = nu + a_d * (eta + ref * ds)
