"""scikit-learn's searches, with scorers that need labels and that need none."""

import distributed
import numpy as np
import pytest
import sklearn
import torch
from joblib import cpu_count, parallel_config
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from threadpoolctl import threadpool_info

from skcollision import CollisionClusterer
from skcollision._parallel import n_threads
from skcollision.datasets import make_embeddings
from skcollision.metrics import AgreementScorer, get_scorer

GRID = {"lam": [1.0, 10.0]}
LABEL_FREE = ["held_out_mutual_info", "neg_held_out_objective", "neighbor_info", "stability"]


@pytest.fixture(scope="module")
def data():
    X, y = make_embeddings(180, 3, 16, spread=0.5, random_state=0)
    return X.astype(np.float32), y


def clusterer(**parameters):
    return CollisionClusterer(3, n_init=1, max_iter=10, random_state=0, **parameters)


def pipeline():
    steps = [StandardScaler(), PCA(8, random_state=0), Normalizer(), clusterer()]
    return make_pipeline(*steps)


def in_pipeline(grid):
    return {f"collisionclusterer__{name}": values for name, values in grid.items()}


def assert_complete(search, n_candidates):
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == n_candidates
    assert np.isfinite(scores).all()
    assert search.best_score_ == scores[search.best_index_]


def test_grid_search_over_a_pipeline_without_labels(data):
    scoring = {name: get_scorer(name) for name in LABEL_FREE}
    search = GridSearchCV(
        pipeline(), in_pipeline(GRID), scoring=scoring, refit="neighbor_info", cv=2
    ).fit(data[0])
    for name in LABEL_FREE:
        assert np.isfinite(search.cv_results_[f"mean_test_{name}"]).all()
    assert search.score(data[0]) == get_scorer("neighbor_info")(search.best_estimator_, data[0])
    assert search.predict(data[0]).shape == (180,)


def test_labels_are_for_the_scorer_alone(data):
    X, y = data
    search = GridSearchCV(
        pipeline(), in_pipeline(GRID), scoring=get_scorer("clustering_accuracy"), cv=2
    ).fit(X, y)
    assert_complete(search, 2)
    unlabelled = clone(search.best_estimator_).fit(X)
    np.testing.assert_array_equal(search.predict(X), unlabelled.predict(X))


def test_randomized_search_draws_lam_from_a_distribution(data):
    search = RandomizedSearchCV(
        clusterer(),
        {"lam": loguniform(1, 100), "fairness_weight": [0.0, 1.0]},
        n_iter=3,
        scoring=get_scorer("neighbor_info"),
        cv=2,
        random_state=0,
    ).fit(data[0])
    assert_complete(search, 3)
    assert len(set(search.cv_results_["param_lam"])) == 3


@pytest.mark.parametrize("resource", ["n_samples", "max_iter"])
def test_halving_search_spends_more_on_fewer_candidates(data, resource):
    amounts = {"n_samples": (60, 180), "max_iter": (2, 6)}[resource]
    search = HalvingGridSearchCV(
        clusterer(),
        {"lam": [1.0, 10.0, 100.0]},
        resource=resource,
        min_resources=amounts[0],
        max_resources=amounts[1],
        factor=3,
        scoring=get_scorer("neighbor_info"),
        cv=2,
        random_state=0,
    ).fit(data[0])
    assert search.n_candidates_ == [3, 1]
    assert search.n_resources_ == list(amounts)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_scorers_have_parameters_that_a_search_can_set(data):
    search = GridSearchCV(clusterer(), {"lam": [1.0]}, scoring=AgreementScorer(), cv=2)
    search.set_params(scoring__measure="information")
    assert clone(search).get_params()["scoring__measure"] == "information"


@pytest.fixture
def weighted(data):
    """Weights that leave the first of the three groups out, and one split of the points."""
    X, y = data
    rows = np.arange(len(X))
    return X, (y > 0).astype(float), [(rows[::2], rows[1::2])]


@pytest.mark.parametrize("name", LABEL_FREE)
def test_weights_are_routed_to_fits_and_scorers(weighted, name):
    X, weight, cv = weighted
    model = clusterer()
    with sklearn.config_context(enable_metadata_routing=True):
        model.set_fit_request(sample_weight=True)
        steps = [("scale", StandardScaler().set_fit_request(sample_weight=False)), ("model", model)]
        scorer = get_scorer(name).set_score_request(sample_weight=True)
        search = GridSearchCV(Pipeline(steps), {"model__lam": [10.0]}, scoring=scorer, cv=cv)
        search.fit(X, sample_weight=weight)
        (train, test), expected = cv[0], clone(search.estimator)
        expected.fit(X[train], sample_weight=weight[train])
        score = scorer(expected, X[test], sample_weight=weight[test])
    assert search.best_score_ == score
    assert search.best_score_ != scorer(expected, X[test])


def test_weights_that_nobody_asked_for_are_an_error(weighted):
    X, weight, cv = weighted
    with sklearn.config_context(enable_metadata_routing=True):
        model = clusterer().set_fit_request(sample_weight=True)
        search = GridSearchCV(model, {"lam": [10.0]}, scoring=get_scorer("stability"), cv=cv)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            search.fit(X, sample_weight=weight)


def test_without_routing_weights_go_to_both(weighted):
    X, weight, cv = weighted
    scorer = get_scorer("neighbor_info")
    search = GridSearchCV(clusterer(), {"lam": [10.0]}, scoring=scorer, cv=cv, refit=False)
    search.fit(X, sample_weight=weight)
    train, test = cv[0]
    model = clusterer(lam=10.0).fit(X[train], sample_weight=weight[train])
    expected = scorer(model, X[test], sample_weight=weight[test])
    assert search.cv_results_["mean_test_score"] == [expected]


def test_a_pipeline_without_probabilities(data):
    search = GridSearchCV(
        make_pipeline(Normalizer(), KMeans(3, n_init=1, random_state=0)),
        {"kmeans__algorithm": ["lloyd", "elkan"]},
        scoring={name: get_scorer(name) for name in ("neighbor_info", "stability")},
        refit="stability",
        cv=2,
    ).fit(data[0])
    assert np.isfinite(search.cv_results_["mean_test_stability"]).all()


@pytest.fixture
def search():
    # Local, so that it travels to other processes by value: they cannot import this file.
    def score_and_threads(estimator, X, y=None):
        pools = [pool["num_threads"] for pool in threadpool_info()]
        threads = {"torch": torch.get_num_threads(), "numba": n_threads(), "pools": max(pools)}
        return {"score": get_scorer("neighbor_info")(estimator, X), **threads}

    return GridSearchCV(
        clusterer(), {"lam": [1.0, 10.0]}, scoring=score_and_threads, refit=False, cv=2
    )


@pytest.mark.slow
def test_two_processes_share_the_cores_and_change_nothing(search, data):
    alone = clone(search).fit(data[0]).cv_results_
    both = search.set_params(n_jobs=2).fit(data[0]).cv_results_
    np.testing.assert_array_equal(both["mean_test_score"], alone["mean_test_score"])
    for kind in ("torch", "numba", "pools"):
        assert (2 * both[f"mean_test_{kind}"] <= max(2, cpu_count())).all(), kind


@pytest.mark.slow
def test_dask_finds_the_same(search, data):
    alone = clone(search).fit(data[0])
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        parallel_config("dask"),
    ):
        found = search.fit(data[0])
    np.testing.assert_array_equal(
        found.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )
