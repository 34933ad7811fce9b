"""Turn any labels into clean one-dimensional arrays, or one clear error."""

from __future__ import annotations

from numbers import Number

import numpy as np
import numpy.typing as npt


def check_labels(labels: npt.ArrayLike, name: str, caller: str) -> npt.NDArray:
    """Return labels as a one-dimensional array of integers, booleans, whole floats or strings."""
    # As objects, because np.asarray would silently turn [1, "1"] into two equal strings.
    array = np.asarray(labels, dtype=object if isinstance(labels, (list, tuple)) else None)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            f"The {name!r} parameter of {caller} must be a non-empty one-dimensional array of "
            f"labels. Got shape {array.shape} instead."
        )
    if array.dtype == object:
        array = _from_objects(array, name, caller)
    if array.dtype.kind in "ST":
        array = array.astype(str)
    if array.dtype.kind not in "biufU":
        raise ValueError(
            f"The {name!r} parameter of {caller} must hold integers or strings. "
            f"Got dtype {array.dtype} instead."
        )
    if array.dtype.kind == "f":
        _check_whole(array, name, caller)
    return array


def check_same_length(y_true: npt.NDArray, y_pred: npt.NDArray, caller: str) -> None:
    """Raise unless both arrays label the same number of points."""
    if len(y_true) != len(y_pred):
        raise ValueError(
            f"The 'y_true' and 'y_pred' parameters of {caller} must have the same length. "
            f"Got {len(y_true)} and {len(y_pred)} instead."
        )


def check_weights(
    sample_weight: npt.ArrayLike | None, n_samples: int, caller: str
) -> npt.NDArray[np.float64] | None:
    """Return the weights as non-negative float64 with a finite positive sum, or None."""
    if sample_weight is None:
        return None
    prefix = f"The 'sample_weight' parameter of {caller} must"
    try:
        weight = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{prefix} hold numbers: {error}.") from None
    if weight.shape != (n_samples,):
        raise ValueError(f"{prefix} have shape ({n_samples},). Got {weight.shape} instead.")
    with np.errstate(over="ignore"):
        total = weight.sum()
    if not np.isfinite(total) or (weight < 0).any() or not weight.any():
        raise ValueError(f"{prefix} be non-negative and have a finite positive sum.")
    return weight


def _from_objects(array: npt.NDArray, name: str, caller: str) -> npt.NDArray:
    """Find the common type of an object array; refuse None, NaN among strings and mixtures."""
    values = array.tolist()
    if all(isinstance(value, str) for value in values) or all(
        isinstance(value, Number) for value in values
    ):
        return np.array(values)
    kinds = sorted({type(value).__name__ for value in values})
    raise ValueError(
        f"The {name!r} parameter of {caller} must hold labels of one type, none of them missing. "
        f"Got objects of type {', '.join(kinds)} instead."
    )


def _check_whole(array: npt.NDArray, name: str, caller: str) -> None:
    if not np.isfinite(array).all():
        raise ValueError(
            f"The {name!r} parameter of {caller} must not contain NaN or infinity: every point "
            "needs a label."
        )
    if (array != np.floor(array)).any():
        raise ValueError(
            f"The {name!r} parameter of {caller} must hold discrete labels. "
            "Got continuous values instead."
        )
