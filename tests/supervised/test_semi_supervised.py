import pickle

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skcollision import SemiSupervisedCollisionClassifier
from skcollision.criteria import (
    ClusteringCriterion,
    CollisionCriterion,
    MIADMCriterion,
    MutualInformationCriterion,
    SeLaCriterion,
    ShannonCriterion,
)
from skcollision.datasets import make_embeddings

CRITERIA = [
    CollisionCriterion(lam=100.0, fairness_weight=0.0),
    MIADMCriterion(),
    MutualInformationCriterion(),
    SeLaCriterion(),
    ShannonCriterion(lam=10.0, fairness_weight=1.0),
]


@pytest.fixture(scope="module")
def data():
    return make_embeddings(300, 3, 16, spread=1.2, random_state=0)


@pytest.fixture(scope="module")
def few(data):
    """Labels of two points a class."""
    labels = np.full(len(data[1]), -1)
    for k in range(3):
        chosen = np.flatnonzero(data[1] == k)[:2]
        labels[chosen] = k
    return labels


def make(**parameters):
    return SemiSupervisedCollisionClassifier(**{"max_iter": 60, "random_state": 0, **parameters})


def test_unlabelled_points_help(data, few):
    X, y = data
    model = make().fit(X, few)
    alone = LogisticRegression().fit(X[few >= 0], few[few >= 0])
    assert model.score(X, y) > max(0.9, alone.score(X, y) + 0.02)
    assert (model.transduction_ == y).mean() > 0.9
    np.testing.assert_array_equal(model.transduction_[few >= 0], few[few >= 0])


def test_labels_decide_which_cluster_is_which_class(data, few):
    X, _ = data
    order = np.array([2, 0, 1])
    renamed = np.where(few >= 0, order[few], -1)
    plain, other = make().fit(X, few), make().fit(X, renamed)
    assert (order[plain.predict(X)] == other.predict(X)).mean() > 0.97


def test_one_label_moves_the_prediction_of_its_point(data, few):
    X, y = data
    point = np.flatnonzero((y == 0) & (few < 0))[0]
    wrong = few.copy()
    wrong[point] = 1
    before = make().fit(X, few).predict_proba(X[[point]])[0, 1]
    assert make(labelled_weight=1000.0).fit(X, wrong).predict_proba(X[[point]])[0, 1] > before


@pytest.mark.parametrize("criterion", CRITERIA, ids=lambda each: type(each).__name__)
def test_any_criterion_labels_the_rest(data, few, criterion):
    assert make(criterion=criterion).fit(data[0], few).score(*data) > 0.9


@pytest.mark.parametrize("n_neighbors", [0, 5])
def test_strings_keep_their_names(data, few, n_neighbors):
    X, y = data
    names = np.array(["cat", "dog", "emu"])
    labels = np.array([-1 if code < 0 else names[code] for code in few], dtype=object)
    model = make(n_neighbors=n_neighbors).fit(X, labels)
    assert list(model.classes_) == list(names)
    np.testing.assert_array_equal(
        model.predict(X), names[make(n_neighbors=n_neighbors).fit(X, few).predict(X)]
    )
    assert set(model.transduction_) == set(names)
    assert model.score(X, labels) == 1.0
    assert model.score(X, names[y]) > 0.85


class Decisive(ClusteringCriterion):
    """A criterion of a user's own, without proportions."""

    def loss(self, logits, solved, sample_weight):
        probs = logits.softmax(2)
        return (probs * (1 - probs)).sum(2).mean(1)


def test_a_criterion_without_proportions_takes_equal_ones(data, few):
    assert make(criterion=Decisive(), prior="uniform").fit(data[0], few).score(*data) > 0.9
    with pytest.raises(TypeError, match="prior='uniform'"):
        make(criterion=Decisive()).fit(data[0], few)


def test_it_searches_with_masked_labels(data):
    X, y = data
    masked = np.where(np.arange(len(y)) % 5 == 0, y, -1)
    grid = {"criterion": [None, MutualInformationCriterion()], "labelled_weight": [10.0, 100.0]}
    search = GridSearchCV(make(max_iter=10), grid, cv=3).fit(X, masked)
    # Had points without a label counted as wrong, four fifths would be.
    assert search.best_score_ > 0.9
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()


def test_points_without_weight_teach_nothing(data, few):
    X, y = data
    weight = np.ones(len(X))
    labels = few.copy()
    lies = np.flatnonzero(few < 0)[:40]
    weight[lies], labels[lies] = 0, (y[lies] + 1) % 3
    model = make().fit(X, labels, sample_weight=weight)
    others = weight > 0
    assert model.score(X[others], y[others]) > 0.9


def test_more_labelled_points_than_a_batch(data):
    X, y = data
    model = make(batch_size=50, max_iter=10).fit(X, y)
    assert model.score(X, y) > 0.95


def test_known_proportions(data, few):
    model = make(prior=[0.2, 0.3, 0.5]).fit(data[0], few)
    np.testing.assert_allclose(model.class_prior_, [0.2, 0.3, 0.5])
    estimate = make().fit(data[0], few).class_prior_
    assert estimate.sum() == pytest.approx(1)
    assert (estimate > 0.2).all()


def test_it_pickles_and_repeats(data, few):
    X, _ = data
    model = make().fit(X, few)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(make().fit(X, few).coef_, model.coef_)


@pytest.mark.parametrize(
    ("change", "parameters", "match"),
    [
        (lambda y: np.full_like(y, -1), {}, "no labelled point: all are -1"),
        (lambda y: np.where(y == 1, 1, -1), {}, "has one class only, 1"),
        (lambda y: np.where(y == 1, 1, -1), {"classes": [1]}, "'classes' parameter .* two classes"),
        (lambda y: y, {"classes": [0, 1, 2, 7]}, "no labelled point of class 7"),
        (lambda y: y, {"classes": [0, 1]}, "It lacks 2"),
        (lambda y: y, {"prior": [0.5, 0.5]}, "'prior' parameter"),
        (lambda y: y, {"labelled_weight": 0.0}, "'labelled_weight' parameter"),
        (lambda y: y, {"criterion": "collision"}, "'criterion' parameter"),
        (lambda y: y.astype(str), {}, "the string '-1'"),
        (lambda y: y.astype(str).astype(object), {}, "the string '-1'"),
        (lambda y: np.where(y == 0, "a", y.astype(object)), {}, "strings and numbers"),
        (lambda y: np.where(y < 0, None, y), {}, "None among its classes.* integer -1"),
        (lambda y: np.where(y == 0, np.nan, y), {}, "y of .* contains NaN.* with the integer -1"),
        (lambda y: np.where(y < 0, np.nan, y.astype(object)), {}, "NaN.* with the integer -1"),
        (lambda y: np.where(y < 0, None, y).astype(float), {}, "NaN.* with the integer -1"),
        (lambda y: y[1:], {}, "inconsistent"),
        (lambda y: None, {}, "y is None"),
    ],
    ids=["none", "one", "one named", "unseen", "classes", "prior", "weight", "criterion", "string",
         "object", "mix", "None", "nan", "nan object", "none", "few", "missing"],
)  # fmt: skip
def test_bad_input_is_one_clear_error(data, few, change, parameters, match):
    with pytest.raises(ValueError, match=match):
        make(**parameters).fit(data[0], change(few))


def test_batches_too_small_for_proportions_are_named(data, few):
    with pytest.warns(UserWarning, match="Batches of 5 points are too few for 3 .* to 6 or more"):
        make(batch_size=5, max_iter=1).fit(data[0], few)


def test_a_class_whose_labels_have_no_weight_is_an_error(data, few):
    with pytest.raises(ValueError, match="no labelled point of class 1"):
        make().fit(data[0], few, sample_weight=(few != 1).astype(float))


def test_a_score_without_labels_is_an_error(data, few):
    model = make(max_iter=5).fit(data[0], few)
    with pytest.raises(ValueError, match="no labelled point"):
        model.score(data[0], np.full(len(few), -1))
    with pytest.raises(ValueError, match="zero for all points that have a label"):
        model.score(data[0], few, sample_weight=(few < 0).astype(float))
