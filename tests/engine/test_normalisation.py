import numpy as np
import pytest
import torch

from skcollision.engine import NormalisedRows, fit_normalisation


def normalised(X, weight=None):
    """Normalise; an overflow or a NaN on the way is an error."""
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        normalisation = fit_normalisation(X, weight)
        rows = NormalisedRows(X, normalisation, torch.device("cpu")).matrix().numpy()
    assert rows.dtype == X.dtype
    assert np.isfinite(rows).all()
    return rows


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(3.0, 2.0, (2999, 17))


@pytest.fixture
def few(X):
    """So few features that lengths are kept in part."""
    return np.ascontiguousarray(X[:, :3])


def test_rows_are_centred_and_of_unit_length(X):
    expected = X - X.mean(0)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(normalised(X), expected, rtol=1e-10, atol=1e-14)


def test_few_features_keep_distances_from_the_centre(few):
    rows, centred = normalised(few), few - few.mean(0)
    lengths, before = np.linalg.norm(rows, axis=1), np.linalg.norm(centred, axis=1)
    np.testing.assert_allclose(rows / lengths[:, None], centred / before[:, None], rtol=1e-9)
    assert (np.diff(lengths[before.argsort()]) > 0).all()
    # as long as in units of the root mean square at that distance, and bounded far outside
    scale = np.sqrt((centred**2).sum(1).mean())
    assert np.interp(scale, np.sort(before), np.sort(lengths)) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(lengths, before / scale, rtol=0.1)
    assert lengths.max() < 65**0.5


@pytest.mark.parametrize(
    ("dtype", "exponents"),
    [
        (np.float32, [-36, -30, -20, -12, -6, 6, 12, 19, 30, 37]),
        (np.float64, [-300, -200, -150, -30, 30, 150, 200, 300]),
    ],
)
def test_the_unit_of_the_features_does_not_matter(X, few, dtype, exponents):
    tolerance = 300 * np.finfo(dtype).eps
    for each in (X, few):
        plain = each.astype(dtype)
        expected = normalised(plain)
        for exponent in exponents:
            found = normalised(plain * dtype(10.0**exponent))
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_the_origin_of_the_features_does_not_matter(few):
    expected, found = (normalised(each) for each in (few, few + 1e5))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("n_features", [3, 17])
@pytest.mark.parametrize(
    ("dtype", "huge"), [(np.float32, -3.4e38), (np.float32, 1e20), (np.float64, 1e60)]
)
def test_one_huge_row_leaves_the_others_as_they_are(X, n_features, dtype, huge):
    rows = X[:500, :n_features].astype(dtype)
    expected = normalised(rows)
    rows[123] = huge
    found = normalised(rows)
    others = np.arange(500) != 123
    cosines = (found * expected).sum(1) / np.linalg.norm(found, axis=1)
    cosines /= np.linalg.norm(expected, axis=1)
    assert np.median(cosines[others]) > 0.95
    np.testing.assert_allclose(found[123] / found[123, 0], 1, rtol=1e-5)
    assert np.linalg.norm(found[123]) < 9


@pytest.mark.parametrize("n_features", [3, 17])
def test_rows_far_outside_do_not_draw_the_centre_away(X, n_features):
    X = np.ascontiguousarray(X[:2000, :n_features])
    far = X.copy()
    far[:40] *= np.random.default_rng(1).uniform(10, 1000, (40, 1))
    before, after = (fit_normalisation(each, None) for each in (X, far))
    spread = X.std()
    assert np.linalg.norm(far.mean(0) - before.mean) > 5 * spread
    assert np.linalg.norm(after.mean - before.mean) < 0.2 * spread
    assert 0.5 < after.scale / before.scale < 2
    weight = np.ones(len(X))
    weight[:40] = 0
    without = fit_normalisation(far, weight)
    np.testing.assert_allclose(without.mean, X[40:].mean(0))


@pytest.mark.parametrize("n_features", [3, 17])
@pytest.mark.parametrize("place", [0.0, 5.0])
def test_a_point_that_most_rows_share_leaves_the_scale_to_the_others(n_features, place):
    rng = np.random.default_rng(0)
    X = place + np.exp(3 * rng.normal(size=(200, n_features)))  # of heavy tails
    others = np.exp(np.log(np.linalg.norm(X[120:] - place, axis=1)).mean())
    X[:120] = place
    for weight in (None, np.where(np.arange(200) < 120, 1e9, 1.0)):
        found = fit_normalisation(X, weight)
        np.testing.assert_allclose(found.mean, place, atol=1e-3 * others)
        np.testing.assert_allclose(found.scale, others, rtol=1e-3)


def test_a_row_at_the_centre_stays_zero():
    X = np.zeros((3, 16), dtype=np.float32)
    X[:2, 1] = 1, -1
    np.testing.assert_array_equal(normalised(X), X)


def test_weights_count_like_repetitions(X):
    weight = np.random.default_rng(1).integers(0, 4, len(X))
    weighted = fit_normalisation(X, weight)
    repeated = fit_normalisation(np.repeat(X, weight, axis=0), None)
    np.testing.assert_allclose(weighted.mean, repeated.mean, rtol=1e-12)
    assert weighted.scale == pytest.approx(repeated.scale, rel=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 3e38, 1e-40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_rows_are_an_error(dtype, value):
    with pytest.raises(ValueError, match="constant features"):
        normalised(np.full((1000, 3), value, dtype=dtype))


def test_distances_beyond_the_range_of_floats_are_an_error():
    X = np.full((50, 3), 1.7e308)
    X[::2] *= -1
    with pytest.raises(ValueError, match="too large"):
        normalised(X)
