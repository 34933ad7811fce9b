"""Arrays of other libraries than NumPy: torch tensors, CuPy, and whatever follows the array API."""

from __future__ import annotations

from typing import Any

import array_api_compat as compat
import numpy as np


def is_foreign(array: Any) -> bool:
    """Say whether `array` is of a library whose users expect its arrays back."""
    # A dask array is a plan, not numbers, and sparse ones are scikit-learn's to refuse.
    excluded = (compat.is_numpy_array, compat.is_dask_array, compat.is_pydata_sparse_array)
    return compat.is_array_api_obj(array) and not any(check(array) for check in excluded)


def to_numpy(array: Any) -> Any:
    """Return a foreign array as one of NumPy, of 32 bits at least; anything else as it is."""
    if not is_foreign(array):
        return array
    if compat.is_torch_array(array):
        short = array.is_floating_point() and array.element_size() < 4
        return (array.float() if short else array).detach().cpu().numpy()
    return array.get() if compat.is_cupy_array(array) else np.asarray(array)


def like(array: Any, result: np.ndarray) -> Any:
    """Return `result` as an array of the library and on the device of a foreign `array`."""
    if not is_foreign(array):
        return result
    return compat.array_namespace(array).asarray(result, device=compat.device(array))
