"""Classifiers at their defaults are level with logistic regression on ordinary tables."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris, load_wine, make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedShuffleSplit, cross_val_score
from sklearn.preprocessing import scale

from skcollision import CollisionClassifier, SemiSupervisedCollisionClassifier

HALVES = StratifiedShuffleSplit(1, test_size=0.5, random_state=0)


def blobs_on_a_line():
    y = np.repeat([0, 1, 2], 100)
    return np.c_[5 * y, 0 * y] + np.random.default_rng(0).normal(scale=0.5, size=(300, 2)), y


def standardised(load):
    X, y = load(return_X_y=True)
    return scale(X), y


TABLES = {
    "iris": lambda: load_iris(return_X_y=True),
    "blobs": lambda: make_blobs(300, centers=5, random_state=3),
    "line": blobs_on_a_line,
    "unscaled cancer": lambda: load_breast_cancer(return_X_y=True),
    "unscaled wine": lambda: load_wine(return_X_y=True),
    "cancer": lambda: standardised(load_breast_cancer),
    "wine": lambda: standardised(load_wine),
}
CLASSIFIERS = [
    CollisionClassifier(random_state=0),
    CollisionClassifier(loss="shannon", random_state=0),
    SemiSupervisedCollisionClassifier(random_state=0),
]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=["collision", "shannon", "few"])
def test_it_is_level_with_logistic_regression(classifier, table):
    X, y = TABLES[table]()
    reference = LogisticRegression(max_iter=5000)
    own, other = (cross_val_score(each, X, y, cv=HALVES).mean() for each in (classifier, reference))
    assert own >= other - 0.01


@pytest.mark.parametrize("factor", [1e-6, 30, 1e4])
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=["collision", "shannon", "few"])
def test_a_column_in_other_units_costs_little(classifier, factor):
    X, y = load_iris(return_X_y=True)
    X = X * [1, factor, 1, 1]
    assert cross_val_score(classifier, X, y, cv=HALVES).mean() > 0.93


def test_shannon_ends_at_the_optimum_of_its_convex_objective():
    X, y = load_iris(return_X_y=True)
    model = CollisionClassifier(loss="shannon", random_state=0).fit(X, y)
    rows = X - X.mean(0)
    squares = np.square(rows).sum(1, keepdims=True)
    rows = rows * np.sqrt(5 / (squares + 4 * squares.mean()))
    reference = LogisticRegression(C=1 / (1e-4 * len(X)), tol=1e-10, max_iter=10_000).fit(rows, y)
    losses = -reference.predict_log_proba(rows)[np.arange(len(y)), y]
    optimum = losses.mean() + 0.5e-4 * np.square(reference.coef_).sum()
    assert model.objective_ == pytest.approx(optimum, abs=1e-5)


@pytest.mark.parametrize("unit", [1e-300, 1e-42, 1e37, 1e306])
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=["collision", "shannon", "few"])
def test_only_ratios_of_weights_matter(classifier, unit):
    X, y = load_iris(return_X_y=True)
    X, weight = X[::2].astype(np.float32), 1.0 + np.arange(75) % 3
    short = clone(classifier).set_params(max_iter=20)
    expected = short.fit(X, y[::2], sample_weight=weight).predict_proba(X)
    found = short.fit(X, y[::2], sample_weight=unit * weight).predict_proba(X)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("unit", [1e-200, 1e25, 1e300])
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=["collision", "shannon", "few"])
def test_without_normalisation_units_that_overflow_are_an_error(classifier, unit):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=r"'normalize' parameter .* must be True for X"):
        clone(classifier).set_params(normalize=False).fit(unit * X, y)
