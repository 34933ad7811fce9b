"""Surplus clusters that are merged on request."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics.cluster import contingency_matrix

from skcollision import (
    CollisionClusterer,
    MIADMClusterer,
    MutualInfoClusterer,
    SeLaClusterer,
    ShannonClusterer,
)
from skcollision.blocks import FeatureBlocks
from skcollision.datasets import make_embeddings
from skcollision.metrics import clustering_accuracy_score

RIVALS = [MIADMClusterer, MutualInfoClusterer, SeLaClusterer, ShannonClusterer]


@pytest.fixture(scope="module")
def blobs():
    return make_embeddings(600, 5, 16, spread=0.8, random_state=0)


@pytest.mark.parametrize("n_clusters", [5, 8])
def test_finds_the_blobs(blobs, n_clusters):
    X, y = blobs
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = CollisionClusterer(n_clusters, merge_surplus=True, random_state=0).fit(X)
    assert model.n_clusters_ == len(np.unique(model.labels_)) == 5
    assert clustering_accuracy_score(y, model.labels_) > 0.95
    assert model.n_clusters == n_clusters


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_clusters", "n_seeds", "most", "median_accuracy"), [(10, 8, 7, 0.99), (15, 5, 8, 0.8)]
)
def test_no_blob_is_lost_and_most_of_the_surplus_is_joined(
    n_clusters, n_seeds, most, median_accuracy
):
    """Among twice as many clusters the blobs are found, among three times as many some are cut."""
    left, accuracies = [], []
    for seed in range(n_seeds):
        X, y = make_embeddings(600, 5, 16, spread=0.8, random_state=seed)
        model = CollisionClusterer(n_clusters, merge_surplus=True, random_state=seed).fit(X)
        assert model.n_clusters_ == len(np.unique(model.labels_))
        purity = contingency_matrix(y, model.labels_).max(axis=0).sum() / len(y)
        assert purity > 0.99  # what is joined is of one blob
        left.append(model.n_clusters_)
        accuracies.append(clustering_accuracy_score(y, model.labels_))
    assert min(left) == 5
    assert max(left) <= most
    assert np.median(accuracies) > median_accuracy
    if n_clusters == 10:
        assert np.median(left) == 5


@pytest.mark.parametrize("clusterer", RIVALS)
def test_every_criterion_can_merge(blobs, clusterer):
    X, y = blobs
    model = clusterer(10, merge_surplus=True, random_state=0).fit(X)
    assert 5 <= model.n_clusters_ == len(np.unique(model.labels_)) <= 6
    assert clustering_accuracy_score(y, model.labels_) > 0.9


def test_splits_by_default(blobs):
    X, _ = blobs
    model = CollisionClusterer(10, random_state=0).fit(X)
    assert model.n_clusters_ == 10
    assert len(np.unique(model.labels_)) > 5


@pytest.mark.filterwarnings("ignore:.*ended empty")
def test_better_than_split_on_digits():
    X, y = load_digits(return_X_y=True)
    split, merged = (
        CollisionClusterer(20, merge_surplus=merge, random_state=0).fit(X)
        for merge in (False, True)
    )
    assert merged.n_clusters_ < 15
    accuracies = [clustering_accuracy_score(y, model.labels_) for model in (split, merged)]
    assert accuracies[1] > accuracies[0] + 0.05


def test_everything_has_the_clusters_that_are_left(blobs):
    X, _ = blobs
    model = CollisionClusterer(12, merge_surplus=True, random_state=0).fit(X)
    proba = model.predict_proba(X)
    assert proba.shape == (len(X), 5)
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-5)
    assert len(model.coef_) == len(model.intercept_) == len(model.cluster_centers_) == 5
    assert model.class_prior_.shape == (5,)
    np.testing.assert_allclose(model.class_prior_.sum(), 1)
    assert len(model.get_feature_names_out()) == 5
    assert 0 < model.score(X) <= np.log(5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.labels_)


@pytest.mark.parametrize("prior", ["estimate", "uniform"])
def test_training_goes_on_with_the_clusters_that_are_left(blobs, prior):
    X, y = blobs
    model = CollisionClusterer(12, prior=prior, merge_surplus=True, random_state=0).fit(X)
    model.partial_fit(X)
    assert len(model.coef_) == model.n_clusters_ == 5
    assert clustering_accuracy_score(y, model.labels_) > 0.95


def test_streamed(blobs):
    X, y = blobs
    model = CollisionClusterer(12, merge_surplus=True, random_state=0).fit(FeatureBlocks(X))
    assert model.n_clusters_ == 5
    assert clustering_accuracy_score(y, model.labels_) > 0.95


def test_points_without_weight_do_not_keep_a_cluster(blobs):
    X, y = blobs
    weight = (y != 0).astype(float)
    model = CollisionClusterer(6, merge_surplus=True, random_state=0)
    model.fit(X, sample_weight=weight)
    assert model.n_clusters_ == len(np.unique(model.labels_[weight > 0])) == 4


def test_needs_neighbours(blobs):
    X, _ = blobs
    with pytest.raises(ValueError, match=r"merge_surplus=True .* needs neighbours"):
        CollisionClusterer(5, merge_surplus=True, n_neighbors=0).fit(X)
    with pytest.raises(ValueError, match="more than a tenth of the points"):
        CollisionClusterer(100, merge_surplus=True).fit(X)


def test_given_proportions_say_how_many(blobs):
    X, _ = blobs
    with pytest.raises(ValueError, match=r"'prior' parameter .* must be a str"):
        CollisionClusterer(2, merge_surplus=True, prior=[0.3, 0.7]).fit(X)
