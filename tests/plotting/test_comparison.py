import numpy as np
import pytest
from sklearn.cluster import HDBSCAN

from skcollision.metrics import clustering_accuracy_score
from skcollision.plotting import ComparisonDisplay

POINTS = np.random.default_rng(0).standard_normal((6, 2))
Y = np.array(["ant", "ant", "bee", "bee", "cat", "cat"])


def test_clusters_bear_the_names_of_their_classes():
    predictions = {"a": [2, 2, 0, 0, 1, 1], "b": [5, 5, 5, 1, 8, 9]}
    display = ComparisonDisplay.from_predictions(POINTS, predictions, Y)
    assert display.maps["a"].labels.tolist() == Y.tolist()
    labels = display.maps["b"].labels.tolist()
    assert labels[:4] == ["ant", "ant", "ant", "bee"]
    assert sorted(labels[4:]) in (["(8)", "cat"], ["(9)", "cat"])
    titles = [axes.get_title() for axes in display.ax_]
    accuracy = clustering_accuracy_score(Y, predictions["b"])
    assert titles == ["a: accuracy 1.000", f"b: accuracy {accuracy:.3f}"]


def test_without_classes_the_first_clusterer_names_them():
    display = ComparisonDisplay.from_predictions(
        POINTS, {"a": [0, 0, 1, 1, 1, 1], "b": [1, 1, 0, 0, 0, 2]}
    )
    assert display.maps["b"].labels.tolist() == ["0", "0", "1", "1", "1", "(2)"]
    assert [axes.get_title() for axes in display.ax_] == ["a", "b: agreement 0.833"]
    assert display.maps["a"].colors_ == display.maps["b"].colors_
    assert len({display.maps["b"].colors_[name] for name in ("0", "1", "(2)")}) == 3


def test_noise_is_matched_with_nothing():
    # Most ants are noise; still, the cluster of the last one is theirs.
    truth = ["ant", "ant", "ant", "bee", "bee", "bee"]
    display = ComparisonDisplay.from_predictions(POINTS, {"a": [-1, -1, 0, 1, 1, 1]}, truth)
    assert display.maps["a"].labels.tolist() == ["-1", "-1", *truth[2:]]
    assert display.ax_[0].get_title() == "a: accuracy 0.667"


def test_any_clusterer_with_probabilities_or_without(blobs, kmeans, mixture):
    X, y = blobs
    hdbscan = HDBSCAN(min_cluster_size=15, copy=True).fit(X)
    display = ComparisonDisplay.from_estimators([kmeans, mixture, kmeans, hdbscan], X, y)
    assert list(display.maps) == ["KMeans 1", "GaussianMixture", "KMeans 2", "HDBSCAN"]
    expected = mixture.predict_proba(X).max(axis=1)
    np.testing.assert_array_equal(display.maps["GaussianMixture"].certainty, expected)
    assert display.maps["KMeans 1"].certainty is None
    named = ComparisonDisplay.from_estimators({"one": kmeans}, X, y, regions=False)
    assert named.ax_[0].get_title().startswith("one: accuracy 0.")
    assert named.maps["one"].regions is None


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="one map at least"):
        ComparisonDisplay.from_predictions(POINTS, {})
    with pytest.raises(ValueError, match=r"same length as 'coordinates', 6. Got 3"):
        ComparisonDisplay.from_predictions(POINTS, {"a": [0, 1, 2]}, Y)
    with pytest.raises(ValueError, match="'coordinates'"):
        ComparisonDisplay.from_predictions(POINTS[:, :1], {"a": Y})
