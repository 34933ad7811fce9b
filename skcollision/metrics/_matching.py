"""Labels and weights checked, and the one-to-one matching of clusters with classes."""

import math
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment


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


@dataclass(frozen=True, eq=False)
class LabelMatching:
    """One-to-one matching of clusters with classes, as :func:`match_labels` returns it.

    Attributes
    ----------
    clusters : ndarray of shape (n_matched,)
        The predicted labels that have a class, sorted; n_matched is the smaller of the numbers of
        clusters and classes.
    classes : ndarray of shape (n_matched,)
        Their classes: ``clusters[i]`` is matched with ``classes[i]``.
    unmatched_clusters : ndarray
        Predicted labels without a class, sorted; empty unless there are more clusters than classes.
    unmatched_classes : ndarray
        Classes without a cluster, sorted; empty unless there are more classes than clusters.

    Examples
    --------
    >>> from skcollision.metrics import match_labels
    >>> matching = match_labels(["cat", "cat", "dog"], [7, 7, 3])
    >>> matching.clusters.tolist(), matching.classes.tolist()
    ([3, 7], ['dog', 'cat'])
    >>> matching.relabel([7, 3, 8], unmatched="none")
    array(['cat', 'dog', 'none'], dtype='<U4')
    """

    clusters: npt.NDArray
    classes: npt.NDArray
    unmatched_clusters: npt.NDArray
    unmatched_classes: npt.NDArray

    def to_dict(self) -> dict[Any, Any]:
        """Return the matching as a dictionary from cluster to class, in Python scalars."""
        return dict(zip(self.clusters.tolist(), self.classes.tolist(), strict=True))

    def relabel(self, y_pred: npt.ArrayLike, *, unmatched: Any = None) -> npt.NDArray:
        """Replace each predicted cluster by its class.

        Parameters
        ----------
        y_pred : array-like of shape (n_samples,)
            Predicted labels, of these or of other points.
        unmatched : label, optional
            The label of points in a cluster without a class. It must be no class (-1, say), so that
            they count as wrong. By default such a point is an error.

        Returns
        -------
        ndarray of shape (n_samples,)
            Class labels, of a dtype that holds `unmatched` too.

        Raises
        ------
        ValueError
            If a point's cluster has no class and `unmatched` is not given, if `unmatched` is a
            class itself or of another type than the classes, or if `y_pred` holds no valid labels.
        """
        labels = check_labels(y_pred, "y_pred", "relabel")
        if _is_text(labels) != _is_text(self.clusters):
            raise ValueError(
                "The 'y_pred' parameter of relabel must be of the type of the matched clusters, "
                f"{self.clusters.dtype}. Got {labels.dtype} instead."
            )
        position = np.searchsorted(self.clusters, labels).clip(max=len(self.clusters) - 1)
        known = self.clusters[position] == labels
        if unmatched is not None:
            return np.where(known, self.classes[position], self._check_filler(unmatched))
        if not known.all():
            names = ", ".join(repr(label) for label in np.unique(labels[~known]).tolist()[:5])
            raise ValueError(
                "The 'y_pred' parameter of relabel must hold matched clusters only, unless "
                f"'unmatched' is given. Got {np.count_nonzero(~known)} points of clusters without "
                f"a class ({names}) instead."
            )
        return self.classes[position]

    def _check_filler(self, unmatched: Any) -> npt.NDArray:
        filler = np.asarray(unmatched)
        same_type = filler.dtype.kind in "biufU" and _is_text(filler) == _is_text(self.classes)
        if filler.ndim or not same_type or filler in [*self.classes, *self.unmatched_classes]:
            raise ValueError(
                "The 'unmatched' parameter of relabel must be one label of the type of the "
                f"classes, {self.classes.dtype}, and none of them, or points without a class would "
                f"count as right. Got {unmatched!r} instead."
            )
        return filler


def match_labels(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
) -> LabelMatching:
    """Match clusters one-to-one with classes so that they agree on as many points as possible.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        Class and cluster of each point: integers, booleans or strings, of one type each.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights of the points.

    Returns
    -------
    LabelMatching
        The matched pairs, and the clusters or classes that are left over when their numbers differ.

    Raises
    ------
    ValueError
        If labels are empty, not one-dimensional, of different lengths, missing, continuous or of
        mixed types, or weights negative, not finite or all zero.

    Notes
    -----
    This is the optimal assignment on the contingency table (Kuhn, "The Hungarian method for the
    assignment problem", 1955). As many pairs as possible are made, so a cluster may be matched with
    a class it has no point in common with. Of several optimal matchings the same is always
    returned.

    Examples
    --------
    >>> from skcollision.metrics import match_labels
    >>> match_labels(["ant", "ant", "bee", "bee"], [1, 1, 0, 1]).to_dict()
    {0: 'bee', 1: 'ant'}
    """
    clusters, classes, contingency = contingency_table(
        y_true, y_pred, sample_weight, "match_labels"
    )
    rows, columns = optimal_pairs(contingency)
    return LabelMatching(
        clusters=clusters[rows],
        classes=classes[columns],
        unmatched_clusters=np.delete(clusters, rows),
        unmatched_classes=np.delete(classes, columns),
    )


def clustering_accuracy_score(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
) -> float:
    r"""Share of points whose cluster is matched with their class (unsupervised accuracy, "ACC").

    .. math:: \mathrm{ACC} = \max_m \frac1N \sum_i \mathbf 1[\,m(\hat y_i) = y_i\,]

    over all one-to-one matchings m of clusters with classes. Points of a cluster that gets no
    class, or of a class that gets no cluster, count as wrong.

    Parameters
    ----------
    y_true, y_pred, sample_weight : array-like of shape (n_samples,)
        As in :func:`match_labels`.

    Returns
    -------
    float
        A fraction: 1 for identical partitions, at least one over the larger of the numbers of
        clusters and classes. Names do not matter, nor which of the two comes first.

    Raises
    ------
    ValueError
        As :func:`match_labels`.

    References
    ----------
    Yang, Xu, Nie, Yan & Zhuang, "Image Clustering using Local Discriminant Models and Global
    Integration", IEEE TIP 2010.

    Examples
    --------
    >>> from skcollision.metrics import clustering_accuracy_score
    >>> clustering_accuracy_score(["a", "a", "b", "b"], [7, 7, 3, 3])
    1.0
    >>> clustering_accuracy_score(["a", "a", "b", "b"], [0, 1, 2, 2])
    0.75
    """
    contingency = contingency_table(y_true, y_pred, sample_weight, "clustering_accuracy_score")[2]
    right = contingency[optimal_pairs(contingency)]
    # fsum rounds once, so identical partitions give exactly 1 whatever the weights.
    return math.fsum(right) / math.fsum(contingency[contingency > 0])


def contingency_table(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, sample_weight: npt.ArrayLike | None, caller: str
) -> tuple[npt.NDArray, npt.NDArray, npt.NDArray]:
    """Return clusters, classes, and the number (or weight) of points for each pair of the two."""
    y_true = check_known_labels(y_true, "y_true", caller)
    y_pred = check_known_labels(y_pred, "y_pred", caller)
    if len(y_true) != len(y_pred):
        raise ValueError(
            f"The 'y_true' and 'y_pred' parameters of {caller} must have the same length. "
            f"Got {len(y_true)} and {len(y_pred)} instead."
        )
    weight = check_weights(sample_weight, len(y_true), caller)
    classes, class_index = np.unique(y_true, return_inverse=True)
    clusters, cluster_index = np.unique(y_pred, return_inverse=True)
    cell = cluster_index * len(classes) + class_index
    shape = (len(clusters), len(classes))
    contingency = np.bincount(cell, weights=weight, minlength=shape[0] * shape[1]).reshape(shape)
    return clusters, classes, contingency


def optimal_pairs(contingency: npt.NDArray) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows (ascending) and columns of the assignment with the largest total."""
    return linear_sum_assignment(contingency, maximize=True)


def _is_text(labels: npt.NDArray) -> bool:
    return labels.dtype.kind == "U"
