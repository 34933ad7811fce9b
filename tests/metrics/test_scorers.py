import pickle

import numpy as np
import pytest
import sklearn
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, make_scorer, normalized_mutual_info_score
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcollision import metrics
from skcollision.metrics import (
    clustering_accuracy_score,
    clustering_accuracy_scorer,
    get_scorer,
    get_scorer_names,
)


@pytest.fixture(scope="module")
def blobs():
    X, y = make_blobs(90, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    return X, np.array(["ant", "bee", "cat"])[y]


def kmeans(n_clusters=3):
    return KMeans(n_clusters, n_init=3, random_state=0)


def test_scores_predictions(blobs):
    X, y = blobs
    model = kmeans(2).fit(X)
    expected = clustering_accuracy_score(y, model.predict(X))
    assert clustering_accuracy_scorer(model, X, y) == expected == pytest.approx(2 / 3)


def test_without_classes_it_says_that_it_needs_them(blobs):
    model = kmeans(2).fit(blobs[0])
    for arguments in ((), (None,)):
        with pytest.raises(ValueError, match=r"'y' parameter of clustering_accuracy_scorer must"):
            clustering_accuracy_scorer(model, blobs[0], *arguments)
    search = GridSearchCV(
        kmeans(), {"n_clusters": [2]}, scoring=clustering_accuracy_scorer, error_score="raise"
    )
    with pytest.raises(ValueError, match=r"'y' parameter of clustering_accuracy_scorer must"):
        search.fit(blobs[0])


def test_survives_pickling(blobs):
    X, y = blobs
    model = kmeans().fit(X)
    assert pickle.loads(pickle.dumps(clustering_accuracy_scorer))(model, X, y) == 1


def test_grid_search_over_a_pipeline_finds_the_number_of_classes(blobs):
    pipeline = make_pipeline(StandardScaler(), kmeans())
    grid = {"kmeans__n_clusters": [2, 3, 5]}
    search = GridSearchCV(pipeline, grid, scoring=clustering_accuracy_scorer, cv=3)
    search.fit(*blobs)
    assert search.best_params_ == {"kmeans__n_clusters": 3}
    assert search.best_score_ == 1
    assert search.score(*blobs) == 1


def test_beside_other_metrics(blobs):
    scoring = {name: get_scorer(name) for name in ("clustering_accuracy", "adjusted_rand_score")}
    scores = cross_validate(kmeans(), *blobs, scoring=scoring, cv=3)
    assert scores["test_clustering_accuracy"].tolist() == [1, 1, 1]
    assert scores["test_adjusted_rand_score"].tolist() == [1, 1, 1]


def test_takes_sample_weights(blobs):
    X, y = blobs
    model = kmeans(2).fit(X)
    clusters = model.predict(X)
    weight = np.where(clusters == clusters[0], 1.0, 0.0)
    score = clustering_accuracy_scorer(model, X, y, sample_weight=weight)
    assert score == clustering_accuracy_score(y, clusters, sample_weight=weight)
    assert score != clustering_accuracy_scorer(model, X, y)


def test_routes_metadata(blobs):
    X, y = blobs
    weight = np.where(y == "ant", 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = get_scorer("clustering_accuracy").set_score_request(sample_weight=True)
        model = kmeans(2).set_fit_request(sample_weight=False)
        params = {"sample_weight": weight}
        scores = cross_val_score(model, X, y, scoring=scorer, cv=3, params=params)
    assert 0.5 <= scores.min() <= scores.max() <= 1
    assert scores.mean() > cross_val_score(kmeans(2), X, y, scoring=scorer, cv=3).mean()


def test_looks_up_names_here_and_in_scikit_learn(blobs):
    X, y = blobs
    model = kmeans(2).fit(X)
    expected = {
        "clustering_accuracy": clustering_accuracy_score,
        "normalized_mutual_info_score": normalized_mutual_info_score,
        "adjusted_rand_score": adjusted_rand_score,
    }
    for name, metric in expected.items():
        assert name in get_scorer_names()
        assert get_scorer(name)(model, X, y) == make_scorer(metric)(model, X, y)
    assert set(sklearn.metrics.get_scorer_names()) < set(get_scorer_names())


def test_lookups_are_copies():
    assert get_scorer("clustering_accuracy") is not get_scorer("clustering_accuracy")


@pytest.mark.parametrize("name", ["acc", None, ["accuracy"]])
def test_unknown_names_are_named(name):
    with pytest.raises(ValueError, match=r"'scoring' parameter of get_scorer.*get_scorer_names"):
        get_scorer(name)


def test_other_scores_are_scikit_learns():
    assert metrics.adjusted_rand_score is adjusted_rand_score
    assert metrics.normalized_mutual_info_score is normalized_mutual_info_score
