"""What kernels take the place of numpy's with."""

import numba
import numpy as np
import pytest

from skcollision.pseudo_labels.kernels.cpu_math import fast_log, fast_max, fast_min, jit
from skcollision.pseudo_labels.kernels.cpu_vectors import (
    LANES,
    any_greater,
    get,
    largest,
    put,
    slacks,
    splat,
    total,
    vector_log,
    vector_sqrt,
    where_greater,
)


@jit
def logarithms(values, result):
    for i in range(len(values)):
        result[i] = fast_log(values[i])


@jit
def extremes(values):
    largest = smallest = values[0]
    for i in range(len(values)):
        largest = fast_max(largest, values[i])
        smallest = fast_min(smallest, values[i])
    return largest, smallest


@jit
def arithmetic(a, b, result):
    """Fill the columns of result with what the operators and functions make of a and b."""
    for i in range(len(a)):
        x, y = get(a, i, 0), get(b, i, 0)
        put(result, i, 0, 2 * x + y - x * y / 3.0)
        put(result, i, LANES, fast_max(x, y) - fast_min(x, y))
        put(result, i, 2 * LANES, where_greater(x, y, splat(1.0), x))
        put(result, i, 3 * LANES, vector_sqrt(x))
        put(result, i, 4 * LANES, vector_log(x))
        x += 1.0
        x *= y
        put(result, i, 5 * LANES, splat(total(x)) / largest(x))


@jit
def compare(a, b, result):
    for i in range(len(a)):
        result[i] = any_greater(get(a, i, 0), get(b, i, 0))


@jit
def take_slacks(nu, s, q, delta, result):
    for i in range(len(nu)):
        put(result, i, 0, slacks(get(nu, i, 0), get(s, i, 0), get(q, i, 0), delta[i]))


def test_the_logarithm_is_exact_to_its_last_digits():
    rng = np.random.default_rng(0)
    values = np.concatenate(
        [
            10 ** rng.uniform(-307, 308, 10_000),
            rng.uniform(0.5, 2, 10_000),
            1 + rng.uniform(-1e-8, 1e-8, 1000),
            [np.finfo(float).tiny, np.finfo(float).max, 1.0, 2.0**0.5, 0.5**0.5],
        ]
    )
    result = np.empty_like(values)
    logarithms(values, result)
    np.testing.assert_allclose(result, np.log(values), rtol=1e-15, atol=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes_keep_the_type(dtype):
    values = np.random.default_rng(0).normal(size=1001).astype(dtype)
    assert extremes(values) == (values.max(), values.min())
    signature = extremes.overloads[(numba.typeof(values),)].signature
    assert signature.return_type.dtype == numba.from_dtype(np.dtype(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vectors_compute_in_float64_what_their_numbers_do(dtype):
    a, b = np.random.default_rng(0).uniform(0.1, 3, (2, 50, LANES)).astype(dtype)
    result = np.empty((50, 6 * LANES), dtype)
    arithmetic(a, b, result)
    x, y = a.astype(np.float64), b.astype(np.float64)
    moved = (x + 1) * y
    expected = [
        2 * x + y - x * y / 3,
        abs(x - y),
        np.where(x > y, 1, x),
        np.sqrt(x),
        np.log(x),
        np.repeat(moved.sum(1, keepdims=True) / moved.max(1, keepdims=True), LANES, axis=1),
    ]
    rounding = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(result, np.hstack(expected), rtol=rounding, atol=rounding)


def test_one_greater_number_is_enough():
    a = np.zeros((LANES + 1, LANES))
    a[np.arange(LANES), np.arange(LANES)] = 1e-300
    result = np.empty(LANES + 1, bool)
    compare(a, np.zeros_like(a), result)
    np.testing.assert_array_equal(result, np.arange(LANES + 1) < LANES)


def test_a_slack_is_rounded_as_it_is_written():
    """Fused or in another order it would be another number, in one kernel or the next."""
    rng = np.random.default_rng(0)
    s, q = rng.uniform(1, 3, (2, 1000, LANES))
    delta = rng.normal(size=1000)
    nu = s * q + delta[:, None] + rng.uniform(0, 1e-12, (1000, LANES))
    result = np.empty_like(nu)
    take_slacks(nu, s, q, delta, result)
    np.testing.assert_array_equal(result, nu - s * q - delta[:, None])
