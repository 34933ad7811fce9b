"""Turn any labels and weights into clean one-dimensional arrays, or one clear error."""

from numbers import Number

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator


def check_labels(labels: npt.ArrayLike, name: str, caller: str) -> npt.NDArray:
    """Return labels as a one-dimensional array of integers, booleans, whole floats or strings."""
    must = f"The {name!r} parameter of {caller} must"
    # As objects, because np.asarray would silently turn [1, "1"] into two equal strings.
    array = np.asarray(labels, dtype=object if isinstance(labels, (list, tuple)) else None)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            f"{must} be a non-empty one-dimensional array of labels. Got shape {array.shape} "
            "instead."
        )
    if array.dtype == object:
        values = array.tolist()
        if not any(all(isinstance(each, kind) for each in values) for kind in (str, Number)):
            kinds = ", ".join(sorted({type(value).__name__ for value in values}))
            raise ValueError(
                f"{must} hold labels of one type, none of them missing. Got objects of type "
                f"{kinds} instead."
            )
        array = np.array(values)
    if array.dtype.kind in "ST":
        array = array.astype(str)
    if array.dtype.kind not in "biufU":
        raise ValueError(f"{must} hold integers or strings. Got dtype {array.dtype} instead.")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise ValueError(f"{must} not contain NaN or infinity: every point needs a label.")
        if (array != np.floor(array)).any():
            raise ValueError(f"{must} hold discrete labels. Got continuous values instead.")
    return array


def check_known_labels(labels: npt.ArrayLike, name: str, caller: str) -> npt.NDArray:
    """Check labels, and refuse what numpy makes into text in ``np.array(["cat", -1])``."""
    array = check_labels(labels, name, caller)
    names = set(array.tolist()) if array.dtype.kind == "U" else set()
    unknown = names & {"-1", "nan"}
    if unknown and not all(each.removeprefix("-").isdecimal() for each in names):
        raise ValueError(
            f"The {name!r} parameter of {caller} must hold a label for every point: leave out "
            f"points without one. Got {min(unknown)!r} among labels of text."
        )
    return array


def check_weights(
    sample_weight: npt.ArrayLike | None, n_samples: int, caller: str
) -> npt.NDArray[np.float64] | None:
    """Return the weights as non-negative float64 with a finite positive sum, or None."""
    if sample_weight is None:
        return None
    must = f"The 'sample_weight' parameter of {caller} must"
    try:
        weight = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{must} hold numbers: {error}.") from None
    if weight.shape != (n_samples,):
        raise ValueError(f"{must} have shape ({n_samples},). Got {weight.shape} instead.")
    with np.errstate(over="ignore"):
        total = weight.sum()
    if not np.isfinite(total) or (weight < 0).any() or not weight.any():
        raise ValueError(f"{must} be non-negative and have a finite positive sum.")
    return weight


def refuse_booleans(estimator: BaseEstimator) -> None:
    """Raise if a parameter is a boolean, which scikit-learn takes for a number."""
    for name, value in estimator.get_params(deep=False).items():
        if isinstance(value, (bool, np.bool_)):
            raise ValueError(
                f"The {name!r} parameter of {type(estimator).__name__} must not be a boolean. "
                f"Got {value} instead."
            )
