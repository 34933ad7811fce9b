"""Clusters are numbered by their smallest rows, whatever training called them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skcollision import CollisionClusterer
from skcollision.cluster._outcome import canonical_order


def numbered(labels, rows, prior="uniform", n_clusters=6):
    """Return the labels (N,) by their canonical numbers."""
    order = canonical_order(labels, rows, prior, n_clusters)
    assert sorted(order) == list(range(n_clusters))
    return order.argsort()[labels]


@given(st.integers(0, 2**32 - 1))
def test_neither_names_nor_the_order_of_rows_nor_repetitions_change_numbers(seed):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 3, (30, 3)).astype(float)  # many ties in the first columns
    labels = np.unique(rows, axis=0, return_inverse=True)[1].ravel() * 7 % 5  # of 6: one is empty
    expected = numbered(labels, rows)
    names = rng.permutation(6)
    np.testing.assert_array_equal(numbered(names[labels], rows), expected)
    order = rng.integers(0, 30, 60)
    order[:30] = rng.permutation(30)
    np.testing.assert_array_equal(numbered(labels[order], rows[order]), expected[order])


def test_the_order_is_that_of_the_smallest_rows_and_empty_clusters_come_last():
    rows = np.array([[2.0, 0], [1, 5], [1, 4], [-1, 9], [7, 7]])
    labels = np.array([0, 0, 4, 2, 2])
    np.testing.assert_array_equal(canonical_order(labels, rows, "estimate", 5), [2, 4, 0, 1, 3])


def test_given_proportions_keep_clusters_where_they_differ():
    rows = np.arange(4.0)[:, None]
    labels = np.array([3, 2, 1, 0])
    differ, some = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.2, 0.3, 0.3, 0.2])
    np.testing.assert_array_equal(canonical_order(labels, rows, differ, 4), [0, 1, 2, 3])
    # Among equals the smallest row decides: 3 before 0, 2 before 1.
    np.testing.assert_array_equal(canonical_order(labels, rows, some, 4), [3, 2, 1, 0])
    np.testing.assert_array_equal(canonical_order(labels, rows, some.tolist(), 4), [3, 2, 1, 0])
    np.testing.assert_array_equal(canonical_order(labels, rows, np.full(4, 0.25), 4), labels)


@pytest.mark.parametrize("prior", ["uniform", "estimate", [0.2, 0.2, 0.3, 0.3]])
def test_the_fitted_model_has_these_numbers(prior):
    labels = np.repeat(np.arange(4), [120, 120, 180, 180])
    X = 5 * np.eye(4, 20)[labels] + np.random.default_rng(0).normal(size=(600, 20))
    model = CollisionClusterer(4, prior=prior, n_init=2, random_state=0).fit(X)
    np.testing.assert_array_equal(numbered(model.labels_, X, prior, 4), model.labels_)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    order = np.random.default_rng(0).permutation(600)
    permuted = CollisionClusterer(4, prior=prior, n_init=2, random_state=0).fit(X[order])
    np.testing.assert_array_equal(permuted.labels_, model.labels_[order])
