"""A fitted linear model as a pipeline of scikit-learn's own steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import Normalizer, PolynomialFeatures, StandardScaler

from skcollision.export._validation import Linear, check_fitted


def to_sklearn(model: Linear) -> Pipeline:
    """Write a fitted clusterer or classifier as a scikit-learn pipeline that predicts the same.

    Where the pipeline is used, skcollision and torch need not be installed.

    Parameters
    ----------
    model : CollisionClusterer, CollisionClassifier or another linear model of this package
        Fitted, with at least two clusters.

    Returns
    -------
    sklearn.pipeline.Pipeline
        ``StandardScaler(with_std=False)``, ``Normalizer()`` and a ``LogisticRegression`` whose
        classes are the model's or cluster numbers; the last alone if it does not normalise. Models
        of fewer than 16 features have a ``PolynomialFeatures(1)`` after the scaler. Its
        ``predict`` and ``predict_proba`` are the model's up to rounding, but for points that
        differ from the centre of the data by less than rounding. The arrays are copies.

    Raises
    ------
    TypeError
        If `model` is something else.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    ValueError
        If it has a single cluster, since ``LogisticRegression`` has at least two classes.

    Examples
    --------
    >>> from skcollision import CollisionClusterer
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.export import to_sklearn
    >>> X, _ = make_embeddings(100, 3, 16, random_state=0)
    >>> clusterer = CollisionClusterer(n_clusters=3, max_iter=20, random_state=0).fit(X)
    >>> pipeline = to_sklearn(clusterer)
    >>> list(pipeline.named_steps)
    ['standardscaler', 'normalizer', 'logisticregression']
    >>> bool((pipeline.predict(X) == clusterer.predict(X)).all())
    True
    """
    check_fitted(model, "to_sklearn")
    if len(model.coef_) == 1:
        raise ValueError(
            "to_sklearn cannot export a clusterer with n_clusters=1: LogisticRegression has at "
            "least two classes."
        )
    steps: list[tuple[str, Any]] = [("logisticregression", _logistic_regression(model))]
    normalisation = model._normalisation
    if normalisation is not None:
        scaler = StandardScaler(with_std=False)
        scaler.mean_, scaler.var_, scaler.scale_ = normalisation.mean.copy(), None, None
        if hasattr(model, "labels_"):
            scaler.n_samples_seen_ = len(model.labels_)
        steps = [("standardscaler", scaler), ("normalizer", Normalizer()), *steps]
    for _, step in steps:
        step.n_features_in_ = model.n_features_in_
    if normalisation is not None and normalisation.softening:
        steps.insert(1, ("polynomialfeatures", _soften(steps, normalisation)))
    if hasattr(model, "feature_names_in_"):
        # As after a fit on a data frame: the later steps are handed arrays.
        steps[0][1].feature_names_in_ = model.feature_names_in_.copy()
    return Pipeline(steps)


def _soften(steps: list[tuple[str, Any]], normalisation: Any) -> PolynomialFeatures:
    """Let rows x become x / sqrt(|x|^2 + s^2): those of (s, x) of unit length, without the first.

    Returns the step that adds a constant, in units of which the scaler then writes x. Coefficients
    take up the gain.
    """
    scaler, normalizer, classifier = (step for _, step in steps)
    scaler.with_std, scaler.scale_ = True, np.full_like(scaler.mean_, normalisation.softening)
    scaler.var_ = scaler.scale_**2
    classifier.coef_ = np.insert(normalisation.gain * classifier.coef_, 0, 0.0, axis=1)
    normalizer.n_features_in_ = classifier.n_features_in_ = classifier.coef_.shape[1]
    return PolynomialFeatures(1).fit(scaler.mean_[None])


def _logistic_regression(model: Linear) -> LogisticRegression:
    result = LogisticRegression()
    numbers = np.arange(len(model.coef_), dtype=np.int32)
    result.classes_ = np.array(getattr(model, "classes_", numbers))
    result.coef_, result.intercept_ = model.coef_.copy(), model.intercept_.copy()
    if len(numbers) == 2:
        # Two classes share one row of coefficients, which says how much more the second has.
        result.coef_, result.intercept_ = np.diff(model.coef_, axis=0), np.diff(model.intercept_)
    result.n_iter_ = np.array([model.n_iter_], dtype=np.int32)
    return result
