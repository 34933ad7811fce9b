"""What partitions and soft assignments say, and how far two partitions say the same."""

from __future__ import annotations

import numpy as np
from scipy.special import entr
from sklearn.metrics import adjusted_rand_score

from skcollision.metrics._matching import contingency_table


def label_entropy(labels: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Return the entropy of the shares of the labels, in nats."""
    positions = np.unique(labels, return_inverse=True)[1]
    masses = np.bincount(positions, weights=sample_weight)
    return float(entr(masses / masses.sum()).sum())


def mutual_information(probs: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Return H(mean prediction) - mean H(prediction) in nats, 0 to ln K."""
    probs = np.asarray(probs, dtype=np.float64)
    mean_entropy = np.average(entr(probs).sum(axis=1), weights=sample_weight)
    return float(entr(np.average(probs, axis=0, weights=sample_weight)).sum() - mean_entropy)


def adjusted_rand(
    first: np.ndarray, second: np.ndarray, sample_weight: np.ndarray | None = None
) -> float:
    """Return the adjusted Rand index of two partitions, of weighted points too.

    With weights, a pair is two draws of a point in proportion to them, with replacement.
    """
    if sample_weight is None:
        return float(adjusted_rand_score(first, second))
    table = contingency_table(first, second, sample_weight, "adjusted_rand")[2] / sum(sample_weight)
    in_first, in_second = (np.square(table.sum(axis=axis)).sum() for axis in (0, 1))
    by_chance, most = in_first * in_second, (in_first + in_second) / 2
    if most == by_chance:
        return 1.0
    return float((np.square(table).sum() - by_chance) / (most - by_chance))


def reproduced_information(
    first: np.ndarray, second: np.ndarray, sample_weight: np.ndarray | None = None
) -> float:
    """Return the squared adjusted Rand index of two partitions times their mean entropy, in nats.

    See :class:`~skcollision.model_selection.NClustersSearch` for the reason of the square.
    """
    stability = adjusted_rand(first, second, sample_weight)
    entropies = [label_entropy(labels, sample_weight) for labels in (first, second)]
    # The sign stays: agreement by less than chance explains nothing.
    return stability * abs(stability) * sum(entropies) / 2
