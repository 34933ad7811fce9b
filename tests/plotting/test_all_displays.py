"""What holds for every picture: a visible image, axes of the user's, matplotlib only on use."""

import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.cluster import HDBSCAN, AgglomerativeClustering
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skcollision import CollisionClusterer, plotting
from skcollision.plotting import (
    ClusterMapDisplay,
    ClusterSizesDisplay,
    ComparisonDisplay,
    HistoryDisplay,
    ImageGalleryDisplay,
    MatchedConfusionMatrixDisplay,
    NClustersDisplay,
    ReliabilityDisplay,
    RiskCoverageDisplay,
    SearchHeatMapDisplay,
)
from skcollision.plotting._display import Display

RNG = np.random.default_rng(0)
COORDINATES, LABELS = RNG.standard_normal((50, 2)), np.arange(50) % 3
PROBA = RNG.dirichlet([0.3] * 3, 50)
HISTORY = {"objective": [[2.0, 2.1], [1.0, 1.2]], "marginal_entropy": [[0.6, 0.6], [0.7, 0.6]]}
RESULTS = {"param_a": [1, 2], "param_b": ["x", "y"], "mean_test_score": [0.1, 0.2]}
MAKERS = {
    ClusterMapDisplay: lambda ax: ClusterMapDisplay.from_predictions(COORDINATES, LABELS, ax=ax),
    ClusterSizesDisplay: lambda ax: ClusterSizesDisplay.from_predictions(LABELS, ax=ax),
    ComparisonDisplay: lambda ax: ComparisonDisplay.from_predictions(
        COORDINATES, {"a": LABELS, "b": LABELS}, ax=ax
    ),
    HistoryDisplay: lambda ax: HistoryDisplay(HISTORY, 2).plot(ax),
    ImageGalleryDisplay: lambda ax: ImageGalleryDisplay.from_predictions(
        RNG.random((50, 8, 8)), PROBA, ax=ax
    ),
    MatchedConfusionMatrixDisplay: lambda ax: MatchedConfusionMatrixDisplay.from_predictions(
        LABELS, LABELS, ax=ax
    ),
    NClustersDisplay: lambda ax: NClustersDisplay([2, 3], [0.1, 0.2], 3).plot(ax),
    ReliabilityDisplay: lambda ax: ReliabilityDisplay.from_predictions(LABELS, PROBA, ax=ax),
    RiskCoverageDisplay: lambda ax: RiskCoverageDisplay.from_predictions(LABELS, PROBA, ax=ax),
    SearchHeatMapDisplay: lambda ax: SearchHeatMapDisplay.from_cv_results(RESULTS, ax=ax),
}
WITH_PROBA = [ReliabilityDisplay, RiskCoverageDisplay]
FROM_ESTIMATOR = [MatchedConfusionMatrixDisplay, *WITH_PROBA]


@pytest.fixture(params=MAKERS, ids=lambda each: each.__name__)
def display_class(request):
    return request.param


def test_every_display_is_tested():
    exported = {getattr(plotting, name) for name in plotting.__all__}
    assert {each for each in exported if issubclass(each, Display)} == set(MAKERS)


def test_something_is_seen_on_new_axes(display_class):
    display = MAKERS[display_class](None)
    display.figure_.set_dpi(50)
    display.figure_.canvas.draw()
    pixels = np.asarray(display.figure_.canvas.buffer_rgba())[..., :3]
    assert (pixels != 255).any(axis=-1).mean() > 0.01
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 5


def test_draws_within_the_axes_given(display_class):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    display = MAKERS[display_class](left)
    assert display.figure_ is figure
    assert right not in np.atleast_1d(display.ax_)
    assert not right.has_data()
    assert isinstance(display.plot(right), display_class)  # a second time, elsewhere


def test_the_extra_is_named_without_matplotlib(display_class, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=rf"{display_class.__name__} needs .*extra 'plot'"):
        MAKERS[display_class](None)


@pytest.mark.parametrize("display_class", [HistoryDisplay, ComparisonDisplay])
def test_several_panels_need_as_many_axes(display_class):
    figure = Figure()
    panels = figure.subplots(1, 2)
    display = MAKERS[display_class](panels)
    assert list(display.ax_) == list(panels)
    for unfit in (figure.subplots(1, 3), figure.add_axes((0, 0, 1, 1))):
        with pytest.raises(ValueError, match=r"'ax' .* must be 2 axes"):
            display.plot(unfit)


@pytest.mark.parametrize("display_class", FROM_ESTIMATOR)
def test_estimator_and_predictions_agree(display_class, blobs, mixture, ax):
    X, y = blobs
    method = "predict_proba" if display_class in WITH_PROBA else "predict"
    drawn = display_class.from_estimator(mixture, X, y, ax=ax)
    same = display_class.from_predictions(y, getattr(mixture, method)(X), ax=Figure().subplots())
    for name, value in vars(same).items():
        if isinstance(value, np.ndarray) and value.dtype != object:
            np.testing.assert_array_equal(getattr(drawn, name), value)


def test_options_of_from_predictions_reach_it_from_an_estimator(blobs, mixture, ax):
    X, y = blobs
    display = ReliabilityDisplay.from_estimator(mixture, X, y, n_bins=1, name="mine", ax=ax)
    assert (len(display.certainty), display.name, display.ax_) == (1, "mine", ax)
    assert RiskCoverageDisplay.from_estimator(mixture, X, y, ax=ax).name == "GaussianMixture"
    matched = MatchedConfusionMatrixDisplay.from_estimator(mixture, X, y, normalize="all", ax=ax)
    np.testing.assert_allclose(matched.confusion_matrix.sum(), 1)
    sizes = ClusterSizesDisplay.from_estimator(mixture, X, sample_weight=np.full(90, 0.5), ax=ax)
    assert sizes.sizes.sum() == 45
    images = RNG.random((90, 4, 4))
    gallery = ImageGalleryDisplay.from_estimator(mixture, X, images, n_images=1, ax=ax)
    assert {len(each) for each in gallery.most_certain} == {1}
    with pytest.raises(TypeError, match="'bins'"):
        ReliabilityDisplay.from_estimator(mixture, X, y, bins=1)


def test_pipelines_and_searches_are_clusterers(blobs, ax):
    X, y = blobs
    search = GridSearchCV(GaussianMixture(3, random_state=0), {"reg_covar": [0.1, 1]}, cv=2).fit(X)
    pipeline = make_pipeline(PCA(3), GaussianMixture(3, random_state=0)).fit(X)
    for estimator in (search, pipeline):
        ReliabilityDisplay.from_estimator(estimator, X, y, ax=ax)
        display = ClusterSizesDisplay.from_estimator(estimator, X, ax=ax)
        np.testing.assert_array_equal(display.sizes, np.bincount(estimator.predict(X)))
        display = ClusterMapDisplay.from_estimator(estimator, X, ax=ax, regions=False)
        np.testing.assert_array_equal(display.labels, estimator.predict(X).astype(str))


def test_clusterers_without_predict_show_the_labels_of_their_fit(blobs, ax):
    X, _ = blobs
    pipeline = make_pipeline(PCA(3), AgglomerativeClustering(3)).fit(X)
    display = ClusterSizesDisplay.from_estimator(pipeline, X, ax=ax)
    np.testing.assert_array_equal(display.sizes, np.bincount(pipeline[-1].labels_))
    with pytest.raises(ValueError, match=r"'X' .* must be the 90 points .* Got 5 points"):
        ClusterSizesDisplay.from_estimator(pipeline, X[:5])


def test_noise_is_grey(blobs, ax):
    X, _ = blobs
    clusterer = HDBSCAN(min_cluster_size=15, copy=True).fit(X)
    assert -1 in clusterer.labels_
    display = ClusterMapDisplay.from_estimator(clusterer, X, ax=ax, regions=False)
    assert "-1" not in display.names_
    grey = mpl.colors.to_rgb(display.colors_["-1"])
    assert len(set(grey)) == 1
    is_grey = (display.points_.get_facecolors()[:, :3] == grey).all(axis=1)
    assert is_grey.sum() == np.sum(clusterer.labels_ == -1)


def test_errors_name_what_the_estimator_lacks(blobs, kmeans):
    X, y = blobs
    for display_class in WITH_PROBA:
        with pytest.raises(TypeError, match=r"'predict_proba'.*Got KMeans"):
            display_class.from_estimator(kmeans, X, y)
    with pytest.raises(TypeError, match="'predict_proba'"):
        ImageGalleryDisplay.from_estimator(kmeans, X)
    with pytest.raises(TypeError, match="'predict' or the attribute 'labels_'"):
        ClusterSizesDisplay.from_estimator(PCA().fit(X), X)
    with pytest.raises(TypeError, match=r"'history_'.*Got KMeans"):
        HistoryDisplay.from_estimator(kmeans)
    with pytest.raises(TypeError, match=r"'cv_results_'.*Got KMeans"):
        SearchHeatMapDisplay.from_estimator(kmeans)
    with pytest.raises(NotFittedError):
        ClusterMapDisplay.from_estimator(GaussianMixture(), X)


def test_our_clusterer_in_a_pipeline(blobs):
    X, y = blobs
    clusterer = CollisionClusterer(3, n_init=2, max_iter=3, random_state=0)
    pipeline = make_pipeline(PCA(3), clusterer).fit(X)
    history = HistoryDisplay.from_estimator(pipeline)
    for row, name in enumerate(("objective", "marginal_entropy")):
        curves = clusterer.history_[name]
        assert curves.shape[1] == 2
        for line, curve in zip(history.lines_[row], curves.T, strict=True):
            np.testing.assert_array_equal(line.get_ydata(), curve)
    sizes = ClusterSizesDisplay.from_estimator(pipeline, X)
    np.testing.assert_array_equal(sizes.prior, clusterer.class_prior_)
    np.testing.assert_array_equal(sizes.clusters, [0, 1, 2])
    ImageGalleryDisplay.from_estimator(pipeline, X, RNG.random((90, 4, 4)))
    ComparisonDisplay.from_estimators([pipeline, pipeline], X, y)
