import numpy as np
import pytest
import torch

from skcollision.engine import FeatureSource, fit_normalisation

CPU = torch.device("cpu")


def normalised(X, **kwargs):
    source = FeatureSource(X, fit_normalisation(X, None, unit_rows=True, **kwargs), CPU)
    return source.batch(slice(None)).numpy()


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(3.0, 2.0, (4999, 17))


@pytest.fixture
def few(X):
    """So few features that lengths are kept in part."""
    return np.ascontiguousarray(X[:, :3])


def test_rows_are_centred_and_of_unit_length(X):
    expected = X - X.mean(0)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(normalised(X), expected, rtol=1e-10, atol=1e-14)


def test_without_unit_rows_the_mean_square_length_is_one(X):
    source = FeatureSource(X, fit_normalisation(X, None, unit_rows=False), CPU)
    rows = source.batch(slice(None)).numpy()
    np.testing.assert_allclose(rows.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose((rows**2).sum(1).mean(), 1, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_scale_and_shift_change_nothing(X, few, scale):
    for each in (X, few):
        found, expected = (normalised(x, softens=True) for x in (scale * each + 5, each))
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12)


def test_few_features_keep_distances_from_the_centre(few):
    rows, centred = normalised(few, softens=True), few - few.mean(0)
    lengths, before = np.linalg.norm(rows, axis=1), np.linalg.norm(centred, axis=1)
    np.testing.assert_allclose(rows / lengths[:, None], centred / before[:, None], rtol=1e-9)
    assert (np.diff(lengths[before.argsort()]) > 0).all()
    # as long as in units of the root mean square at that distance, and bounded far outside
    scale = np.sqrt((centred**2).sum(1).mean())
    assert np.interp(scale, np.sort(before), np.sort(lengths)) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(lengths, before / scale, rtol=0.4)
    assert lengths.max() < 5**0.5


def test_the_largest_features_do_not_overflow(few):
    X = (few * 1e18).astype(np.float32)  # squares of such lengths do
    assert np.isfinite(normalised(1e3 * X, softens=True)).all()


def test_a_row_at_the_centre_stays_zero():
    X = np.zeros((3, 16), dtype=np.float32)
    X[:2, 1] = 1, -1
    np.testing.assert_array_equal(normalised(X), X)


def test_weights_count_like_repetitions(X):
    weight = np.random.default_rng(1).integers(0, 4, len(X))
    weighted = fit_normalisation(X, weight, unit_rows=True)
    repeated = fit_normalisation(np.repeat(X, weight, axis=0), None, unit_rows=True)
    np.testing.assert_allclose(weighted.mean, repeated.mean, rtol=1e-12)
    assert weighted.scale == pytest.approx(repeated.scale, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_rows_are_an_error(dtype):
    X = np.full((1000, 3), 0.1, dtype=dtype)
    with pytest.raises(ValueError, match="constant features"):
        fit_normalisation(X, None, unit_rows=True)


def test_overflow_is_an_error():
    with pytest.raises(ValueError, match="too large"), np.errstate(over="ignore"):
        fit_normalisation(np.array([[1e200], [-1e200]]), None, unit_rows=True)


@pytest.mark.parametrize("rows", [slice(10, 20), np.array([3, 1, 4])])
def test_batches_are_copies(X, rows):
    before = X.copy()
    FeatureSource(X, None, CPU).batch(rows).zero_()
    np.testing.assert_array_equal(X, before)


def test_blocks_cover_all_rows_in_order(X):
    source = FeatureSource(X, None, CPU)
    blocks = list(source.blocks(size=1000))
    assert [rows.start for rows, _ in blocks] == [0, 1000, 2000, 3000, 4000]
    np.testing.assert_array_equal(np.concatenate([block.numpy() for _, block in blocks]), X)


@pytest.mark.parametrize("n_features", [3, 17])
def test_rows_far_outside_do_not_draw_the_centre_away(X, n_features):
    X = np.ascontiguousarray(X[:2000, :n_features])
    far = X.copy()
    far[:40] *= np.random.default_rng(1).uniform(10, 1000, (40, 1))
    before, after = (
        fit_normalisation(each, None, unit_rows=True, softens=True) for each in (X, far)
    )
    spread = X.std()
    assert np.linalg.norm(far.mean(0) - before.mean) > 5 * spread
    assert np.linalg.norm(after.mean - before.mean) < 0.2 * spread
    assert 0.5 < after.scale / before.scale < 2
    weight = np.ones(len(X))
    weight[:40] = 0
    without = fit_normalisation(far, weight, unit_rows=True)
    np.testing.assert_allclose(without.mean, X[40:].mean(0))
