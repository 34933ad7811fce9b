import numpy as np
import pytest
from PIL import Image

from skcollision.plotting import ImageGalleryDisplay

# Certainty falls with the index; clusters of 5, 2, 0 and 1 images.
CLUSTER = np.array([0, 1, 0, 0, 3, 0, 1, 0])
CERTAINTY = np.linspace(0.9, 0.5, 8)
PROBA = np.repeat((1 - CERTAINTY)[:, None] / 3, 4, axis=1)
PROBA[np.arange(8), CLUSTER] = CERTAINTY
IMAGES = np.random.default_rng(0).integers(0, 256, (8, 6, 6), dtype=np.uint8)


def tile(display, index):
    top, left, side = display.tiles_[index]
    return display.image_.get_array()[top : top + side, left : left + side]


def test_the_most_and_least_certain_of_each_cluster_and_none_twice(ax):
    display = ImageGalleryDisplay.from_predictions(IMAGES, PROBA, n_images=2, ax=ax)
    assert [each.tolist() for each in display.most_certain] == [[0, 2], [1, 6], [], [4]]
    assert [each.tolist() for each in display.least_certain] == [[5, 7], [], [], []]
    assert set(display.tiles_) == {0, 1, 2, 4, 5, 6, 7}
    for index in display.tiles_:
        expected = np.repeat(IMAGES[index][..., None], 3, axis=-1)
        np.testing.assert_array_equal(tile(display, index), expected)
    for k, row in enumerate([[0, 2, 5, 7], [1, 6], [], [4]]):
        tops = {display.tiles_[index][0] for index in row}
        lefts = [display.tiles_[index][1] for index in row]
        assert lefts == sorted(set(lefts))
        middle = display.names_[k].get_position()[1]
        assert all(top < middle < top + 6 for top in tops)
    assert [text.get_text() for text in display.names_] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    "kind", ["rgb", "rgba", "first", "float", "list", "pil", "path", "pathlib"]
)
def test_every_kind_of_image(kind, tmp_path, ax):
    rgb = np.random.default_rng(1).integers(0, 256, (2, 6, 6, 3), dtype=np.uint8)
    rgb[0, 0, 0], rgb[1, 0, 0] = 0, 255
    files = [tmp_path / f"{i}.png" for i in range(2)]
    for file, array in zip(files, rgb, strict=True):
        Image.fromarray(array).save(file)
    images = {
        "rgb": rgb,
        "rgba": np.concatenate([rgb, np.full((2, 6, 6, 1), 255, np.uint8)], axis=-1),
        "first": np.moveaxis(rgb, -1, 1),
        "float": rgb / 255 * 3 - 1,
        "list": list(rgb),
        "pil": [Image.fromarray(array) for array in rgb],
        "path": [str(file) for file in files],
        "pathlib": files,
    }[kind]
    display = ImageGalleryDisplay.from_predictions(images, [[0.9, 0.1], [0.2, 0.8]], ax=ax)
    for i in range(2):
        np.testing.assert_array_equal(tile(display, i), rgb[i])


def test_images_of_different_sizes_come_to_one_in_proportion(ax):
    wide, small = np.zeros((200, 400, 3), np.uint8), np.zeros((10, 10, 3), np.uint8)
    display = ImageGalleryDisplay.from_predictions([wide, small], [[1, 0], [1, 0]], ax=ax)
    for index, shape in [(0, (48, 96)), (1, (96, 96))]:
        dark = (tile(display, index) == 0).all(axis=-1)
        assert (dark.any(axis=1).sum(), dark.any(axis=0).sum()) == shape
        assert tile(display, index).shape == (96, 96, 3)


def test_77_clusters_are_set_in_blocks():
    proba = np.random.default_rng(0).dirichlet([0.05] * 77, 1000)
    images = np.zeros((1000, 4, 4), np.uint8)
    display = ImageGalleryDisplay.from_predictions(images, proba, n_images=3)
    places = [place[:2] for place in display.tiles_.values()]
    assert len(set(places)) == len(places)
    assert len({text.get_position() for text in display.names_}) == 77
    assert len({text.get_position()[0] for text in display.names_}) == 4
    width, height = display.figure_.get_size_inches()
    assert max(width, height) < 30


def test_the_certainty_of_each_image_stands_below_it():
    display = ImageGalleryDisplay.from_predictions(IMAGES, PROBA)
    assert set(display.certainties_) == set(display.tiles_)
    for index, text in display.certainties_.items():
        top, left, side = display.tiles_[index]
        assert text.get_text() == f"{PROBA[index].max():.2f}"
        assert left < text.get_position()[0] < left + side
        assert text.get_position()[1] == top + side
    display.figure_.canvas.draw()
    boxes = [text.get_window_extent() for text in display.certainties_.values()]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    plain = ImageGalleryDisplay(IMAGES, [[0]], [[1]], ["a"]).plot()
    assert not plain.certainties_


def test_only_images_that_are_shown_are_opened(ax):
    images = [*IMAGES[:3], "no such file", *IMAGES[4:]]
    display = ImageGalleryDisplay.from_predictions(images, PROBA, n_images=1, ax=ax)
    assert 3 not in display.tiles_
    with pytest.raises(ValueError, match=r"'images' .*'no such file'"):
        ImageGalleryDisplay.from_predictions(images, PROBA, n_images=6, ax=ax)


@pytest.mark.parametrize(
    ("images", "proba", "n_images", "message"),
    [
        (IMAGES, PROBA[:5], 2, "'y_proba' .* one row an image, 8. Got 5"),
        (IMAGES, PROBA * np.nan, 2, "'y_proba' .* finite"),
        (IMAGES, PROBA, 0, "'n_images'"),
        (IMAGES.reshape(8, 36), PROBA, 2, r"'images' .*Got shape \(36,\)"),
        (IMAGES * np.nan, PROBA, 2, "'images' .* finite"),
    ],
)
def test_bad_arguments_are_named(images, proba, n_images, message, ax):
    with pytest.raises(ValueError, match=message):
        ImageGalleryDisplay.from_predictions(images, proba, n_images=n_images, ax=ax)


def test_images_of_a_series_are_taken_by_position(ax):
    pd = pytest.importorskip("pandas")
    series = pd.Series(list(IMAGES), index=np.arange(len(IMAGES))[::-1])
    plain, shown = (
        ImageGalleryDisplay.from_predictions(images, PROBA, n_images=1, ax=ax).image_.get_array()
        for images in (IMAGES, series)
    )
    np.testing.assert_array_equal(shown, plain)
    with pytest.raises(ValueError, match=r"'images' .*Got shape \(36,\)"):
        ImageGalleryDisplay.from_predictions(pd.DataFrame(IMAGES.reshape(8, 36)), PROBA, ax=ax)


def test_lists_of_one_length():
    with pytest.raises(ValueError, match=r"one entry a cluster. Got \[1, 1, 2\]"):
        ImageGalleryDisplay(IMAGES, [[0]], [[1]], ["a", "b"])
