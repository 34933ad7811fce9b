"""What counts as an image, and what it shows."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from skcollision.features import image_paths
from skcollision.features._extractor import content_key
from skcollision.features._images import as_images, load_image


def means(image):
    return np.asarray(load_image(image), dtype=float).mean(axis=(0, 1))


def test_a_folder_is_listed_in_order_with_its_folders(folder):
    names = [path.relative_to(folder).as_posix() for path in image_paths(folder)]
    assert names == [f"a{i}.PNG" for i in range(7)] + [f"zz/z{i}.PNG" for i in (7, 8, 9)]
    assert as_images(str(folder)) == image_paths(folder)


@pytest.mark.parametrize(
    "collect",
    [list, tuple, iter, np.array, pd.Series, lambda paths: np.array(list(map(str, paths)))],
    ids=["list", "tuple", "iterator", "objects", "series", "strings"],
)
def test_paths_come_in_any_sequence(folder, collect):
    paths = image_paths(folder)
    assert [str(path) for path in as_images(collect(paths))] == [str(path) for path in paths]


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor, np.ndarray.tolist, list])
def test_arrays_are_split_into_images(colours, kind):
    if kind is np.ndarray.tolist:
        with pytest.raises(TypeError, match=r"list as its element 0"):
            as_images(kind(colours))
        return
    np.testing.assert_array_equal(np.stack(as_images(kind(colours))), colours)


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((4, 5), 51, dtype=np.uint8),
        np.full((4, 5, 1), 51, dtype=np.int64),
        np.full((4, 5, 3), 0.2),
        np.full((4, 5), 0.2, dtype=np.float16),
        np.dstack([np.full((4, 5, 3), 51), np.full((4, 5), 7)]).astype(np.uint8),
        np.full((5, 4, 3), 51, dtype=np.uint8).transpose(1, 0, 2),
    ],
    ids=["grey", "one-channel", "floats", "half", "opacity", "strided"],
)
def test_pixels_of_any_type_show_the_same(pixels):
    loaded = load_image(pixels)
    assert (loaded.mode, loaded.size) == ("RGB", (5, 4))
    np.testing.assert_array_equal(loaded, np.full((4, 5, 3), 51))
    assert content_key(pixels) == content_key(np.full((4, 5, 3), 51, dtype=np.uint8))


def test_booleans_are_black_and_white():
    np.testing.assert_array_equal(
        np.asarray(load_image(np.eye(3, dtype=bool)))[..., 0], np.eye(3) * 255
    )


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    grey = np.array([[0, 257, 0x8080, 0xFFFF]], dtype=np.uint16)
    Image.fromarray(grey).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(
        np.asarray(load_image(tmp_path / "deep.png"))[0, :, 1], [0, 1, 128, 255]
    )


def test_photographs_are_upright(tmp_path):
    pixels = np.zeros((4, 8, 3), dtype=np.uint8)
    pixels[:, 4:] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: left is up
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    loaded = np.asarray(load_image(tmp_path / "turned.png"))
    assert loaded.shape == (8, 4, 3)
    assert loaded[:4].max() == 0
    assert loaded[4:].min() == 255


def test_palettes_with_transparency_are_read(tmp_path):
    palette = Image.fromarray(np.full((6, 6, 3), 200, dtype=np.uint8)).convert("P")
    palette.save(tmp_path / "p.png", transparency=bytes([0, 255]))
    np.testing.assert_allclose(means(tmp_path / "p.png"), 200, atol=4)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((4, 5, 3)), "single colour image"),
        (np.zeros((10, 64)), r"array of shape \(10, 64\)"),
        (np.zeros((2, 3, 8, 8)), "channels last"),
        (pd.DataFrame({"path": ["a.png"]}), r"array of shape \(1, 1\)"),
        ([], "no image"),
        (np.zeros((0, 4, 4)), "no image"),
        ("nowhere", "'nowhere' instead, which is not there"),
        (__file__, "give a list of paths"),
    ],
)
def test_what_are_no_images_is_said(X, message):
    with pytest.raises(ValueError, match=message):
        as_images(X)


@pytest.mark.parametrize(("X", "got"), [(3, "type int"), (["a.png", 3], "int as its element 1")])
def test_wrong_types_are_named(X, got):
    with pytest.raises(TypeError, match=re.escape(got)):
        as_images(X)


def test_a_folder_without_images_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no image in it"):
        image_paths(tmp_path)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.full((4, 4), 300), "0 to 255"),
        (np.full((4, 4), 2.0), "floats from 0 to 1"),
        (np.full((4, 4), np.nan), "float64 from nan"),
        (np.full((4, 4), -1), "0 to 255"),
        (np.zeros((4, 4, 2)), "channels"),
        (np.zeros((0, 4)), "shape"),
        (np.zeros((4, 4), dtype=complex), "numbers"),
        (Image.fromarray(np.zeros((4, 4), dtype=np.float32)), "32-bit floats"),
        (Image.fromarray(np.full((4, 4), 70000, dtype=np.int32)), "16 bits"),
    ],
)
def test_bad_pixels_are_an_error_and_have_no_content(pixels, message):
    with pytest.raises(ValueError, match=message):
        load_image(pixels)
    assert content_key(pixels) is None


def test_content_is_of_pixels_not_of_names(folder, colours, tmp_path):
    first, second = image_paths(folder)[:2]
    copy = tmp_path / "copy.png"
    copy.write_bytes(first.read_bytes())
    assert content_key(copy) == content_key(first) != content_key(second)
    assert content_key(colours[0]) == content_key(Image.fromarray(colours[0]))
    assert content_key(colours[0]) != content_key(colours[0].reshape(9, 12, 3))
    assert content_key(tmp_path / "missing.png") is None
