"""What kernels take the place of numpy's with."""

import numba
import numpy as np
import pytest

from skcollision.pseudo_labels.kernels.cpu_math import fast_log, fast_max, fast_min, jit, slack


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
def slacks(nu, s, q, delta, result):
    for i in range(len(nu)):
        result[i] = slack(nu[i], s[i], q[i], delta[i])


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


def test_a_slack_is_rounded_as_it_is_written():
    """Fused or in another order it would be another number, in one kernel or the next."""
    rng = np.random.default_rng(0)
    s, q = rng.uniform(1, 3, (2, 10_000))
    delta = rng.normal(size=10_000)
    nu = s * q + delta + rng.uniform(0, 1e-12, 10_000)
    result = np.empty_like(nu)
    slacks(nu, s, q, delta, result)
    np.testing.assert_array_equal(result, nu - s * q - delta)
