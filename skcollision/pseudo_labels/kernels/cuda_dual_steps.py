"""The second half of the interior point's iteration on a CUDA device: correct, move, finish.

Layout and conventions are those of ``cuda_dual``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import cuda

from skcollision.pseudo_labels.kernels.cpu_dual_state import Y_FLOOR, Z_FLOOR
from skcollision.pseudo_labels.kernels.cpu_dual_steps import TO_BOUNDARY
from skcollision.pseudo_labels.kernels.cuda_dual import (
    ACTIVE,
    AFFINE,
    D0,
    DELTA,
    DS,
    DS_A,
    ETA,
    ETA_A,
    LOG_P,
    MISSED,
    NU,
    POINT_STEP,
    REF,
    RHO_LOW,
    SIGMA_MU,
    STEP,
    STEP_D,
    STEP_P,
    E,
    S,
)


@cuda.jit(cache=True)
def correct_points(probs, labels, points, dual, control):
    """Solve each point for the corrected direction and find how far it may go."""
    n_points = probs.shape[2]
    for t in range(cuda.grid(1), probs.shape[0] * n_points, cuda.gridsize(1)):
        r, i = t // n_points, t % n_points
        if control[r, ACTIVE] > 0.0:
            solve_corrector(probs, labels, points, dual, control[r, SIGMA_MU], r, i)
            limit_point(probs, labels, points, dual, control[r, SIGMA_MU], r, i)


@cuda.jit(device=True)
def solve_corrector(probs, labels, points, dual, sigma_mu, r, i):
    """Fill the point's corrected (eta, ds)."""
    s, nu, ref = points[r, S, i], points[r, NU, i], points[r, REF, i]
    eta_a, ds_a = points[r, ETA_A, i], points[r, DS_A, i]
    h0 = h1 = 0.0
    for k in range(probs.shape[1]):
        q, y = np.float64(probs[r, k, i]), np.float64(labels[r, k, i])
        inverse_z = 1.0 / max(nu - s * q - dual[r, DELTA, k], Z_FLOOR)
        q -= ref
        rho = (eta_a - q * ds_a - dual[r, AFFINE, k]) * inverse_z
        h = sigma_mu * inverse_z + y * (rho * (1.0 + rho) + inverse_z * dual[r, STEP, k])
        h0 += h
        h1 += h * q
    points[r, ETA, i] = (h0 - 1.0) / points[r, D0, i]
    points[r, DS, i] = (1.0 / s - ref - h1) / points[r, E, i]


@cuda.jit(device=True)
def limit_point(probs, labels, points, dual, sigma_mu, r, i):
    """Fill the point's own step length and its least rho."""
    s, nu, ref = points[r, S, i], points[r, NU, i], points[r, REF, i]
    eta_a, ds_a = points[r, ETA_A, i], points[r, DS_A, i]
    eta, ds = points[r, ETA, i], points[r, DS, i]
    low = min(0.0, ds / s)
    high = -math.inf
    for k in range(probs.shape[1]):
        q, y = np.float64(probs[r, k, i]), np.float64(labels[r, k, i])
        inverse_z = 1.0 / max(nu - s * q - dual[r, DELTA, k], Z_FLOOR)
        q -= ref
        rho_a = (eta_a - q * ds_a - dual[r, AFFINE, k]) * inverse_z
        rho = (eta - q * ds - dual[r, STEP, k]) * inverse_z
        low = min(low, rho)
        high = max(high, rho - rho_a * (1.0 + rho_a) - sigma_mu * inverse_z / y)
    points[r, RHO_LOW, i] = low
    points[r, POINT_STEP, i] = min(1.0, TO_BOUNDARY / max(1.0 + high, 1e-30))


@cuda.jit(cache=True)
def add_missed(probs, labels, points, dual, control, weights, partials):
    """Sum what is missed of the step where points go only as far as each can."""
    n_clusters, lanes = probs.shape[1], partials.shape[3]
    for t in range(cuda.grid(1), probs.shape[0] * n_clusters * lanes, cuda.gridsize(1)):
        r, k, lane = t // (n_clusters * lanes), t // lanes % n_clusters, t % lanes
        missed = 0.0
        if control[r, ACTIVE] > 0.0:
            for i in range(lane, probs.shape[2], lanes):
                rest = weights[i] * (1.0 - points[r, POINT_STEP, i])
                if rest > 0.0:
                    missed += rest * label_step(probs, labels, points, dual, control, r, k, i)
        partials[r, MISSED, k, lane] = missed


@cuda.jit(device=True)
def label_step(probs, labels, points, dual, control, r, k, i):
    """Return how far the corrected direction moves one label."""
    q, y = np.float64(probs[r, k, i]), np.float64(labels[r, k, i])
    inverse_z = 1.0 / max(points[r, NU, i] - points[r, S, i] * q - dual[r, DELTA, k], Z_FLOOR)
    q -= points[r, REF, i]
    rho_a = (points[r, ETA_A, i] - q * points[r, DS_A, i] - dual[r, AFFINE, k]) * inverse_z
    rho = (points[r, ETA, i] - q * points[r, DS, i] - dual[r, STEP, k]) * inverse_z
    return control[r, SIGMA_MU] * inverse_z + y * (rho_a * (1.0 + rho_a) - 1.0 - rho)


@cuda.jit(cache=True)
def move_points(probs, labels, points, dual, control):
    """Move labels and slacks along the corrected direction."""
    n_points = probs.shape[2]
    for t in range(cuda.grid(1), probs.shape[0] * n_points, cuda.gridsize(1)):
        r, i = t // n_points, t % n_points
        if control[r, ACTIVE] > 0.0:
            move_point(probs, labels, points, dual, control, r, i)


@cuda.jit(device=True)
def move_point(probs, labels, points, dual, control, r, i):
    """Move one point."""
    a_d = control[r, STEP_D]
    a_p = min(points[r, POINT_STEP, i], control[r, STEP_P])
    for k in range(probs.shape[1]):
        dy = label_step(probs, labels, points, dual, control, r, k, i)
        labels[r, k, i] = max(labels[r, k, i] + a_p * dy, Y_FLOOR)
    ds = points[r, DS, i]
    points[r, S, i] += a_d * ds
    points[r, NU, i] += a_d * (points[r, ETA, i] + points[r, REF, i] * ds)


@cuda.jit(cache=True)
def finish_points(probs, labels, points, keep, fill, linear):
    """Normalise the labels; round them to means of the prior where ``keep`` is not one."""
    n_clusters, n_points = probs.shape[1], probs.shape[2]
    for t in range(cuda.grid(1), probs.shape[0] * n_points, cuda.gridsize(1)):
        r, i = t // n_points, t % n_points
        total = kept = p = 0.0
        for k in range(n_clusters):
            y = np.float64(labels[r, k, i])
            total += y
            kept += y * keep[r, k]
        rest = 1.0 - kept / total
        for k in range(n_clusters):
            y = labels[r, k, i] * keep[r, k] / total + rest * fill[r, k]
            labels[r, k, i] = y
            p += y * np.float64(probs[r, k, i])
        points[r, LOG_P, i] = p if linear else math.log(p)
