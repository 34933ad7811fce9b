"""The interior point's other passes: the predictor, and the corrector with the length of its step.

The formulas and their names are those of ``cpu_dual_factor``.
"""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_dual_points import (
    AFFINE_M,
    Q_M,
    STEP_M,
    Q,
    R,
    T,
    load_pivots,
    load_rows,
    new_scratch,
)
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
    N_POINT_ROWS,
    NU,
    POINT_STEP,
    REF,
    RESPONSE_2ND,
    RESPONSE_MU,
    RHO_LOW,
    ROWS,
    SECOND_ORDER,
    SHORT,
    SIGMA_MU,
    STEP,
    STEP_LOW,
    YZ,
    Z_FLOOR,
    E,
    S,
)
from skcollision.pseudo_labels.kernels.cpu_math import fast_max, fast_min, inline
from skcollision.pseudo_labels.kernels.cpu_vectors import (
    LANES,
    get,
    largest,
    put,
    slacks,
    splat,
    total,
    vector_jit,
)

# How much of the way to the boundary a step may go.
TO_BOUNDARY = 0.99


@vector_jit
def predict(state, g):
    """Step lengths and products along the predictor, and the corrector's right-hand sides."""
    tile, pivots, copy, probs = new_scratch(state)
    labels, points = state.labels, state.points
    responses = np.zeros((len(tile), 2 * LANES))
    # y'z, and (y + a_i dy)'(z + a dz) = LEFT + a LEFT_D with steps a_i for labels, a for slacks
    yz = left = left_d = low = splat(0.0)
    for i in range(state.bounds[g], state.bounds[g + 1]):
        point = i * N_POINT_ROWS
        at = here = i * len(tile)
        if state.control[ROWS] > 0:
            at = 0
            load_rows(state.probs, i, copy)
        load_pivots(probs, at, points, point, state.dual, pivots)
        of_yz, t0, t1 = solve_predictor(
            probs, at, labels, here, points, point, pivots, state.dual, tile
        )
        low_rho, high_rho, ydz, dydz, c0, c1 = follow_predictor(
            labels, here, points, point, pivots, state.dual[AFFINE], tile
        )
        weight = get(state.weights, i, 0)
        a_p = 1.0 / (1.0 + high_rho)
        low = fast_min(low, low_rho)
        yz += weight * of_yz
        left += weight * ((1.0 - a_p) * of_yz - a_p * ydz)
        left_d += weight * (ydz + a_p * dydz)
        d0, e = get(points, point + D0, 0), get(points, point + E, 0)
        t0, t1, c0, c1 = t0 / d0, t1 / e, c0 / d0, c1 / e
        add_corrector_responses(labels, here, tile, weight, t0, t1, c0, c1, responses)
    sums, partials = state.sums[g], state.partials[g]
    sums[YZ], sums[LEFT], sums[LEFT_D] = total(yz), total(left), total(left_d)
    sums[RHO_LOW] = -largest(0.0 - low)
    for k in range(len(tile)):
        partials[RESPONSE_MU, k] = total(get(responses, k, 0))
        partials[RESPONSE_2ND, k] = total(get(responses, k, LANES))


@inline
def solve_predictor(probs, at, labels, here, points, point, pivots, dual, tile):
    """Fill 1/z, sigma - ref and the points' predictor (eta, ds); return y'z and moments of 1/z."""
    s, nu, ref = get(points, point + S, 0), get(points, point + NU, 0), get(points, point + REF, 0)
    q_m, affine_m = get(pivots, Q_M, 0), get(pivots, AFFINE_M, 0)
    yz = h0 = h1 = t0 = t1 = splat(0.0)
    for k in range(len(tile)):
        q, y = get(probs, at + k, 0), get(labels, here + k, 0)
        z = fast_max(slacks(nu, s, q, dual[DELTA, k]), Z_FLOOR)
        r = 1.0 / z
        q = q - q_m - ref
        h = y * r * (dual[AFFINE, k] - affine_m)
        put(tile, k, R, r)
        put(tile, k, Q, q)
        yz += y * z
        h0 += h
        h1 += h * q
        t0 += r
        t1 += r * q
    put(points, point + ETA_A, 0, (h0 - 1.0) / get(points, point + D0, 0))
    put(points, point + DS_A, 0, (1.0 / s - q_m - ref - h1) / get(points, point + E, 0))
    return yz, t0, t1


@inline
def follow_predictor(labels, here, points, point, pivots, affine, tile):
    """Fill the second-order targets t; return extremes of rho, y'dz, dy'dz and moments of t."""
    eta, ds, affine_m = (
        get(points, point + ETA_A, 0),
        get(points, point + DS_A, 0),
        get(pivots, AFFINE_M, 0),
    )
    low = ds / get(points, point + S, 0)
    high = ydz = dydz = c0 = c1 = splat(0.0)
    for k in range(len(tile)):
        q, y = get(tile, k, Q), get(labels, here + k, 0)
        dz = eta - q * ds - (affine[k] - affine_m)
        rho = dz * get(tile, k, R)
        low = fast_min(low, rho)
        high = fast_max(high, rho)
        left = y * (1.0 + rho)
        target = rho * left
        put(tile, k, T, target)
        ydz += y * dz
        dydz -= dz * left
        c0 += target
        c1 += target * q
    return low, high, ydz, dydz, c0, c1


@inline
def add_corrector_responses(labels, here, tile, weight, t0, t1, c0, c1, responses):
    """Add the response of the labels to the targets 1/z (times sigma_mu later) and t."""
    for k in range(len(tile)):
        q, r = get(tile, k, Q), get(tile, k, R)
        d = get(labels, here + k, 0) * r
        of_mu = get(responses, k, 0) + weight * (r - d * (t0 + q * t1))
        of_second = get(responses, k, LANES) + weight * (get(tile, k, T) - d * (c0 + q * c1))
        put(responses, k, 0, of_mu)
        put(responses, k, LANES, of_second)


@vector_jit
def correct(state, g):
    """Solve each point for the corrected direction and find how far it may go."""
    tile, pivots, copy, probs = new_scratch(state)
    labels, points = state.labels, state.points
    missed = np.zeros((len(tile), LANES))
    low = short = splat(0.0)
    step_low = splat(1.0)
    for i in range(state.bounds[g], state.bounds[g + 1]):
        point = i * N_POINT_ROWS
        at = here = i * len(tile)
        if state.control[ROWS] > 0:
            at = 0
            load_rows(state.probs, i, copy)
        load_pivots(probs, at, points, point, state.dual, pivots)
        solve_corrector(
            probs, at, labels, here, points, point, pivots, state.dual, state.control, tile
        )
        low_rho = limit_step(points, point, pivots, state.dual[STEP], tile)
        low = fast_min(low, low_rho)
        a_p = get(points, point + POINT_STEP, 0)
        step_low = fast_min(step_low, a_p)
        rest = get(state.weights, i, 0) * (1.0 - a_p)
        short += rest
        if largest(rest) > 0.0:
            add_missed(labels, here, tile, rest, missed)
    sums = state.sums[g]
    sums[RHO_LOW], sums[STEP_LOW] = -largest(0.0 - low), -largest(0.0 - step_low)
    sums[SHORT] = total(short)
    for k in range(len(tile)):
        state.partials[g, MISSED, k] = total(get(missed, k, 0))


@inline
def solve_corrector(probs, at, labels, here, points, point, pivots, dual, control, tile):
    """Fill 1/z, sigma - ref, targets t over y and the points' corrected (eta, ds)."""
    s, nu, ref = get(points, point + S, 0), get(points, point + NU, 0), get(points, point + REF, 0)
    q_m, affine_m, step_m = get(pivots, Q_M, 0), get(pivots, AFFINE_M, 0), get(pivots, STEP_M, 0)
    eta_a, ds_a = get(points, point + ETA_A, 0), get(points, point + DS_A, 0)
    sigma_mu, second = control[SIGMA_MU], control[SECOND_ORDER]
    h0 = h1 = splat(0.0)
    for k in range(len(tile)):
        q, y = get(probs, at + k, 0), get(labels, here + k, 0)
        z = fast_max(slacks(nu, s, q, dual[DELTA, k]), Z_FLOOR)
        # one division for 1/z and 1/y
        inverse = 1.0 / (z * y)
        r = y * inverse
        q = q - q_m - ref
        rho = (eta_a - q * ds_a - (dual[AFFINE, k] - affine_m)) * r
        target = sigma_mu * inverse + second * rho * (1.0 + rho)
        put(tile, k, Q, q)
        put(tile, k, R, r)
        put(tile, k, T, target)
        h = y * (target + r * (dual[STEP, k] - step_m))
        h0 += h
        h1 += h * q
    put(points, point + ETA, 0, (h0 - 1.0) / get(points, point + D0, 0))
    put(points, point + DS, 0, (1.0 / s - q_m - ref - h1) / get(points, point + E, 0))


@inline
def limit_step(points, point, pivots, step, tile):
    """Fill POINT_STEP, and rho in place of 1/z; return the lowest rho, that of s included."""
    eta, ds, step_m = (
        get(points, point + ETA, 0),
        get(points, point + DS, 0),
        get(pivots, STEP_M, 0),
    )
    low = ds / get(points, point + S, 0)
    high = splat(-1.0)
    for k in range(len(tile)):
        rho = (eta - get(tile, k, Q) * ds - (step[k] - step_m)) * get(tile, k, R)
        low = fast_min(low, rho)
        high = fast_max(high, rho - get(tile, k, T))
        put(tile, k, R, rho)
    a_p = TO_BOUNDARY / fast_max(1.0 + high, 1e-30)
    put(points, point + POINT_STEP, 0, fast_min(a_p, 1.0))
    return low


@inline
def add_missed(labels, here, tile, rest, missed):
    """Add what shorter steps leave of the labels' moves."""
    for k in range(len(tile)):
        move = get(labels, here + k, 0) * (get(tile, k, T) - 1.0 - get(tile, k, R))
        put(missed, k, 0, get(missed, k, 0) + rest * move)
