from itertools import pairwise

import numpy as np
import pytest

from skcollision.metrics import clustering_accuracy_score
from skcollision.plotting import MatchedConfusionMatrixDisplay

Y = np.repeat(["ant", "bee", "cat"], [5, 4, 3])


def draw(y_true, y_pred, ax, **options):
    return MatchedConfusionMatrixDisplay.from_predictions(y_true, y_pred, ax=ax, **options)


@pytest.mark.parametrize("n_clusters", [2, 3, 6])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_cell_is_its_count(n_clusters, weighted, ax):
    rng = np.random.default_rng(n_clusters)
    y_pred = np.r_[np.arange(n_clusters), rng.integers(n_clusters, size=len(Y) - n_clusters)]
    weight = rng.random(len(Y)) if weighted else None
    display = draw(Y, y_pred, ax, sample_weight=weight)
    ones = np.ones(len(Y)) if weight is None else weight
    for i, name in enumerate(display.classes):
        for j, cluster in enumerate(display.clusters):
            expected = ones[(name == Y) & (y_pred == cluster)].sum()
            np.testing.assert_allclose(display.confusion_matrix[i, j], expected)
    np.testing.assert_array_equal(display.image_.get_array(), display.confusion_matrix)
    accuracy = clustering_accuracy_score(Y, y_pred, sample_weight=weight)
    total = display.confusion_matrix.sum()
    np.testing.assert_allclose(np.trace(display.confusion_matrix) / total, accuracy)
    assert ax.get_title() == f"clustering accuracy {accuracy:.3f}"
    assert [text.get_text() for text in ax.get_xticklabels()] == display.clusters.astype(
        str
    ).tolist()
    assert [text.get_text() for text in ax.get_yticklabels()] == display.classes.tolist()


def test_unmatched_clusters_are_the_last_columns_and_zeros_are_blank(ax):
    y_pred = [7, 7, 7, 7, 1, 3, 3, 3, 3, 0, 0, 0]
    display = draw(Y, y_pred, ax)
    assert display.clusters.tolist() == [7, 3, 0, 1]
    written = [["" if text is None else text.get_text() for text in row] for row in display.text_]
    assert written == [["4", "", "", "1"], ["", "4", "", ""], ["", "", "3", ""]]


@pytest.mark.parametrize(("normalize", "axis"), [("true", 1), ("pred", 0), ("all", None)])
def test_normalised_totals_are_one(normalize, axis, ax):
    display = draw(Y, np.arange(12) % 3, ax, normalize=normalize)
    np.testing.assert_allclose(display.confusion_matrix.sum(axis=axis), 1)
    plain = draw(Y, np.arange(12) % 3, ax).confusion_matrix
    np.testing.assert_allclose(display.confusion_matrix, plain / plain.sum(axis, keepdims=True))


def test_the_names_of_77_classes_fit():
    y = np.repeat(np.arange(77), 3)
    display = draw(y, y[::-1], None)
    display.figure_.canvas.draw()
    boxes = [text.get_window_extent() for text in display.ax_.get_yticklabels()]
    assert len(boxes) == 77
    assert all(low.y0 >= high.y1 or low.y1 <= high.y0 for low, high in pairwise(boxes))


def test_on_small_axes_names_are_thinned(ax):
    y = np.arange(500)
    draw(y, y, ax)
    ticks = ax.get_yticks()
    assert 10 < len(ticks) < 200
    assert [text.get_text() for text in ax.get_yticklabels()] == [str(tick) for tick in ticks]


def test_bad_arguments_are_named(ax):
    with pytest.raises(ValueError, match=r"'normalize' .*Got 'rows'"):
        draw(Y, Y, ax, normalize="rows")
    with pytest.raises(ValueError, match=r"'y_pred' .*same length"):
        draw(Y, Y[1:], ax)
    with pytest.raises(ValueError, match=r"a row for each .*Got shape \(2, 2\)"):
        MatchedConfusionMatrixDisplay(np.eye(2), ["a"], [0, 1])
