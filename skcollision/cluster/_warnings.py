"""What a fit warns of, each with its remedy."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

# Where a fit is called, as near as scikit-learn's decorators around it let.
_STACKLEVEL = 3

# A column of more than this share of the variance leaves nothing for the others. One of two or
# three may well have it.
DOMINANT, LEAST_FEATURES = 0.999, 4


def warn_of_empty(n_clusters: int, n_used: int) -> None:
    """Warn of clusters that no point is assigned to."""
    if n_used < n_clusters:
        warnings.warn(
            f"{n_clusters - n_used} of n_clusters={n_clusters} clusters ended empty. Lower "
            "n_clusters, or raise 'fairness_weight' or 'lam' to keep them all in use.",
            ConvergenceWarning,
            stacklevel=_STACKLEVEL,
        )


def warn_of_gap(criterion: Any, objective: float, duality_gap: float) -> None:
    """Warn of a solver that stopped above its tolerance, unless it was told when to stop.

    The mean gap of the last pass is compared: that of a single batch may be above by chance. A
    solver without a certificate has an infinite gap, which says nothing.
    """
    if not getattr(criterion, "labels_share_loss", False):
        return
    if criterion.solver_max_iter is not None or math.isinf(duality_gap):
        return
    tol = criterion.solver_tol
    if duality_gap > tol * max(1.0, abs(objective)):
        warnings.warn(
            f"Pseudo-labels ended with a duality gap of {duality_gap:.2g} nats on average, above "
            f"solver_tol={tol:g} of the objective. Raise 'solver_tol' or 'solver_max_iter', or "
            "take solver='dual' where there is a choice.",
            ConvergenceWarning,
            stacklevel=_STACKLEVEL,
        )


def warn_of_columns(X: np.ndarray, rows: np.ndarray, names: np.ndarray | None) -> None:
    """Warn of a column that numbers the rows, or that holds nearly all variance of a table.

    X may be a sample: `rows` says which rows of the table its own are.
    """
    n_points, n_features = X.shape
    if n_features < 2 or n_points < 10:
        return
    # In units of the largest entry, and from the first row, nothing overflows or cancels.
    peak = max(abs(float(X.max())), abs(float(X.min()))) or 1.0
    variances = np.zeros(n_features)
    for start in range(0, n_features, 64):
        columns = (X[:, start : start + 64] / X.dtype.type(peak)).astype(np.float64)
        variances[start : start + 64] = columns.var(axis=0)
    widest = int(variances.argmax())
    counting = X[:, widest] - X[0, widest]
    name = f"column {widest}" if names is None else f"column {str(names[widest])!r}"
    if np.array_equal(counting, rows - rows[0]):
        reason = "numbers the rows"
    elif n_features >= LEAST_FEATURES and variances[widest] > DOMINANT * variances.sum():
        reason = f"holds {variances[widest] / variances.sum():.2%} of the variance"
    else:
        return
    warnings.warn(
        f"In X, {name} {reason}, so that the other columns hardly count. Leave it out if it is no "
        "feature, or bring all columns to one scale, for instance with StandardScaler.",
        UserWarning,
        stacklevel=_STACKLEVEL,
    )
