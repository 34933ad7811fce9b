"""Properties that scikit-learn's tests of K-means and mixtures state, for every clusterer."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from skcollision.datasets import make_embeddings

X = make_embeddings(90, 3, 16, spread=0.7, random_state=0)[0]


def fit(clusterer_class, X, **fitting):
    return clusterer_class(3, n_init=2, max_iter=20, random_state=0).fit(X, **fitting)


def read_only(X):
    X = X.copy()
    X.setflags(write=False)
    return X


@pytest.mark.parametrize(
    "form",
    [np.asfortranarray, lambda X: np.repeat(X, 2, axis=0)[::2], read_only],
    ids=["columns-first", "strided", "read-only"],
)
def test_layout_in_memory_changes_nothing(clusterer_class, form):
    expected = fit(clusterer_class, X)
    found = fit(clusterer_class, form(X))
    np.testing.assert_array_equal(found.coef_, expected.coef_)
    np.testing.assert_array_equal(found.predict(form(X)), found.labels_)


def test_points_of_no_weight_change_nothing(clusterer_class):
    strangers = np.vstack([X, 100 * X[::-3]])
    weight = np.r_[np.ones(len(X)), np.zeros(len(strangers) - len(X))]
    found = fit(clusterer_class, strangers, sample_weight=weight)
    expected = fit(clusterer_class, X, sample_weight=np.ones(len(X)))
    np.testing.assert_array_equal(found.labels_[: len(X)], expected.labels_)
    np.testing.assert_array_equal(found.predict(strangers), found.labels_)


def test_a_translation_moves_the_centres_alone(clusterer_class):
    rows = X.astype(np.float64)
    expected, found = fit(clusterer_class, rows), fit(clusterer_class, rows + 100)
    np.testing.assert_array_equal(found.labels_, expected.labels_)
    np.testing.assert_allclose(found.cluster_centers_ - 100, expected.cluster_centers_, atol=1e-6)
    np.testing.assert_array_equal(found.predict(rows + 100), found.labels_)


def test_types_of_the_same_numbers_change_nothing(clusterer_class):
    whole = (10 * X).round()
    expected = fit(clusterer_class, whole.astype(np.float64))
    for form in (whole.astype(np.int64), whole.astype(int).tolist()):
        np.testing.assert_array_equal(fit(clusterer_class, form).coef_, expected.coef_)
    # float16 is computed with in float32
    half = fit(clusterer_class, whole.astype(np.float16))
    np.testing.assert_array_equal(half.coef_, fit(clusterer_class, whole).coef_)
    np.testing.assert_array_equal(half.labels_, expected.labels_)


@pytest.mark.parametrize("unit", [1e-42, 1.0, 1e37, 1e306])
def test_equal_weights_of_any_size_are_none(clusterer_class, unit):
    weighted = fit(clusterer_class, X, sample_weight=np.full(len(X), unit))
    np.testing.assert_array_equal(weighted.labels_, fit(clusterer_class, X).labels_)


def test_the_order_of_the_rows_only_orders_the_labels(clusterer_class):
    order = np.random.default_rng(0).permutation(len(X))
    found = fit(clusterer_class, X[order]).labels_
    assert adjusted_rand_score(found, fit(clusterer_class, X).labels_[order]) > 0.9


def test_predictions_are_those_of_each_row_alone(clusterer_class):
    model = fit(clusterer_class, X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    np.testing.assert_array_equal(fit(clusterer_class, X).fit_predict(X), model.labels_)
    alone = [model.predict_proba(row[None])[0] for row in X[:10]]
    np.testing.assert_allclose(alone, model.predict_proba(X)[:10], atol=1e-6)
