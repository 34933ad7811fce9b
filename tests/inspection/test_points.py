"""Points by certainty."""

import numpy as np
import pytest

from skcollision.inspection import doubtful_points, representative_points

PROBA = np.random.default_rng(0).dirichlet([0.5] * 4, 200)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_each_cluster_has_its_own_points_by_certainty(dtype):
    proba = PROBA.astype(dtype)
    labels, certainty = proba.argmax(axis=1), proba.max(axis=1)
    for k, (best, worst) in enumerate(
        zip(representative_points(proba, 200), doubtful_points(proba, 200), strict=True)
    ):
        assert set(best) == set(worst) == set(np.flatnonzero(labels == k))
        assert (np.diff(certainty[best].astype(float)) <= 0).all()
        assert (np.diff(certainty[worst].astype(float)) >= 0).all()


def test_no_more_than_asked_for_and_none_of_an_empty_cluster():
    proba = np.insert(PROBA, 2, 0, axis=1)
    for function in (representative_points, doubtful_points):
        found = function(proba, n_points=3)
        assert [len(each) for each in found] == [3, 3, 0, 3, 3]


@pytest.mark.parametrize("function", [representative_points, doubtful_points])
@pytest.mark.parametrize(
    ("proba", "n_points", "message"),
    [
        ([[0.5, 0.4]], 1, "'y_proba' .* sum to 1"),
        ([0.5, 0.5], 1, "'y_proba' .* shape"),
        ([[np.nan, 1]], 1, "'y_proba' .* finite"),
        ([[0.5, 0.5]], True, "'n_points' .* Got True"),
        ([[0.5, 0.5]], 1.5, r"'n_points' .* Got 1\.5"),
    ],
)
def test_errors(function, proba, n_points, message):
    with pytest.raises(ValueError, match=f"{message}.*"):
        function(proba, n_points)
