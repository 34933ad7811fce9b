"""What the sweep over numbers of clusters tries, on which halves of the data, and measures."""

from typing import Any, Final

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics.cluster import contingency_matrix

from skcollision.metrics._agreement import adjusted_rand, fit_clone, reproduced_information
from skcollision.metrics._label_free import mutual_information

# Steps of about a quarter, which is as finely as halves of real data tell numbers apart.
_AUTO_GRID: Final = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 55, 75, 100)
# A half should have this many points a cluster.
_POINTS_PER_CLUSTER: Final = 10

# A half of the data: the rows to fit on, and the random state of the fit.
Half = tuple[np.ndarray, int]


def automatic_grid(n_samples: int) -> np.ndarray:
    """Return numbers of clusters that leave enough points a cluster in each half; at least 2."""
    largest = max(2, n_samples // (2 * _POINTS_PER_CLUSTER))
    return np.array([k for k in _AUTO_GRID if k <= largest])


def cut_in_halves(n_samples: int, random_state: np.random.RandomState) -> tuple[Half, Half]:
    """Cut the points at random into halves, each with a random state for its fit."""
    order = random_state.permutation(n_samples)
    seeds = random_state.randint(np.iinfo(np.int32).max, size=2)
    middle = n_samples // 2
    return (order[:middle], int(seeds[0])), (order[middle:], int(seeds[1]))


def compare_halves(estimator: BaseEstimator, X: Any, halves: tuple[Half, Half]) -> dict[str, float]:
    """Fit a clone on each half and compare the clusters in which they place all rows."""
    labels, strengths, mutual_infos = [], [], []
    for (rows, seed), (held_out, _) in zip(halves, halves[::-1], strict=True):
        model = fit_clone(estimator, X[rows], seed)
        labels.append(np.asarray(model.predict(X)))
        if hasattr(model, "predict_proba"):
            mutual_infos.append(mutual_information_share(model.predict_proba(X[held_out])))
    for (rows, _), own, other in zip(halves, labels, labels[::-1], strict=True):
        strengths.append(prediction_strength(other[rows], own[rows]))
    measures = {
        "stability": adjusted_rand(*labels),
        "information": reproduced_information(*labels),
        "prediction_strength": float(np.mean(strengths)),
    }
    return measures | ({"mutual_info": float(np.mean(mutual_infos))} if mutual_infos else {})


def mutual_information_share(probs: np.ndarray) -> float:
    """Return the mutual information over ln K: 1 for sure and fair predictions."""
    n_clusters = probs.shape[1]
    return mutual_information(probs) / np.log(n_clusters) if n_clusters > 1 else 0.0


def prediction_strength(predicted: np.ndarray, own: np.ndarray) -> float:
    """Return the least share of the pairs of a cluster in `own` that `predicted` leaves together.

    Tibshirani and Walther, "Cluster Validation by Prediction Strength", 2005. Clusters of a single
    point have no pairs and do not count.
    """
    counts = contingency_matrix(own, predicted).astype(np.float64)
    sizes = counts.sum(axis=1)
    together, pairs = (counts * (counts - 1)).sum(axis=1), sizes * (sizes - 1)
    return float((together[pairs > 0] / pairs[pairs > 0]).min(initial=1.0))


def summarise(
    grid: np.ndarray, found: list[dict[str, float]], n_resamples: int
) -> dict[str, np.ndarray]:
    """Gather the measures of all fits into means and deviations for each number of clusters."""
    results = {"n_clusters": grid}
    for name in found[0]:
        values = np.array([measures[name] for measures in found]).reshape(n_resamples, len(grid))
        results[f"{name}_mean"] = values.mean(axis=0)
        results[f"{name}_std"] = values.std(axis=0)
    return results
