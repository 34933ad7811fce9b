"""The interior point on a CUDA device: the row passes of the CPU kernels, a thread a point.

The formulas are derived beside the CPU kernels, in ``cpu_dual_factor``. Arrays are (R, K, N) here,
clusters before points: neighbouring threads, which have neighbouring points, then read neighbouring
addresses, and a thread needs no array of length K because it reads its row again instead.

Sums over points are of two kinds. Those of a number a point are left to torch. Those of a K-vector
a point belong to threads of their own, ``lanes`` of them a cluster, each with every lanes-th point:
no atomics, the same sum in every run. Loops stride over the grid: any launch does all the work.
"""

from __future__ import annotations

import math

import numpy as np
from numba import cuda

from skcollision.pseudo_labels.kernels.cpu_dual_passes import CENTER_STEPS
from skcollision.pseudo_labels.kernels.cpu_dual_state import Z_FLOOR

# Rows of points[r]: a number a point.
S, NU, D0, REF, E, ETA_A, DS_A, ETA, DS, POINT_STEP = range(10)
# What add_columns takes from measure: weights in the means, and the roots of those in Q.
LABEL_WEIGHT, SHARE_WEIGHT, SCALE_D, SCALE_C, SLOPE = range(10, 15)
# The response of the point's label to the corrector's targets, from predict for add_responses.
T0, T1, C0, C1 = range(15, 19)
# Results for torch to sum or to take the minimum of; a pass overwrites those of the one before.
LOG_P, DUAL = 19, 20
YZ, LEFT, LEFT_D, RHO_LOW = range(19, 23)
N_POINT_ROWS = 23
# Rows of dual[r].
DELTA, AFFINE, STEP = range(3)
# Columns of control[r].
ACTIVE, SIGMA_MU, STEP_P, STEP_D = range(4)
# Rows of partials[r]: of a measuring pass, of a predicting one, and of one that corrects.
MEAN, SHARE, RESPONSE = range(3)
RESPONSE_MU, RESPONSE_2ND = range(2)
MISSED = 0
N_PARTIALS = 3


@cuda.jit(cache=True)
def center_points(probs, labels, points, mu, linear):
    """Start near the central path at delta = 0: a few Newton steps of each point alone."""
    n_points = probs.shape[2]
    for t in range(cuda.grid(1), probs.shape[0] * n_points, cuda.gridsize(1)):
        center_point(probs, labels, points, t // n_points, t % n_points, mu, linear)


@cuda.jit(device=True)
def center_point(probs, labels, points, r, i, mu, linear):
    """Fill labels mu / z that nearly sum to one, s and nu, as ``cpu_dual_passes.center_tile``."""
    largest = -math.inf
    for k in range(probs.shape[1]):
        largest = max(largest, np.float64(probs[r, k, i]))
    # s = s0 - s1 e, nu = nu0 + nu1 e
    if linear:
        s0, s1, nu0, nu1 = 1.0, 0.0, largest, 1.0
    else:
        nu0, nu1 = 1.0 + mu * probs.shape[1], 0.0
        s0, s1 = nu0 / largest, 1.0 / largest
    e = mu
    for _ in range(CENTER_STEPS):
        s, nu = s0 - s1 * e, nu0 + nu1 * e
        f = df = 0.0
        for k in range(probs.shape[1]):
            q = np.float64(probs[r, k, i])
            y = mu / (nu - s * q)
            f += y
            df += y * y * (nu1 + s1 * q)
        e += mu * f * (f - 1.0) / df
    s, nu = s0 - s1 * e, nu0 + nu1 * e
    total = 0.0
    for k in range(probs.shape[1]):
        total += mu / (nu - s * probs[r, k, i])
    for k in range(probs.shape[1]):
        labels[r, k, i] = mu / (nu - s * probs[r, k, i]) / total
    points[r, S, i] = s
    points[r, NU, i] = nu


@cuda.jit(cache=True)
def measure_points(probs, labels, points, dual, control, weights, linear):
    """Fill D0, REF, E of each point, its weights in Q, and its terms of objective and bound."""
    n_points = probs.shape[2]
    for t in range(cuda.grid(1), probs.shape[0] * n_points, cuda.gridsize(1)):
        r, i = t // n_points, t % n_points
        if control[r, ACTIVE] > 0.0:
            p, total, top = measure_point(probs, labels, points, dual, r, i, linear)
            s, weight = points[r, S, i], weights[i]
            scale_c = math.sqrt(weight / points[r, E, i])
            points[r, LABEL_WEIGHT, i] = weight / total
            points[r, SHARE_WEIGHT, i] = 0.0 if linear else weight / p
            points[r, SCALE_D, i] = math.sqrt(weight / points[r, D0, i])
            points[r, SCALE_C, i] = scale_c
            points[r, SLOPE, i] = scale_c * (1.0 / s - points[r, REF, i])
            points[r, LOG_P, i] = p / total if linear else math.log(p / total)
            points[r, DUAL, i] = -top if linear else 1.0 + math.log(s) - top


@cuda.jit(device=True)
def measure_point(probs, labels, points, dual, r, i, linear):
    """Fill the point's D0, REF, E; return p, sum y and max_k s sigma_k + delta_k."""
    s, nu = points[r, S, i], points[r, NU, i]
    d0 = d1 = p = total = 0.0
    top = -math.inf
    for k in range(probs.shape[1]):
        q, y = np.float64(probs[r, k, i]), np.float64(labels[r, k, i])
        top = max(top, s * q + dual[r, DELTA, k])
        d = y / max(nu - s * q - dual[r, DELTA, k], Z_FLOOR)
        d0 += d
        d1 += d * q
        p += y * q
        total += y
    ref = d1 / d0
    e = math.inf if linear else p / s
    for k in range(probs.shape[1]):
        q, y = np.float64(probs[r, k, i]), np.float64(labels[r, k, i])
        e += y / max(nu - s * q - dual[r, DELTA, k], Z_FLOOR) * (q - ref) ** 2
    points[r, D0, i] = d0
    points[r, REF, i] = ref
    points[r, E, i] = e
    return p, total, top


@cuda.jit(cache=True)
def add_columns(probs, labels, points, dual, control, start, stop, columns, partials):
    """Store the two rank-one terms of Q of some points; add labels, shares in p, responses."""
    n_clusters, lanes = probs.shape[1], partials.shape[3]
    for t in range(cuda.grid(1), probs.shape[0] * n_clusters * lanes, cuda.gridsize(1)):
        r, k, lane = t // (n_clusters * lanes), t // lanes % n_clusters, t % lanes
        if control[r, ACTIVE] > 0.0:
            delta = dual[r, DELTA, k]
            mean = share = response = 0.0
            for i in range(start + lane, stop, lanes):
                q, y = np.float64(probs[r, k, i]), np.float64(labels[r, k, i])
                d = y / max(points[r, NU, i] - points[r, S, i] * q - delta, Z_FLOOR)
                column_d = points[r, SCALE_D, i] * d
                column_c = points[r, SCALE_C, i] * d * (q - points[r, REF, i])
                columns[r, k, i - start] = column_d
                columns[r, k, stop - start + i - start] = column_c
                mean += points[r, LABEL_WEIGHT, i] * y
                share += points[r, SHARE_WEIGHT, i] * y * q
                response += points[r, SCALE_D, i] * column_d + points[r, SLOPE, i] * column_c
            partials[r, MEAN, k, lane] += mean
            partials[r, SHARE, k, lane] += share
            partials[r, RESPONSE, k, lane] += response


@cuda.jit(cache=True)
def predict_points(probs, labels, points, dual, control):
    """Solve each point for the predictor; step lengths and products along it."""
    n_points = probs.shape[2]
    for t in range(cuda.grid(1), probs.shape[0] * n_points, cuda.gridsize(1)):
        r, i = t // n_points, t % n_points
        if control[r, ACTIVE] > 0.0:
            solve_predictor(probs, labels, points, dual, r, i)
            predict_point(probs, labels, points, dual, r, i)


@cuda.jit(device=True)
def solve_predictor(probs, labels, points, dual, r, i):
    """Fill the point's predictor (eta, ds)."""
    s, nu, ref = points[r, S, i], points[r, NU, i], points[r, REF, i]
    h0 = h1 = 0.0
    for k in range(probs.shape[1]):
        q, y = np.float64(probs[r, k, i]), np.float64(labels[r, k, i])
        h = y / max(nu - s * q - dual[r, DELTA, k], Z_FLOOR) * dual[r, AFFINE, k]
        h0 += h
        h1 += h * (q - ref)
    points[r, ETA_A, i] = (h0 - 1.0) / points[r, D0, i]
    points[r, DS_A, i] = (1.0 / s - ref - h1) / points[r, E, i]


@cuda.jit(device=True)
def predict_point(probs, labels, points, dual, r, i):
    """Fill y'z, the two parts of (y + dy)'(z + dz), the least rho and the sums of the targets."""
    s, nu, ref = points[r, S, i], points[r, NU, i], points[r, REF, i]
    eta, ds = points[r, ETA_A, i], points[r, DS_A, i]
    yz = ydz = dydz = t0 = t1 = c0 = c1 = high = 0.0
    low = min(0.0, ds / s)
    for k in range(probs.shape[1]):
        q, y = np.float64(probs[r, k, i]), np.float64(labels[r, k, i])
        z = max(nu - s * q - dual[r, DELTA, k], Z_FLOOR)
        q -= ref
        dz = eta - q * ds - dual[r, AFFINE, k]
        rho = dz / z
        low = min(low, rho)
        high = max(high, rho)
        yz += y * z
        ydz += y * dz
        dydz -= y * dz * (1.0 + rho)
        t0 += 1.0 / z
        t1 += q / z
        c0 += y * rho * (1.0 + rho)
        c1 += y * rho * (1.0 + rho) * q
    a_p = 1.0 / (1.0 + high)
    points[r, YZ, i] = yz
    points[r, LEFT, i] = (1.0 - a_p) * yz - a_p * ydz
    points[r, LEFT_D, i] = ydz + a_p * dydz
    points[r, RHO_LOW, i] = low
    points[r, T0, i] = t0 / points[r, D0, i]
    points[r, T1, i] = t1 / points[r, E, i]
    points[r, C0, i] = c0 / points[r, D0, i]
    points[r, C1, i] = c1 / points[r, E, i]


@cuda.jit(cache=True)
def add_responses(probs, labels, points, dual, control, weights, partials):
    """Sum the responses of the labels to the targets 1/z (times sigma_mu later) and t."""
    n_clusters, lanes = probs.shape[1], partials.shape[3]
    for u in range(cuda.grid(1), probs.shape[0] * n_clusters * lanes, cuda.gridsize(1)):
        r, k, lane = u // (n_clusters * lanes), u // lanes % n_clusters, u % lanes
        response_mu = response_2nd = 0.0
        if control[r, ACTIVE] > 0.0:
            delta, affine = dual[r, DELTA, k], dual[r, AFFINE, k]
            for i in range(lane, probs.shape[2], lanes):
                q, y = np.float64(probs[r, k, i]), np.float64(labels[r, k, i])
                z = max(points[r, NU, i] - points[r, S, i] * q - delta, Z_FLOOR)
                q -= points[r, REF, i]
                rho = (points[r, ETA_A, i] - q * points[r, DS_A, i] - affine) / z
                t = y * rho * (1.0 + rho)
                weight, d = weights[i], y / z
                response_mu += weight * (1.0 / z - d * (points[r, T0, i] + q * points[r, T1, i]))
                response_2nd += weight * (t - d * (points[r, C0, i] + q * points[r, C1, i]))
        partials[r, RESPONSE_MU, k, lane] = response_mu
        partials[r, RESPONSE_2ND, k, lane] = response_2nd
