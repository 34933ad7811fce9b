"""The state of the interior point, and the names of its columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Rows of a tile in DualState.points, the scalars of its points: those of their 2 x 2 systems, and
# the cluster of their largest label. The corrected direction takes the place of what it divides by.
S, NU, D0, REF, E, ETA_A, DS_A, POINT_STEP, PIVOT = range(9)
ETA, DS = D0, E
N_POINT_ROWS = 9
# Rows of DualState.dual.
DELTA, AFFINE, STEP = range(3)
# Rows of DualState.partials[g].
MEAN, SHARE, RESPONSE, RESPONSE_MU, RESPONSE_2ND, MISSED = range(6)
N_PARTIALS = 6
# Columns of DualState.sums.
LOG_P, DUAL, YZ, LEFT, LEFT_D, RHO_LOW, STEP_LOW, SHORT = range(8)
N_SUMS = 8
# Phases of the iteration, in the order in which they follow each other. CERTIFY is FACTOR without
# the Newton system, where that will probably not be needed.
CENTER, CERTIFY, FACTOR, PREDICT, CORRECT, FINISH, DONE = range(7)
# Entries of DualState.control.
(
    PHASE,
    N_ITER,
    MU,
    SIGMA_MU,
    SECOND_ORDER,
    STEP_P,
    STEP_D,
    OBJECTIVE,
    BOUND,
    TOL,
    MAX_ITER,
    LAM,
    ORDER,
    LINEAR,
    BEST_GAP,
    BEST_ITER,
    ROWS,
    PENDING,
) = range(18)
N_CONTROL = 18
# Below these a slack or a label is rounding error.
Z_FLOOR, Y_FLOOR = 1e-14, 1e-30


class DualState(NamedTuple):
    """Everything that the sweeps read and write; G groups of consecutive tiles of LANES points.

    Points that fill the last tile have no weight.
    """

    probs: np.ndarray  # (tiles K, LANES) float32 or float64 or, where control says so, rows (N, K)
    labels: np.ndarray  # (tiles K, LANES) of the same type, the output
    weights: np.ndarray  # (tiles, LANES) float64, sums to 1
    prior: np.ndarray  # (K,) float64
    points: np.ndarray  # (tiles N_POINT_ROWS, LANES) float64
    bounds: np.ndarray  # (G + 1,) first tile of each group
    dual: np.ndarray  # (3, K) float64
    hessian: np.ndarray  # (K, K) float64
    partials: np.ndarray  # (G, N_PARTIALS, K) float64
    gram: np.ndarray  # (G, K', K') float64, lower triangle, K' a multiple of four
    sums: np.ndarray  # (G, N_SUMS) float64
    control: np.ndarray  # (N_CONTROL,) float64
