"""What a fit warns of, each with its remedy."""

from __future__ import annotations

import math
import warnings
from typing import Any

from sklearn.exceptions import ConvergenceWarning

# Where a fit is called, as near as scikit-learn's decorators around it let.
_STACKLEVEL = 3


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
