import sys
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

from skcollision.plotting import ClusterMapDisplay


def drawn_points(display):
    """Coordinates and colours of the points, in one order whatever that of drawing."""
    rows = np.c_[display.points_.get_offsets(), display.points_.get_facecolors()]
    return rows[np.lexsort(rows.T)]


def expected_points(coordinates, labels, opacity, colors):
    channels = np.array([mpl.colors.to_rgb(colors[name]) for name in labels])
    rows = np.c_[coordinates, channels, opacity]
    return rows[np.lexsort(rows.T)]


def test_points_have_the_colour_of_their_cluster_and_the_opacity_of_their_certainty(
    blobs, mixture, ax
):
    X, _ = blobs
    display = ClusterMapDisplay.from_estimator(mixture, X, ax=ax)
    labels = mixture.predict(X).astype(str)
    certainty = mixture.predict_proba(X).max(axis=1)
    pca = PCA(2, random_state=0).fit(X)
    expected = expected_points(pca.transform(X), labels, 0.1 + 0.8 * certainty, display.colors_)
    np.testing.assert_allclose(drawn_points(display), expected)
    assert len({display.colors_[name] for name in labels}) == 3
    for name, text in display.names_.items():
        median = np.median(display.coordinates[labels == name], axis=0)
        np.testing.assert_allclose(text.get_position(), median)
    assert f"{100 * pca.explained_variance_ratio_[0]:.0f} %" in ax.get_xlabel()


def test_without_probabilities_all_points_are_equally_opaque(blobs, kmeans, ax):
    display = ClusterMapDisplay.from_estimator(kmeans, blobs[0], ax=ax)
    assert display.certainty is None
    assert len(set(display.points_.get_facecolors()[:, 3])) == 1


@pytest.mark.parametrize("frame", [False, True])
def test_regions_of_two_features_are_the_estimators_own(frame, ax):
    X = np.random.default_rng(0).standard_normal((90, 2)) + np.repeat([[0, 0], [4, 1]], 45, axis=0)
    X = pd.DataFrame(X, columns=["width", "height"]) if frame else X
    mixture = GaussianMixture(2, random_state=0).fit(X)
    display = ClusterMapDisplay.from_estimator(mixture, X, ax=ax)
    left, right, bottom, top = display.regions.extent
    n_rows, n_columns = display.regions.labels.shape
    assert left < np.asarray(X)[:, 0].min() < np.asarray(X)[:, 0].max() < right
    for row, column in [(0, 0), (50, 120), (150, 30), (n_rows - 1, n_columns - 1)]:
        place = np.array(
            [
                [
                    left + (column + 0.5) / n_columns * (right - left),
                    bottom + (row + 0.5) / n_rows * (top - bottom),
                ]
            ]
        )
        place = pd.DataFrame(place, columns=X.columns) if frame else place
        assert display.regions.labels[row, column] == str(mixture.predict(place)[0])
        expected = mixture.predict_proba(place).max()
        np.testing.assert_allclose(display.regions.certainty[row, column], expected)
        color = display.regions_.get_array()[row, column]
        name = display.regions.labels[row, column]
        np.testing.assert_allclose(color[:3], mpl.colors.to_rgb(display.colors_[name]))
        np.testing.assert_allclose(color[3], 0.35 * expected)
    assert ax.get_xlabel() == ("width" if frame else "feature 0")


def test_regions_of_neighbours_follow_the_points_and_fade_away_from_them(ax):
    rng = np.random.default_rng(0)
    y = np.repeat(["left", "right"], 100)
    points = np.c_[rng.random(200) + np.where(y == "left", 0, 1.2), rng.random(200)]
    points = np.vstack([points, [[0.5, 8.0]]])  # far off, so that most of the map is empty
    display = ClusterMapDisplay.from_predictions(points, [*y, "left"], ax=ax)
    regions = display.regions

    def cell(x, y):
        left, right, bottom, top = regions.extent
        place = int((y - bottom) / (top - bottom) * 200), int((x - left) / (right - left) * 200)
        return regions.labels[place], regions.certainty[place]

    assert cell(0.5, 0.5) == ("left", 1.0)
    assert cell(1.7, 0.5) == ("right", 1.0)
    assert cell(1.1, 4.0)[1] < 0.1


def test_certain_neighbours_count_more(ax):
    points = np.random.default_rng(0).standard_normal((30, 2))
    labels = np.repeat([0, 1], [20, 10])
    certainty = np.where(labels == 0, 0.1, 1.0)
    plain = ClusterMapDisplay.from_predictions(points, labels, ax=ax)
    weighted = ClusterMapDisplay.from_predictions(points, labels, certainty=certainty, ax=ax)
    assert np.mean(weighted.regions.labels == "1") > np.mean(plain.regions.labels == "1") + 0.2


def test_coordinates_may_be_given_for_any_input(blobs, ax):
    X, _ = blobs
    places = np.random.default_rng(1).random((90, 2))
    kmeans = KMeans(3, n_init=1, random_state=0).fit(csr_matrix(X))
    display = ClusterMapDisplay.from_estimator(kmeans, csr_matrix(X), coordinates=places, ax=ax)
    np.testing.assert_array_equal(display.coordinates, places)
    by_pca = ClusterMapDisplay.from_estimator(kmeans, csr_matrix(X), regions=False, ax=ax)
    dense = PCA(2, random_state=0).fit_transform(X)
    np.testing.assert_allclose(np.abs(by_pca.coordinates), np.abs(dense), atol=1e-6)


def test_many_clusters_repeat_colours_far_from_each_other(ax):
    centers = np.stack(np.meshgrid(np.arange(9.0), np.arange(9.0)), -1).reshape(-1, 2)
    display = ClusterMapDisplay.from_predictions(centers, np.arange(81), regions=False, ax=ax)
    named = np.array([display.colors_[str(i)] for i in range(81)])
    assert len(set(named)) == 10
    for color in set(named):
        bearers = centers[named == color]
        gaps = np.linalg.norm(bearers[:, None] - bearers, axis=-1)
        assert gaps[gaps > 0].min(initial=np.inf) > 1.2  # no two neighbours on the lattice


def test_77_clusters_and_10000_points():
    rng = np.random.default_rng(0)
    y = rng.integers(77, size=10_000)
    points = 9 * rng.standard_normal((77, 2))[y] + rng.standard_normal((10_000, 2))
    display = ClusterMapDisplay.from_predictions(points, y)
    assert display.points_.get_rasterized()
    assert set(display.names_) == {str(i) for i in range(77)}
    display.figure_.canvas.draw()
    boxes = [text.get_window_extent() for text in display.names_.values()]
    overlaps = sum(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert overlaps <= 2  # widths of characters are estimated


def test_a_map_by_name(blobs, kmeans, ax, monkeypatch):
    X, _ = blobs
    display = ClusterMapDisplay.from_estimator(kmeans, X, coordinates="tsne", ax=ax)
    near = NearestNeighbors(n_neighbors=10).fit(display.coordinates).kneighbors()[1]
    same = display.labels[near] == display.labels[:, None]
    assert same.mean() > 0.8
    again = ClusterMapDisplay.from_estimator(kmeans, csr_matrix(X), coordinates="tsne", ax=ax)
    assert again.coordinates.shape == (90, 2)
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match=r"pip install .skcollision\[umap\]"):
        ClusterMapDisplay.from_estimator(kmeans, X, coordinates="umap")
    umap = SimpleNamespace(UMAP=lambda random_state: PCA(2))
    monkeypatch.setitem(sys.modules, "umap", umap)
    display = ClusterMapDisplay.from_estimator(kmeans, X, coordinates="umap", ax=ax)
    np.testing.assert_allclose(display.coordinates, PCA(2).fit_transform(X))
    assert ax.get_xlabel() == "umap"
    with pytest.raises(ValueError, match=r"'coordinates' .* 'tsne' or 'umap'\. Got 'mds'"):
        ClusterMapDisplay.from_estimator(kmeans, X, coordinates="mds")


def test_an_interactive_map_shows_the_item_of_each_point(ax):
    pytest.importorskip("plotly")
    points = np.random.default_rng(0).standard_normal((5, 2))
    labels, items = ["a", "b", "a", "-1", "b"], ["<b>", "v", "w", "x", "y " * 80]
    display = ClusterMapDisplay(points, labels, [1, 0, 0.5, 1, 1])
    figure = display.interactive(items)
    assert [trace.name for trace in figure.data] == ["a", "b", "-1"]
    assert list(figure.data[0].text) == ["&lt;b&gt;", "w"]
    assert "<br>" in figure.data[1].text[1]
    np.testing.assert_allclose(figure.data[0].marker.opacity, [0.9, 0.5])
    np.testing.assert_array_equal(np.c_[figure.data[1].x, figure.data[1].y], points[[1, 4]])
    assert display.interactive().data[2].text == ("3",)
    with pytest.raises(ValueError, match=r"'items' .* one entry a point, 5\. Got 2"):
        display.interactive(["a", "b"])


def test_an_interactive_map_needs_an_extra(ax, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(ImportError, match=r"plotly.*skcollision\[interactive\]"):
        ClusterMapDisplay([[0, 1]], [0]).interactive()


def test_of_two_names_in_one_place_that_of_the_larger_cluster_stays_there(ax):
    points = np.random.default_rng(0).standard_normal((30, 2)) * 1e-3
    points[0] = 100
    labels = np.array([2] + [0] * 9 + [1] * 20)
    display = ClusterMapDisplay.from_predictions(points, labels, ax=ax)
    places = {name: text.get_position() for name, text in display.names_.items()}
    for name in "12":
        np.testing.assert_allclose(places[name], np.median(points[labels == int(name)], axis=0))
    assert 1 < np.linalg.norm(places["0"]) < 50
    assert ax.get_legend() is None


def test_names_without_a_place_are_in_a_legend_beside_the_map():
    labels = np.array([f"a rather long name of cluster {i:03}" for i in range(60)]).repeat(2)
    points = np.random.default_rng(0).standard_normal((120, 2))
    display = ClusterMapDisplay.from_predictions(points, labels)
    legend = display.ax_.get_legend()
    assert {text.get_text() for text in display.names_.values()} == set(labels)
    assert {text.get_text() for text in legend.get_texts()} < set(labels)
    display.figure_.canvas.draw()
    assert legend.get_window_extent().x0 > display.ax_.get_window_extent().x1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0, 1, 2]], [0]), "'coordinates'"),
        (([[0, np.nan]], [0]), "'coordinates' .* finite"),
        (([[0, 1]], [0, 1]), "same length"),
        (([[0, 1]], [0], [1.5]), "'certainty'"),
        (([[0, 1]], [0], [np.nan]), "'certainty'"),
        (([[0, 1]], [0.5]), "'labels' .* discrete"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ClusterMapDisplay(*arguments)


@pytest.mark.parametrize("X", [[[0.0], [1.0], [2.0]], np.zeros((3, 1))])
def test_one_feature_cannot_be_mapped(X):
    with pytest.raises(ValueError, match=r"'X' .* two features or more unless 'coordinates'"):
        ClusterMapDisplay.from_estimator(KMeans(1, n_init=1).fit(X), X)
