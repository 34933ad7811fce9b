"""Accuracy of a clustering under the best naming of its clusters."""

from __future__ import annotations

import math

import numpy.typing as npt

from skcollision.metrics._matching import contingency_table, optimal_pairs


def clustering_accuracy_score(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
) -> float:
    r"""Share of points whose cluster is matched with their class (unsupervised accuracy, "ACC").

    .. math:: \mathrm{ACC} = \max_m \frac1N \sum_i \mathbf 1[\,m(\hat y_i) = y_i\,]

    over all one-to-one matchings m of clusters with classes. If there are more clusters than
    classes, the points of the clusters that get no class count as wrong; if there are more classes,
    so do the points of the classes that get no cluster.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Class of each point: integers, booleans or strings.
    y_pred : array-like of shape (n_samples,)
        Cluster of each point: integers, booleans or strings, not necessarily of the same type.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights of the points.

    Returns
    -------
    float
        A fraction: 1 for identical partitions, at least one over the larger of the numbers of
        clusters and classes. Names do not matter, nor which of the two comes first.

    Raises
    ------
    ValueError
        If labels are empty, not one-dimensional, of different lengths, missing, continuous or of
        mixed types, or weights negative, not finite or all zero.

    See Also
    --------
    match_labels : The matching itself.

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
    _, _, contingency = contingency_table(
        y_true, y_pred, sample_weight, "clustering_accuracy_score"
    )
    right = contingency[optimal_pairs(contingency)]
    # fsum rounds once, so identical partitions give exactly 1 whatever the weights.
    return math.fsum(right) / math.fsum(contingency[contingency > 0])
