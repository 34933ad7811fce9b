import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from skcollision import CollisionClusterer
from skcollision.datasets import make_embeddings
from skcollision.model_selection import NClustersSearch
from skcollision.model_selection._n_clusters import (
    automatic_grid,
    mutual_information_share,
    prediction_strength,
)

FAST = KMeans(n_init=3)


@pytest.fixture(scope="module")
def blobs():
    """Six round clusters, far apart, whose nearest pairs do not suggest another number."""
    rng = np.random.default_rng(0)
    return (6 * np.eye(6, 8)[np.arange(600) % 6] + rng.standard_normal((600, 8))).astype("f")


@pytest.fixture(scope="module")
def search(blobs):
    return NClustersSearch(FAST, [2, 3, 5, 6, 7, 9, 12], random_state=0).fit(blobs)


class Threshold(ClusterMixin, BaseEstimator):
    """Cut the first feature into cells at 0, 1, ...: always the same, or at a random place."""

    def __init__(self, n_clusters=2, stable_until=4, random_state=None):
        self.n_clusters = n_clusters
        self.stable_until = stable_until
        self.random_state = random_state

    def fit(self, X, y=None):
        self.rng_ = np.random.default_rng(self.random_state)
        return self

    def predict(self, X):
        if self.n_clusters > self.stable_until:
            return self.rng_.integers(self.n_clusters, size=len(X))
        return np.minimum(np.floor(X[:, 0]), self.n_clusters - 1).astype(int)


@pytest.fixture(scope="module")
def cells():
    return np.arange(4000)[:, None] % 4 + np.zeros((1, 2))


@parametrize_with_checks([NClustersSearch(KMeans(n_init=1), n_clusters=[2], n_resamples=1)])
def test_estimator_checks(estimator, check):
    check(estimator)


def test_finds_the_planted_number(search):
    assert search.best_n_clusters_ == 6
    assert search.results_["stability_mean"].argmax() == search.best_index_ == 3
    assert search.results_["stability_mean"][3] > 0.98


@pytest.mark.slow
def test_finds_the_planted_number_with_the_default_clusterer():
    X, _ = make_embeddings(400, 4, 16, spread=0.4, random_state=1)
    search = NClustersSearch(n_clusters=[2, 4, 9], n_resamples=1, random_state=0)
    assert search.fit(X).best_n_clusters_ == 4
    assert isinstance(search.best_estimator_, CollisionClusterer)
    assert (search.results_["mutual_info_mean"] > 0).all()
    assert (search.results_["mutual_info_mean"] <= 1).all()
    # The short fits are for the sweep only.
    assert search.best_estimator_.get_params()["n_init"] == CollisionClusterer().n_init
    assert search.predict_proba(X).shape == (400, 4)


def test_measures_of_certain_agreement_and_of_none(cells):
    results = NClustersSearch(Threshold(), [1, 2, 4, 8], random_state=0).fit(cells).results_
    np.testing.assert_allclose(results["stability_mean"], [1, 1, 1, 0], atol=0.01)
    np.testing.assert_allclose(results["prediction_strength_mean"], [1, 1, 1, 1 / 8], atol=0.03)
    entropy_of_two = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    expected = [0, entropy_of_two, np.log(4), 0]
    np.testing.assert_allclose(results["information_mean"], expected, atol=0.01)
    assert "mutual_info_mean" not in results


def test_mutual_information_of_known_predictions():
    assert mutual_information_share(np.eye(3)[[0, 1, 2, 0, 1, 2]]) == pytest.approx(1)
    assert mutual_information_share(np.full((5, 3), 1 / 3)) == pytest.approx(0, abs=1e-12)
    assert mutual_information_share(np.eye(3)[[1, 1, 1]]) == pytest.approx(0, abs=1e-12)
    assert mutual_information_share(np.ones((4, 1))) == 0
    # A binary symmetric channel: ln 2 less the entropy of its noise.
    noise = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    channel = np.array([[0.9, 0.1], [0.1, 0.9]])
    assert mutual_information_share(channel) == pytest.approx(1 - noise / np.log(2))


def test_prediction_strength_of_known_partitions():
    own = np.repeat([0, 1], [4, 6])
    assert prediction_strength(own + 5, own) == 1
    # Of the second cluster's 15 pairs, those of 4 and of 2 points stay together: 6 + 1.
    halved = np.repeat([0, 1, 2], [4, 4, 2])
    assert prediction_strength(halved, own) == pytest.approx(7 / 15)
    assert prediction_strength(np.zeros(3), np.arange(3)) == 1


class Memoriser(Threshold):
    """Sure of the rows it was fitted to, by their second feature, and of no others."""

    def fit(self, X, y=None):
        self.known_ = set(X[:, 1])
        return super().fit(X)

    def predict_proba(self, X):
        sure = np.eye(self.n_clusters)[self.predict(X)]
        is_known = np.isin(X[:, 1], list(self.known_))
        return np.where(is_known[:, None], sure, 1 / self.n_clusters)


def test_mutual_information_is_of_held_out_points():
    X = np.column_stack([np.arange(80) % 4, np.arange(80)])
    search = NClustersSearch(Memoriser(), [2, 4, 8], n_resamples=1, random_state=0).fit(X)
    np.testing.assert_allclose(search.results_["mutual_info_mean"], 0, atol=1e-12)


def test_information_prefers_the_finer_of_two_that_are_reproduced(cells):
    by_stability = NClustersSearch(Threshold(), [2, 4, 8], criterion="stability", random_state=0)
    by_information = NClustersSearch(Threshold(), [2, 4, 8], random_state=0)
    assert by_stability.fit(cells).best_n_clusters_ == 2
    assert by_information.fit(cells).best_n_clusters_ == 4


def test_halves_are_disjoint_and_the_same_for_all_numbers(blobs):
    seen = {}

    class Recorder(KMeans):
        def fit(self, X, y=None, sample_weight=None):
            seen.setdefault(self.n_clusters, []).append({row.tobytes() for row in X})
            return super().fit(X)

    NClustersSearch(Recorder(n_init=1), [2, 6, 15], n_resamples=2, random_state=0).fit(blobs)
    everything = {row.tobytes() for row in blobs}
    halves = seen[2][:4]
    assert all(not (a & b) and a | b == everything for a, b in (halves[:2], halves[2:]))
    assert halves[0] not in halves[2:]
    for k in (6, 15):
        assert seen[k][:4] == halves


def test_results_have_one_entry_for_each_number_rising(blobs):
    search = NClustersSearch(KMeans(n_init=1), [6, 2, 2, 15], n_resamples=2, random_state=0)
    search.fit(blobs)
    np.testing.assert_array_equal(search.results_["n_clusters"], [2, 6, 15])
    assert all(values.shape == (3,) for values in search.results_.values())
    assert all(np.isfinite(values).all() for values in search.results_.values())
    assert search.best_score_ == search.results_["information_mean"][search.best_index_]
    assert search.best_n_clusters_ == search.results_["n_clusters"][search.best_index_]


def test_is_reproducible_whatever_the_number_of_jobs(blobs):
    search = NClustersSearch(FAST, [3, 6, 8], n_resamples=2, random_state=3)
    first = clone(search).fit(blobs)
    with parallel_config(backend="threading"):
        second = clone(search).set_params(n_jobs=2).fit(blobs)
    for name, values in first.results_.items():
        np.testing.assert_array_equal(values, second.results_[name])
    np.testing.assert_array_equal(first.labels_, second.labels_)


def test_delegates_to_the_best_estimator(search, blobs):
    assert search.best_estimator_.n_clusters == search.best_n_clusters_
    np.testing.assert_array_equal(search.predict(blobs), search.best_estimator_.predict(blobs))
    np.testing.assert_array_equal(search.transform(blobs), search.best_estimator_.transform(blobs))
    np.testing.assert_array_equal(search.labels_, search.best_estimator_.labels_)
    assert not hasattr(search, "predict_proba")
    assert FAST.n_clusters == KMeans().n_clusters, "the user's estimator was changed"


def test_sweep_params_are_for_the_sweep_only(blobs):
    short = {"sweep_params": {"max_iter": 1}, "n_resamples": 1, "random_state": 0}
    search = NClustersSearch(FAST, [2, 6, 8], **short)
    assert search.fit(blobs).best_estimator_.max_iter == FAST.max_iter
    usual = clone(search).set_params(sweep_params=None).fit(blobs)
    assert (search.results_["stability_mean"] != usual.results_["stability_mean"]).any()


@pytest.mark.parametrize(
    ("n_samples", "largest"), [(4, 2), (200, 10), (600, 30), (1500, 75), (10**6, 100)]
)
def test_automatic_numbers_leave_points_enough(n_samples, largest):
    grid = automatic_grid(n_samples)
    assert (grid[0], grid[-1]) == (2, largest)
    assert (np.diff(grid) > 0).all()


def test_automatic_numbers_are_the_default(blobs):
    results = NClustersSearch(KMeans(n_init=1), n_resamples=1, random_state=0).fit(blobs).results_
    np.testing.assert_array_equal(results["n_clusters"], automatic_grid(600))


def test_column_names_reach_the_estimator(blobs):
    frame = pd.DataFrame(blobs, columns=list("abcdefgh"))
    search = NClustersSearch(FAST, [5, 6, 7], n_resamples=1, random_state=0).fit(frame)
    assert search.best_estimator_.feature_names_in_.tolist() == list("abcdefgh")
    np.testing.assert_array_equal(search.predict(frame), search.labels_)


def test_warns_when_more_may_be_better(blobs):
    search = NClustersSearch(FAST, [2, 3, 6], n_resamples=1, random_state=0)
    with pytest.warns(UserWarning, match="6, is the largest that was tried"):
        search.fit(blobs)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_clusters": [0, 2]}, r"'n_clusters' .* from 1 to 300, half of n_samples=600. Got \[0"),
        ({"n_clusters": [2, 301]}, r"'n_clusters' .*Got \[2, 301\]"),
        ({"n_clusters": []}, "'n_clusters' .*integers"),
        ({"n_clusters": [2.5]}, "'n_clusters' .*integers"),
        ({"n_clusters": "few"}, "'n_clusters' parameter of NClustersSearch"),
        ({"n_clusters": True}, "'n_clusters' .*must not be a boolean"),
        ({"n_resamples": True}, "'n_resamples' .*must not be a boolean"),
        ({"n_resamples": 0}, "'n_resamples' parameter of NClustersSearch"),
        ({"criterion": "elbow"}, "'criterion' parameter of NClustersSearch"),
        ({"criterion": "mutual_info"}, "'criterion' .*without predict_proba"),
        ({"sweep_params": 3}, "'sweep_params' parameter of NClustersSearch"),
        ({"estimator": 3}, "'estimator' parameter of NClustersSearch"),
    ],
)
def test_bad_parameters_are_named(blobs, parameters, message):
    with pytest.raises(ValueError, match=message):
        NClustersSearch(**{"estimator": FAST, **parameters}).fit(blobs)


def test_an_estimator_without_a_number_of_clusters(blobs):
    from sklearn.cluster import MeanShift

    with pytest.raises(ValueError, match=r"'estimator' .* must have a parameter 'n_clusters'"):
        NClustersSearch(MeanShift()).fit(blobs)


def test_not_fitted(blobs):
    with pytest.raises(NotFittedError):
        NClustersSearch().predict(blobs)
