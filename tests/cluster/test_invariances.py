"""General properties that scikit-learn's own tests of K-means state, for every clusterer."""

import numpy as np
import pytest

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
