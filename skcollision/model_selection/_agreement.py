"""How far two models, fitted on disjoint halves of the data, say the same of all of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics.cluster import contingency_matrix

from skcollision.metrics._agreement import adjusted_rand, fit_clone, reproduced_information
from skcollision.metrics._label_free import mutual_information

# A half of the data: the rows to fit on, and the random state of the fit.
Half = tuple[np.ndarray, int]


def compare_halves(estimator: BaseEstimator, X: Any, halves: tuple[Half, Half]) -> dict[str, float]:
    """Fit a clone on each half and compare the clusters in which they place all rows.

    Parameters
    ----------
    estimator : estimator
        A clusterer with `predict`; its clones are fitted.
    X : ndarray of shape (n_samples, n_features)
        Features.
    halves : pair of (ndarray of int, int)
        Rows of each half, and the random state to fit on it with.

    Returns
    -------
    dict of str to float
        "stability", the adjusted Rand index of the two; "information", its square times the mean
        entropy of the two, in nats; "prediction_strength"; and for estimators with `predict_proba`
        "mutual_info", between points held out and clusters, in units of ln K.
    """
    labels, mutual_infos = [], []
    for (rows, seed), (held_out, _) in zip(halves, halves[::-1], strict=True):
        model = fit_clone(estimator, X[rows], seed)
        labels.append(np.asarray(model.predict(X)))
        if hasattr(model, "predict_proba"):
            mutual_infos.append(mutual_information_share(model.predict_proba(X[held_out])))
    strengths = [
        prediction_strength(labels[1 - half][halves[half][0]], labels[half][halves[half][0]])
        for half in (0, 1)
    ]
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
    """Return the least share of a cluster's pairs that another model leaves together.

    Tibshirani and Walther, "Cluster Validation by Prediction Strength", 2005. Clusters of a single
    point have no pairs and do not count.

    Parameters
    ----------
    predicted : ndarray of shape (n_samples,)
        Clusters of these rows by the other model.
    own : ndarray of shape (n_samples,)
        Their clusters by the model that was fitted to them.

    Returns
    -------
    float
        A fraction; 1 if no cluster has a pair.
    """
    counts = contingency_matrix(own, predicted).astype(np.float64)
    sizes = counts.sum(axis=1)
    together, pairs = (counts * (counts - 1)).sum(axis=1), sizes * (sizes - 1)
    return float((together[pairs > 0] / pairs[pairs > 0]).min(initial=1.0))
