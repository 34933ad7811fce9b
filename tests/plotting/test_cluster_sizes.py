from itertools import pairwise

import numpy as np
import pytest

from skcollision.plotting import ClusterSizesDisplay


def test_bars_fall_and_each_has_its_target(ax):
    y_pred = ["c", "a", "c", "c", "a", "d"]
    prior = [0.1, 0.2, 0.3, 0.4]
    display = ClusterSizesDisplay.from_predictions(
        y_pred, clusters=["d", "a", "b", "c"], prior=prior, ax=ax
    )
    np.testing.assert_array_equal(display.sizes, [1, 2, 0, 3])
    np.testing.assert_allclose(
        [bar.get_height() for bar in display.bars_], [3 / 6, 2 / 6, 1 / 6, 0]
    )
    assert [text.get_text() for text in ax.get_xticklabels()] == ["c", "a", "d", "b"]
    targets = [path[0, 1] for path in display.prior_.get_segments()]
    np.testing.assert_array_equal(targets, [0.4, 0.2, 0.1, 0.3])


def test_weights_count_points(ax):
    display = ClusterSizesDisplay.from_predictions([1, 0, 1], sample_weight=[2, 1, 0.5], ax=ax)
    np.testing.assert_array_equal(display.sizes, [1, 2.5])
    assert display.prior_ is None


def test_the_names_of_77_clusters_fit():
    display = ClusterSizesDisplay.from_predictions(np.arange(200) % 77)
    display.figure_.canvas.draw()
    boxes = [text.get_window_extent() for text in display.ax_.get_xticklabels()]
    assert len(boxes) == 77
    assert all(left.x1 <= right.x0 for left, right in pairwise(boxes))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clusters": [0, 1]}, r"'clusters' .*without \[2\]"),
        ({"prior": [0.5, 0.5]}, "'prior' .* 3 proportions"),
        ({"prior": [0.5, 0.5, 0.5]}, "'prior' .* sum to 1"),
        ({"prior": [1.5, -0.5, 0.0]}, "'prior'"),
        ({"sample_weight": [0, 0, 0]}, "'sample_weight'"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        ClusterSizesDisplay.from_predictions([0, 1, 2], **options)


@pytest.mark.parametrize("sizes", [[0, 0], [1, -1], [np.inf, 1], [1]])
def test_bad_sizes_are_named(sizes):
    with pytest.raises(ValueError, match="'sizes'"):
        ClusterSizesDisplay(sizes, ["a", "b"])
