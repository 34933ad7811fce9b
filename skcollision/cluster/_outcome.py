"""What comes after training: numbers, surplus clusters, warnings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from skcollision._parallel import run_tasks
from skcollision._warnings import warn
from skcollision.engine import (
    Trainer,
    TrainingSample,
    chosen_shares,
    find_surplus,
    hard_labels,
    joined_shares,
)


def canonical_order(
    labels: np.ndarray, rows: np.ndarray, prior: ArrayLike | str, n_clusters: int
) -> np.ndarray:
    """Return the clusters (K,) in the order of the smallest row that each holds, empty ones last.

    Rows compare by their first feature, then the second and so on. Training numbers clusters by
    comparisons of sums, which the last bit of a product can turn round; rows are what they are, and
    the order of the points does not matter either. A prior that is given fixes the numbers of
    clusters whose proportions differ.
    """
    by_cluster = np.argsort(labels, kind="stable")
    members = np.split(by_cluster, np.searchsorted(labels[by_cluster], np.arange(1, n_clusters)))
    smallest = [_smallest_row(rows, each) for each in members]
    order = np.array(sorted(range(n_clusters), key=lambda k: (not smallest[k], smallest[k])))
    if isinstance(prior, str):
        return order
    proportions, placed = np.asarray(prior), np.empty(n_clusters, dtype=np.int64)
    for share in np.unique(proportions):
        placed[proportions == share] = order[proportions[order] == share]
    return placed


def _smallest_row(rows: np.ndarray, members: np.ndarray) -> list[float]:
    """Return the first of some rows in lexicographic order; nothing where there are none."""
    for column in range(rows.shape[1]):
        if len(members) < 2:
            break
        values = rows[members, column]
        members = members[values == values.min()]
    return rows[members[0]].tolist() if len(members) else []


class SurplusMerging:
    """What a fit does with its clusters: merges those of surplus, and numbers all."""

    class_prior_: np.ndarray
    merge_surplus: bool
    prior: Any
    n_neighbors: Any

    def _check_merging(self, sample: TrainingSample) -> None:
        """Raise where surplus clusters are to be merged and cannot be."""
        if not self.merge_surplus:
            return
        if sample.graph is None:
            raise ValueError(
                f"merge_surplus=True of {type(self).__name__} needs neighbours, which the "
                f"'n_neighbors' parameter, {self.n_neighbors!r}, leaves out; 'auto' does so where "
                "n_clusters is more than a tenth of the points. Set a positive number."
            )
        if not isinstance(self.prior, str):
            raise ValueError(
                f"The 'prior' parameter of {type(self).__name__} must be a str with "
                "merge_surplus=True. Got an array instead, which says how many clusters there are."
            )

    def _without_surplus(
        self, trainer: Trainer, sample: TrainingSample, labels: sparse.csr_array
    ) -> sparse.csr_array:
        """Return soft labels (M, K), those of merged clusters summed."""
        if not self.merge_surplus:
            return labels
        groups = find_surplus(sample, labels.argmax(axis=1), labels.shape[1])
        members = np.eye(groups.max() + 1, dtype=labels.dtype)[groups]
        self._join_clusters(trainer, members.astype(np.float64))
        return sparse.csr_array(labels @ sparse.csr_array(members))

    def _join_clusters(self, trainer: Trainer, members: np.ndarray) -> None:
        trainer.join(members)
        if hasattr(self, "class_prior_"):
            self.class_prior_ = joined_shares(self.class_prior_, members)

    def _number_clusters(self, trainer: Trainer, sample: TrainingSample, rows: np.ndarray) -> None:
        """Put clusters in an order that rounding cannot change; leave empty ones out if merging."""
        n_clusters = trainer.heads.n_clusters
        labels = hard_labels(trainer.heads, sample.points)[0]
        order = canonical_order(labels, rows, self.prior, n_clusters)
        if self.merge_surplus:
            order = order[: len(np.unique(labels))]
        trainer.select(order)
        if hasattr(self, "class_prior_"):
            self.class_prior_ = chosen_shares(self.class_prior_, order)


# A column of more than this share of the variance decides alone: with one of noise, from here on,
# clusters of iris, wine, breast cancer and digits agree with those without it by an ARI of .3 at
# most; their own widest columns have .68, .998, .72 and .04. One of two or three may well have it.
DOMINANT, LEAST_FEATURES = 0.9, 4


def warn_of_empty(n_clusters: int, n_used: int) -> None:
    """Warn of clusters that no point is assigned to."""
    if n_used < n_clusters:
        warn(
            f"{n_clusters - n_used} of n_clusters={n_clusters} clusters ended empty. Lower "
            "n_clusters, or raise 'fairness_weight' or 'lam' to keep them all in use.",
            ConvergenceWarning,
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
        warn(
            f"Pseudo-labels ended with a duality gap of {duality_gap:.2g} nats on average, above "
            f"solver_tol={tol:g} of the objective. Raise 'solver_tol' or 'solver_max_iter', or "
            "take solver='dual' where there is a choice.",
            ConvergenceWarning,
        )


def warn_of_columns(X: np.ndarray, rows: np.ndarray, names: np.ndarray | None) -> None:
    """Warn of a column that numbers the rows, or that holds most variance of a table.

    X may be a sample: `rows` says which rows of the table its own are.
    """
    n_points, n_features = X.shape
    if n_features < 2 or n_points < 10:
        return
    # In units of the largest entry, and from the first row, nothing overflows or cancels.
    peak = max(abs(float(X.max())), abs(float(X.min()))) or 1.0
    variances = np.zeros(n_features)

    def measure(number: int) -> None:
        block = slice(64 * number, 64 * (number + 1))
        columns = (X[:, block] / X.dtype.type(peak)).astype(np.float64)
        variances[block] = columns.var(axis=0)

    run_tasks(measure, -(-n_features // 64))
    widest = int(variances.argmax())
    name = f"column {widest}" if names is None else f"column {str(names[widest])!r}"
    # Or did so before rows were shuffled, and a few left out.
    numbers = np.sort(X[:, widest])
    with np.errstate(over="ignore"):
        is_short = numbers[-1] - numbers[0] <= 1.01 * (rows[-1] - rows[0])
    if is_short and np.array_equal(numbers, numbers.round()) and np.diff(numbers).all():
        reason = "numbers the rows"
    elif n_features >= LEAST_FEATURES and variances[widest] > DOMINANT * variances.sum():
        reason = f"holds {variances[widest] / variances.sum():.2%} of the variance"
    else:
        return
    warn(
        f"In X, {name} {reason}, so that the other columns hardly count. Leave it out if it is no "
        "feature, or bring all columns to one scale, for instance with StandardScaler.",
        UserWarning,
    )
