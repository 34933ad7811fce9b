"""Preprocessing, against the two steps of torchvision and timm written out."""

import pickle

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from skcollision.features import ImagePreprocessing


@pytest.mark.parametrize("size", [(640, 426), (300, 500), (180, 90)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_is_resize_and_centre_crop(size, interpolation):
    image = Image.fromarray(load_sample_image("china.jpg")).resize(size)
    resample = Image.Resampling[interpolation.upper()]
    scale = 256 / min(size)
    whole = image.resize((round(size[0] * scale), round(size[1] * scale)), resample)
    left, top = (whole.width - 224) // 2, (whole.height - 224) // 2
    pixels = np.asarray(whole.crop((left, top, left + 224, top + 224))) / 255
    expected = ((pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).transpose(2, 0, 1)
    result = ImagePreprocessing(interpolation=interpolation)(image).numpy()
    assert result.shape == expected.shape
    assert result.dtype == np.float32
    # The crop may lie half a pixel to the side, which shows at edges alone.
    assert np.abs(result - expected).mean() < 0.1 * np.abs(expected).mean()
    shifted = np.roll(expected, 3, axis=2)
    assert np.abs(result - expected).mean() < 0.5 * np.abs(result - shifted).mean()


def test_one_mean_makes_grey_images():
    image = Image.new("RGB", (50, 40), (255, 0, 0))
    result = ImagePreprocessing(size=28, mean=(0.1307,), std=(0.3081,))(image)
    assert result.shape == (1, 28, 28)
    np.testing.assert_allclose(result, (76 / 255 - 0.1307) / 0.3081, rtol=1e-6)


def test_long_thin_images_are_cropped_first():
    assert ImagePreprocessing(size=8)(Image.new("RGB", (1, 30_000))).shape == (3, 8, 8)


def test_is_a_picklable_value():
    preprocess = ImagePreprocessing(size=96)
    assert pickle.loads(pickle.dumps(preprocess)) == preprocess != ImagePreprocessing()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 0),
        ("crop_fraction", 1.1),
        ("interpolation", "nearest-ish"),
        ("mean", (0.5, 0.5)),
        ("std", (0.5,)),
        ("std", (0.5, 0.0, 0.5)),
    ],
)
def test_bad_parameters_are_named(name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of ImagePreprocessing"):
        ImagePreprocessing(**{name: value})
