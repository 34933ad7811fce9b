"""No data end in NaN: what there is to cluster is clustered, all else is one clear error."""

import numpy as np
import pytest

from skcollision import CollisionClusterer
from skcollision.datasets import make_embeddings


@pytest.fixture(scope="module")
def X():
    return make_embeddings(600, 4, 20, spread=0.7, random_state=0)[0]


def fitted(X, sample_weight=None, **parameters):
    """Fit; an overflow or a NaN on the way is an error."""
    defaults = {"n_clusters": 4, "n_init": 2, "max_iter": 5, "random_state": 0}
    model = CollisionClusterer(**{**defaults, **parameters})
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        model.fit(X, sample_weight=sample_weight)
    for name in ("coef_", "intercept_", "cluster_centers_", "objective_"):
        assert np.isfinite(getattr(model, name)).all()
    assert np.isfinite(model.transform(X)).all()
    return model


@pytest.mark.parametrize(
    ("dtype", "exponents"), [(np.float32, (-36, -20, 20, 37)), (np.float64, (-300, 300))]
)
def test_the_unit_of_the_features_does_not_matter(X, dtype, exponents):
    X = X.astype(dtype)
    expected = fitted(X)
    for exponent in exponents:
        unit = dtype(10.0**exponent)
        model = fitted(X * unit)
        np.testing.assert_array_equal(model.labels_, expected.labels_)
        np.testing.assert_allclose(
            model.cluster_centers_ / unit, expected.cluster_centers_, atol=1e-5
        )


@pytest.mark.parametrize("n_features", [5, 20])
@pytest.mark.parametrize("unit", [1e-320, 1e-300, 1.0, 1e300])
def test_rows_may_be_of_any_other_unit_than_those_of_the_fit(X, unit, n_features):
    rows = X[:100, :n_features].astype(np.float64)
    model = fitted(rows * unit, n_init=1, max_iter=2)
    far = rows / np.abs(rows).max() * np.finfo(np.float64).max
    for others in (far, rows * 1e-320, rows * 0):
        np.testing.assert_allclose(model.predict_proba(others).sum(1), 1)
    if unit <= 1:  # the centre is as nothing, and all rows point where their signs do
        expected = model.predict(1e30 * unit * rows)
        np.testing.assert_array_equal(model.predict(far), expected)


@pytest.mark.parametrize("huge", [-3.4e38, 1e15])
def test_one_huge_row_leaves_the_other_clusters_as_they_are(X, huge):
    expected, rows = fitted(X).labels_, X.copy()
    rows[5] = huge
    labels = fitted(rows).labels_
    # the numbers of the clusters follow the smallest rows, and one is another
    assert len({*zip(np.delete(labels, 5), np.delete(expected, 5), strict=True)}) == 4


@pytest.mark.filterwarnings("ignore:.* clusters ended empty")
@pytest.mark.parametrize("n_neighbors", ["auto", 0, 3])
def test_fewer_points_with_weight_than_clusters(X, n_neighbors):
    weight = np.zeros(600)
    weight[:7] = 1
    fitted(X, weight, n_clusters=10, n_neighbors=n_neighbors)


def test_a_single_cluster_holds_everything(X):
    assert not fitted(X, n_clusters=1).labels_.any()


@pytest.mark.parametrize("unit", [1e-36, 1e-25, 1e25, 1e36])
def test_without_normalisation_units_that_overflow_are_an_error(X, unit):
    with pytest.raises(ValueError, match=r"'normalize' parameter .* must be True for X"):
        fitted(X * np.float32(unit), normalize=False)
