"""A fitted linear model as a pipeline of scikit-learn's own steps."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
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
        A ``LogisticRegression`` whose classes are the model's or cluster numbers; before it, if
        the model normalises, ``StandardScaler()``, ``Normalizer("max")`` and ``Normalizer()``, and
        for classifiers, and for clusterers with fewer than 16 features, a
        ``PolynomialFeatures(1)`` after the scaler. Its ``predict``
        and ``predict_proba`` are the model's up to rounding, but for points that differ from the
        centre of the data by less than rounding. The arrays are copies.

    Raises
    ------
    TypeError
        If `model` is something else.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    ValueError
        If it has a single cluster.

    Examples
    --------
    >>> from skcollision import CollisionClusterer
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.export import to_sklearn
    >>> X, _ = make_embeddings(100, 3, 16, random_state=0)
    >>> clusterer = CollisionClusterer(n_clusters=3, max_iter=20, random_state=0).fit(X)
    >>> pipeline = to_sklearn(clusterer)
    >>> list(pipeline.named_steps)
    ['standardscaler', 'normalizer-1', 'normalizer-2', 'logisticregression']
    >>> bool((pipeline.predict(X) == clusterer.predict(X)).all())
    True
    """
    check_fitted(model, "to_sklearn")
    if len(model.coef_) == 1:
        raise ValueError(
            "to_sklearn cannot export a clusterer with n_clusters=1: LogisticRegression has at "
            "least two classes."
        )
    coef, steps, normalisation = model.coef_.copy(), [], model._normalisation
    if normalisation is not None:
        soft = normalisation.softening
        scaler = StandardScaler()
        scaler.mean_ = normalisation.mean.copy()
        scaler.scale_ = np.full(len(scaler.mean_), soft or normalisation.scale)
        scaler.var_ = scaler.scale_**2
        # Rows with a largest entry of 1 first: squares of others may overflow.
        steps = [scaler, Normalizer(norm="max"), Normalizer()]
        if soft:
            # Rows x become x / sqrt(|x|^2 + 1), in units of the softening: those of (1, x) of unit
            # length, without the first column.
            coef = np.insert(normalisation.gain * coef, 0, 0.0, axis=1)
            steps.insert(1, PolynomialFeatures(1).fit(scaler.mean_[None]))
    classifier = LogisticRegression()
    classifier.classes_ = np.array(getattr(model, "classes_", np.arange(len(coef))))
    classifier.coef_, classifier.intercept_ = coef, model.intercept_.copy()
    if len(coef) == 2:
        # Two classes share one row of coefficients, which says how much more the second has.
        classifier.coef_, classifier.intercept_ = np.diff(coef, axis=0), np.diff(model.intercept_)
    classifier.n_iter_ = np.array([model.n_iter_], dtype=np.int32)
    steps.append(classifier)
    for step in steps[-3:]:
        step.n_features_in_ = coef.shape[1]
    steps[0].n_features_in_ = model.n_features_in_
    if hasattr(model, "feature_names_in_"):
        # As after a fit on a data frame: the later steps are handed arrays.
        steps[0].feature_names_in_ = model.feature_names_in_.copy()
    return make_pipeline(*steps)
