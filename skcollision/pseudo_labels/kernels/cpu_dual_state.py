"""The state of the interior point, and the names of its columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Columns of DualState.points, one row a point: the scalars of its 2 x 2 system.
S, NU, D0, REF, E, ETA_A, DS_A, ETA, DS, POINT_STEP = range(10)
N_POINT_COLUMNS = 10
# Rows of DualState.dual.
DELTA, AFFINE, STEP = range(3)
# Rows of DualState.partials[g].
MEAN, SHARE, RESPONSE, RESPONSE_MU, RESPONSE_2ND, MISSED = range(6)
N_PARTIALS = 6
# Columns of DualState.sums.
LOG_P, DUAL, YZ, LEFT, LEFT_D, RHO_LOW, STEP_LOW, SHORT = range(8)
N_SUMS = 8
# Phases of the iteration, in the order in which they follow each other.
CENTER, FACTOR, PREDICT, CORRECT, FINISH, DONE = range(6)
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
) = range(16)
N_CONTROL = 16
# Below this a slack is rounding error.
Z_FLOOR = 1e-14


class DualState(NamedTuple):
    """Everything that the sweeps read and write; G groups of consecutive points."""

    probs: np.ndarray  # (N, K) float32 or float64, C order
    labels: np.ndarray  # (N, K) of the same type, the output
    weights: np.ndarray  # (N,) float64, sums to 1
    prior: np.ndarray  # (K,) float64
    points: np.ndarray  # (N, N_POINT_COLUMNS) float64
    bounds: np.ndarray  # (G + 1,) first row of each group
    dual: np.ndarray  # (3, K) float64
    hessian: np.ndarray  # (K, K) float64
    partials: np.ndarray  # (G, N_PARTIALS, K) float64
    gram: np.ndarray  # (G, K', K') float64, K' the next multiple of four
    sums: np.ndarray  # (G, N_SUMS) float64
    control: np.ndarray  # (N_CONTROL,) float64
