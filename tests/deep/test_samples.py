import numpy as np
import pytest
import torch

from skcollision.deep._samples import Samples


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (7, 10, 12, 3), dtype=np.uint8)


def samples_of(array, image_shape=None, channels="auto"):
    return Samples(array, image_shape, channels, "Test")


def batch_of(array, **options):
    return samples_of(array, **options).batch(np.arange(len(array)))


def test_every_layout_gives_the_same_batch(images):
    expected = torch.from_numpy(np.moveaxis(images, 3, 1) / 255.0).float()
    flat = images.reshape(7, -1)
    for batch in (
        batch_of(images),
        batch_of(np.moveaxis(images, 3, 1)),
        batch_of(images / 255.0),
        batch_of(flat, image_shape=(10, 12, 3)),
        batch_of(np.moveaxis(images, 3, 1).reshape(7, -1), image_shape=(3, 10, 12)),
    ):
        torch.testing.assert_close(batch, expected)


def test_grey_images_have_one_channel_and_vectors_none(images):
    assert batch_of(images[..., 0]).shape == (7, 1, 10, 12)
    assert batch_of(images[..., :1]).shape == (7, 1, 10, 12)
    assert batch_of(images.reshape(7, -1)).shape == (7, 360)


def test_channels_can_be_told(images):
    four = np.concatenate([images, images[..., :1]], axis=3)
    assert batch_of(four, channels="last").shape == (7, 4, 10, 12)
    assert batch_of(np.moveaxis(four, 3, 1), channels="first").shape == (7, 4, 10, 12)


@pytest.mark.parametrize("shape", [(4, 10, 12), (3, 10, 3), (10, 12, 4)])
def test_channels_that_do_not_show_are_an_error(shape):
    with pytest.raises(ValueError, match="which axis is that of the channels"):
        samples_of(np.empty((5, *shape)))


def test_an_image_shape_that_does_not_fit_is_an_error(images):
    with pytest.raises(ValueError, match=r"'image_shape' parameter of Test is \(5, 5\)"):
        batch_of(images.reshape(7, -1), image_shape=(5, 5))


def test_too_many_axes_are_an_error():
    with pytest.raises(ValueError, match=r"\(N, H, W\), \(N, H, W, C\)"):
        samples_of(np.empty((1, 2, 3, 4, 5)))


@pytest.mark.parametrize("size", [2, 7, 100])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_statistics_are_those_of_numpy(size, offset):
    X = np.random.default_rng(0).normal(size=(7, 3, 6, 6)) * [[[[1]], [[2]], [[3]]]] + offset
    mean, std = samples_of(X).statistics(size)
    X = X.astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(mean.ravel(), X.mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(std.ravel(), X.std((0, 2, 3)), rtol=1e-4)
    assert mean.shape == std.shape == (3, 1, 1)


def test_a_constant_channel_is_not_blown_up():
    X = np.random.default_rng(0).normal(size=(7, 3, 6, 6))
    X[:, 1] = 0.1
    std = samples_of(X).statistics(3)[1]
    assert std[1].item() == 1.0


def test_samples_without_differences_are_an_error():
    X = np.tile(np.random.default_rng(0).normal(size=(1, 6, 6)), (5, 1, 1))
    with pytest.raises(ValueError, match="nothing to cluster"):
        samples_of(X).statistics(2)


def test_values_beyond_float32_are_an_error():
    X = np.full((2, 6, 6), 1e300)
    X[0] = 0
    with pytest.raises(ValueError, match="range of float32"):
        samples_of(X).statistics(2)


def test_a_spread_that_float32_cannot_hold_leaves_no_nan():
    X = np.random.default_rng(0).normal(size=(50, 3)) * [1.0, 1e-45, 1e-50]
    X[:, 1] = np.where(np.arange(50) == 7, 2e-45, 0)  # so little on average
    mean, std = samples_of(X).statistics(10)
    assert torch.isfinite((torch.from_numpy(X).float() - mean) / std).all()
