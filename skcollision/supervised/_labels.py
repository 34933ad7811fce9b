"""Labels as users give them, turned into soft labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

# How far a row of soft labels may sum from one: that of a softmax in half precision.
SUM_TOLERANCE = 2e-3
#: What marks a point without a label, as in :mod:`sklearn.semi_supervised`.
UNLABELLED = -1
_LEAVE_OUT = (
    "Leave points without a label out, or mark them with the integer -1 where the classifier is "
    "semi-supervised."
)


def is_soft(y: Any) -> bool:
    """Say whether labels are soft: a table with more than one column."""
    shape = np.asarray(y).shape if getattr(y, "shape", None) is None else y.shape
    return len(shape) == 2 and shape[1] > 1


def check_soft_labels(y: ArrayLike, X: np.ndarray, caller: str) -> np.ndarray:
    """Return soft labels (N, K) for the rows of X, each row summing to 1."""
    labels = check_array(y, dtype=X.dtype, input_name="y")
    check_consistent_length(X, labels)
    sums = labels.sum(axis=1)
    wrong = np.flatnonzero((labels < 0).any(axis=1) | (np.abs(sums - 1) > SUM_TOLERANCE))
    if len(wrong):
        first = wrong[0]
        raise ValueError(
            f"Soft labels y of {caller} must have rows on the simplex: not negative, and summing "
            f"to 1. {len(wrong)} of {len(labels)} rows are not; row {first} has smallest entry "
            f"{labels[first].min():g} and sum {sums[first]:g}. Scores become soft labels when "
            "divided by the sum of their row."
        )
    return labels / sums[:, None]


def check_hard_labels(y: Any, X: np.ndarray, caller: str) -> np.ndarray:
    """Return class labels (N,) for the rows of X: numbers, strings or objects."""
    if y is None:
        raise ValueError(f"{caller} requires y to be passed, but the target y is None.")
    labels = column_or_1d(y, warn=True)
    check_consistent_length(X, labels)
    if labels.dtype.kind in "fcOV":
        try:
            check_array(labels, dtype=None, ensure_2d=False, input_name="y")
        except ValueError as error:
            if "NaN" not in str(error):
                raise
            raise ValueError(f"y of {caller} contains NaN. {_LEAVE_OUT}") from None
    return labels


def labelled_points(labels: np.ndarray, caller: str) -> tuple[np.ndarray, np.ndarray]:
    """Return which points have a label, and their labels in a dtype of their own."""
    if labels.dtype.kind in "USO" and (labels == str(UNLABELLED)).any():
        raise ValueError(
            f"y of {caller} has the string '-1'. Among classes that are strings, points without a "
            "label have the integer -1, in an array of dtype object."
        )
    if labels.dtype.kind in "US":
        return np.arange(len(labels)), labels
    known = np.flatnonzero(labels != UNLABELLED)
    if not len(known):
        raise ValueError(
            f"y of {caller} has no labelled point: all are -1. Label at least one of each class, "
            "or use a clusterer such as CollisionClusterer."
        )
    found = labels[known].tolist()
    check_one_kind(found, caller)
    return known, np.asarray(found)


def check_one_kind(labels: list[Any], caller: str) -> None:
    """Raise where classes could not be sorted, or numpy has made text of -1 among strings."""
    if any(label is None for label in labels):
        raise ValueError(f"y of {caller} has None among its classes. {_LEAVE_OUT}")
    if len({isinstance(label, str) for label in labels}) > 1:
        raise ValueError(f"y of {caller} has both strings and numbers as classes. Use one kind.")
    names = set(labels)
    if "-1" in names and not all(name.removeprefix("-").isdecimal() for name in names):
        raise ValueError(f"y of {caller} has the string '-1' among its classes. {_LEAVE_OUT}")


def named_classes(classes: ArrayLike | None, observed: np.ndarray, caller: str) -> np.ndarray:
    """Return the classes in their order: those given, or else the observed ones, sorted."""
    if classes is None:
        if len(observed) == 1:
            raise ValueError(
                f"y of {caller} has one class only, {observed.tolist()[0]!r}: there is nothing to "
                "tell apart. Pass labels of two classes or more."
            )
        return observed
    names, must = np.asarray(classes), f"The 'classes' parameter of {caller} must"
    got = f"Got {classes!r} instead."
    if names.ndim != 1 or len(np.unique(names)) != len(names):
        raise ValueError(f"{must} be None or one-dimensional, without repetitions. {got}")
    if len(names) < 2:
        raise ValueError(f"{must} have two classes or more. {got}")
    strangers = sorted(set(observed.tolist()) - set(names.tolist()), key=str)
    if strangers:
        lacks = ", ".join(map(repr, strangers))
        raise ValueError(f"{must} have every class in y. It lacks {lacks}.")
    return names


def codes_of(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the position in `classes` of each label, all of which are there."""
    order = np.argsort(classes)
    return order[np.searchsorted(classes, labels, sorter=order)]


def partial_codes(
    y: Any, X: np.ndarray, sample_weight: np.ndarray | None, classes: ArrayLike | None, caller: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes and the position of each label among them, -1 where there is none."""
    known, labels = labelled_points(check_hard_labels(y, X, caller), caller)
    check_classification_targets(labels)
    names = named_classes(classes, np.unique(labels), caller)
    codes = np.full(len(X), UNLABELLED)
    codes[known] = codes_of(labels, names)
    counted = codes if sample_weight is None else codes[sample_weight > 0]
    without = np.setdiff1d(np.arange(len(names)), counted)
    if len(without):
        raise ValueError(
            f"{caller} has no labelled point of class "
            f"{', '.join(map(repr, names[without].tolist()))}: every class needs one of positive "
            "weight in y. Label some, or leave the class out of 'classes'."
        )
    return names, codes


def one_hot(codes: np.ndarray, n_classes: int, dtype: Any) -> np.ndarray:
    """Return labels (N, K) that are sure."""
    return np.eye(n_classes, dtype=dtype)[codes]


def denoised(
    codes: np.ndarray, transition_matrix: ArrayLike, dtype: Any, n_classes: int, caller: str
) -> np.ndarray:
    """Return the soft labels y ∝ T[:, l] of noisy labels l."""
    T = check_array(transition_matrix, dtype=np.float64, input_name="transition_matrix")
    is_stochastic = (T >= 0).all() and np.allclose(T.sum(axis=1), 1, atol=1e-6)
    if T.shape != (n_classes, n_classes) or not is_stochastic:
        raise ValueError(
            f"The 'transition_matrix' parameter of {caller} must have shape (K, K) for the "
            f"K={n_classes} classes and rows of probabilities that sum to 1. Got shape {T.shape}, "
            f"entries from {T.min():g} and row sums from {T.sum(axis=1).min():g} to "
            f"{T.sum(axis=1).max():g} instead. Classes that y lacks are named in 'classes'."
        )
    mass = T.sum(axis=0)
    impossible = np.flatnonzero(mass[np.unique(codes)] == 0)
    if len(impossible):
        column = int(np.unique(codes)[impossible[0]])
        raise ValueError(
            f"The 'transition_matrix' parameter of {caller} says that no class is ever observed as "
            f"class number {column}, which y has: its column {column} is zero."
        )
    columns = T.T / np.maximum(mass, np.finfo(np.float64).tiny)[:, None]
    return columns[codes].astype(dtype)


def blurred(
    codes: np.ndarray, noise_rate: ArrayLike, dtype: Any, n_classes: int, caller: str
) -> np.ndarray:
    """Return the soft labels (1 - η) one-hot + η / K of labels that are random at rate η."""
    rate = np.asarray(noise_rate, dtype=dtype)
    # Not a number is not from 0 to 1 either.
    if rate.shape not in ((), codes.shape) or not ((rate >= 0) & (rate <= 1)).all():
        raise ValueError(
            f"The 'noise_rate' parameter of {caller}.fit must be one number from 0 to 1, or one "
            f"for each of the {len(codes)} points. Got shape {rate.shape} from {rate.min():g} to "
            f"{rate.max():g} instead."
        )
    rate = np.broadcast_to(rate, codes.shape)[:, None]
    return (1 - rate) * one_hot(codes, n_classes, dtype) + rate / n_classes
