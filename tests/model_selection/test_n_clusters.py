import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans, MeanShift
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from skcollision import CollisionClusterer
from skcollision.datasets import make_embeddings
from skcollision.model_selection import NClustersSearch
from skcollision.model_selection._n_clusters import automatic_grid

FAST = KMeans(n_init=3)


def blobs_of(n_clusters, n_features=8, n_samples=600, seed=0):
    """Round clusters, at random but far apart."""
    rng = np.random.default_rng(seed)
    centres = 10 * np.linalg.qr(rng.standard_normal((24, 24)))[0][:n_clusters, :n_features]
    y = np.arange(n_samples) % n_clusters
    return (centres[y] + 0.5 * rng.standard_normal((n_samples, n_features))).astype("f")


@pytest.fixture(scope="module")
def blobs():
    return blobs_of(6)


@pytest.fixture(scope="module")
def search(blobs):
    return NClustersSearch(FAST, random_state=0).fit(blobs)


@parametrize_with_checks([NClustersSearch(KMeans(n_init=1), n_clusters=[2])])
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("n_clusters", [2, 3, 8, 20])
def test_finds_round_clusters(n_clusters, seed):
    X = blobs_of(n_clusters, 24, seed=seed)
    assert NClustersSearch(FAST, random_state=seed).fit(X).best_n_clusters_ == n_clusters


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("n_clusters", "imbalance"), [(3, 1), (5, 5), (15, 1), (30, 1)])
def test_finds_long_clusters(n_clusters, imbalance, seed):
    options = {"spread": 0.8, "imbalance": imbalance, "random_state": seed}
    X, _ = make_embeddings(900, n_clusters, 64, **options)
    assert NClustersSearch(FAST, random_state=0).fit(X).best_n_clusters_ == n_clusters


def test_finds_the_planted_number_with_the_default_clusterer():
    X, _ = make_embeddings(400, 4, 16, spread=0.4, random_state=1)
    search = NClustersSearch(random_state=0).fit(X)
    assert search.best_n_clusters_ == 4
    assert isinstance(search.best_estimator_, CollisionClusterer)
    assert search.predict_proba(X).shape == (400, 4)


def test_neither_order_nor_scale_nor_place_nor_rotation_of_the_points_matters(blobs):
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    for X in (blobs[rng.permutation(600)], 1e3 * blobs, blobs - 50, blobs @ rotation):
        assert NClustersSearch(FAST, random_state=0).fit(X).best_n_clusters_ == 6


def test_clusters_that_are_apart_are_separate_in_full():
    rng = np.random.default_rng(0)
    X = np.repeat(100 * np.eye(5), 60, axis=0) + rng.standard_normal((300, 5))
    results = NClustersSearch(FAST, [1, 2, 5, 9], random_state=0).fit(X).results_
    assert results["separation"][0] == 0
    assert results["separation"][2] == pytest.approx(np.log(5), abs=0.01)
    assert results["separation"][2] == results["separation"].max()


def test_scores_do_not_depend_on_what_is_tried_nor_on_the_clusterer(search, blobs):
    few = NClustersSearch(CollisionClusterer(n_init=1, max_iter=2), [30, 6, 6, 2], random_state=0)
    few.fit(blobs)
    np.testing.assert_array_equal(few.results_["n_clusters"], [2, 6, 30])
    np.testing.assert_array_equal(
        few.results_["separation"], search.results_["separation"][[0, 4, 28]]
    )
    assert few.best_score_ == few.results_["separation"][few.best_index_]
    assert few.best_n_clusters_ == few.results_["n_clusters"][few.best_index_]


def test_is_reproducible_whatever_the_number_of_threads(search, blobs):
    with threadpool_limits(1):
        again = clone(search).fit(blobs)
    np.testing.assert_array_equal(search.results_["separation"], again.results_["separation"])
    np.testing.assert_array_equal(search.labels_, again.labels_)


def test_delegates_to_the_best_estimator(search, blobs):
    assert search.best_estimator_.n_clusters == search.best_n_clusters_ == 6
    np.testing.assert_array_equal(search.predict(blobs), search.best_estimator_.predict(blobs))
    np.testing.assert_array_equal(search.transform(blobs), search.best_estimator_.transform(blobs))
    np.testing.assert_array_equal(search.labels_, search.best_estimator_.labels_)
    assert not hasattr(search, "predict_proba")
    assert FAST.n_clusters == KMeans().n_clusters, "the user's estimator was changed"


@pytest.mark.parametrize(
    ("n_samples", "largest"), [(4, 2), (200, 10), (600, 30), (1500, 75), (10**6, 100)]
)
def test_automatic_numbers_leave_points_enough(n_samples, largest):
    np.testing.assert_array_equal(automatic_grid(n_samples), np.arange(2, largest + 1))


def test_automatic_numbers_are_the_default(search):
    np.testing.assert_array_equal(search.results_["n_clusters"], automatic_grid(600))


def test_few_points_and_few_that_differ():
    X = np.repeat(np.eye(3), 4, axis=0)
    search = NClustersSearch(FAST, [1, 2, 3, 5], random_state=0).fit(X)
    assert np.isfinite(search.results_["separation"]).all()
    assert search.best_n_clusters_ in (2, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        NClustersSearch(FAST, [1, 2], random_state=0).fit(X[::3])


def test_column_names_reach_the_estimator(blobs):
    frame = pd.DataFrame(blobs, columns=list("abcdefgh"))
    search = NClustersSearch(FAST, [5, 6, 7], random_state=0).fit(frame)
    assert search.best_estimator_.feature_names_in_.tolist() == list("abcdefgh")
    np.testing.assert_array_equal(search.predict(frame), search.labels_)


def test_warns_when_more_may_be_better(blobs):
    with pytest.warns(UserWarning, match="6, is the largest that was tried"):
        NClustersSearch(FAST, [2, 3, 6], random_state=0).fit(blobs)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_clusters": [0, 2]}, r"'n_clusters' .* from 1 to 300, half of n_samples=600. Got \[0"),
        ({"n_clusters": [2, 301]}, r"'n_clusters' .*Got \[2, 301\]"),
        ({"n_clusters": []}, "'n_clusters' .*integers"),
        ({"n_clusters": [2.5]}, "'n_clusters' .*integers"),
        ({"n_clusters": "few"}, "'n_clusters' parameter of NClustersSearch"),
        ({"n_clusters": True}, "'n_clusters' .*must not be a boolean"),
        ({"estimator": 3}, "'estimator' parameter of NClustersSearch"),
        ({"estimator": MeanShift()}, r"'estimator' .* must have a parameter 'n_clusters'"),
    ],
)
def test_bad_parameters_are_named(blobs, parameters, message):
    with pytest.raises(ValueError, match=message):
        NClustersSearch(**{"estimator": FAST, **parameters}).fit(blobs)


def test_points_that_are_all_the_same():
    with pytest.raises(ValueError, match="all the same point"):
        NClustersSearch(FAST, [2, 3]).fit(np.ones((20, 3)))


def test_not_fitted(blobs):
    with pytest.raises(NotFittedError):
        NClustersSearch().predict(blobs)
