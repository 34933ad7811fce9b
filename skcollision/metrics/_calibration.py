"""Whether the certainty of soft assignments can be trusted, once clusters have names."""

from numbers import Real
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from skcollision._errors import check_positive, wrong
from skcollision.metrics._matching import check_known_labels, match_labels

# Rows of half and single precision sum to 1 only about as well as this.
_SUM_TOLERANCE = 1e-2


class RiskCoverage(NamedTuple):
    """Curve of :func:`risk_coverage_curve`, from the most certain points to all of them.

    Attributes
    ----------
    coverage : ndarray of shape (n_thresholds,), float64
        Share of the points that are at least as certain as the threshold, rising to 1.
    risk : ndarray of shape (n_thresholds,), float64
        Share of wrong points among them.
    threshold : ndarray of shape (n_thresholds,), float64
        Distinct certainties, falling.

    Examples
    --------
    >>> import numpy as np
    >>> from skcollision.metrics import risk_coverage_curve
    >>> risk_coverage_curve([0, 1], np.array([[0.9, 0.1], [0.2, 0.8]])).coverage
    array([0.5, 1. ])
    """

    coverage: npt.NDArray[np.float64]
    risk: npt.NDArray[np.float64]
    threshold: npt.NDArray[np.float64]


def clustering_calibration_error(
    y_true: npt.ArrayLike, y_proba: npt.ArrayLike, *, n_bins: int = 15
) -> float:
    r"""Compute the expected calibration error of soft assignments to clusters.

    Clusters are matched one-to-one with classes as :func:`match_labels` does, by each point's most
    probable cluster. A point's certainty c is the probability of that cluster, and the point is
    right if the cluster is matched with its class; so no point of a cluster without a class is.
    Over bins B of equal width in certainty,

    .. math:: \mathrm{ECE} = \sum_B \frac{|B|}N
              \Bigl| \mathrm{mean}_B[\text{right}] - \mathrm{mean}_B[c] \Bigr| .

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Class of each point: integers, booleans or strings.
    y_proba : array-like of shape (n_samples, n_clusters)
        Probability of each cluster; rows sum to 1.
    n_bins : int, default=15
        Number of bins that divide the certainties from 0 to 1.

    Returns
    -------
    float
        A fraction: 0 if in each bin the certainty is the share of right points.

    Raises
    ------
    ValueError
        If labels are invalid, `y_proba` is not one distribution a row, lengths differ or `n_bins`
        is not a positive integer.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Weinberger, "On Calibration of Modern Neural Networks", ICML
    2017, eq. (5).

    Examples
    --------
    >>> from skcollision.metrics import clustering_calibration_error
    >>> y_proba = [[0.75, 0.25], [0.75, 0.25], [0.75, 0.25], [0.75, 0.25]]
    >>> clustering_calibration_error(["a", "a", "b", "b"], y_proba)
    0.25
    """
    caller = "clustering_calibration_error"
    check_positive(n_bins, "n_bins", caller)
    certainty, right = certainty_and_success(y_true, y_proba, caller)
    # Bins are open on the left, as in the reference; a certainty of 0 cannot be.
    index = np.ceil(certainty * n_bins).astype(np.intp).clip(1, n_bins) - 1
    surplus = np.bincount(index, weights=right - certainty, minlength=int(n_bins))
    return float(np.abs(surplus).sum() / len(certainty))


def risk_coverage_curve(y_true: npt.ArrayLike, y_proba: npt.ArrayLike) -> RiskCoverage:
    """Compute the error rate of the most certain points, for each share of points.

    Clusters are matched with classes once, on all points, as in
    :func:`clustering_calibration_error`. Points of equal certainty enter together, so the curve
    does not depend on the order of rows.

    Parameters
    ----------
    y_true, y_proba : array-like of shape (n_samples,) and (n_samples, n_clusters)
        As in :func:`clustering_calibration_error`.

    Returns
    -------
    RiskCoverage
        Arrays ``coverage``, ``risk`` and ``threshold``, one entry a distinct certainty.

    Raises
    ------
    ValueError
        As :func:`clustering_calibration_error`.

    References
    ----------
    R. El-Yaniv and Y. Wiener, "On the Foundations of Noise-free Selective Classification", JMLR
    2010.

    Examples
    --------
    >>> from skcollision.metrics import risk_coverage_curve
    >>> y_proba = [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]]
    >>> curve = risk_coverage_curve([0, 1, 1, 1], y_proba)
    >>> curve.coverage.tolist()
    [0.25, 0.5, 0.75, 1.0]
    >>> curve.risk.tolist()
    [0.0, 0.0, 0.0, 0.25]
    """
    certainty, right = certainty_and_success(y_true, y_proba, "risk_coverage_curve")
    threshold, n_covered, n_right = _cumulated(certainty, right)
    return RiskCoverage(n_covered / len(certainty), 1 - n_right / n_covered, threshold)


def accuracy_at_coverage(
    y_true: npt.ArrayLike, y_proba: npt.ArrayLike, *, coverage: float = 0.5
) -> float:
    """Compute the accuracy of the most certain share of the points.

    Clusters are matched with classes once, on all points, as in
    :func:`clustering_calibration_error`. Where the share ends among points of equal certainty, it
    takes them in equal parts.

    Parameters
    ----------
    y_true, y_proba : array-like of shape (n_samples,) and (n_samples, n_clusters)
        As in :func:`clustering_calibration_error`.
    coverage : float, default=0.5
        The share, over 0 and at most 1; 1 gives the clustering accuracy.

    Returns
    -------
    float
        A fraction.

    Raises
    ------
    ValueError
        As :func:`clustering_calibration_error`, or if `coverage` is out of its range.

    Examples
    --------
    >>> from skcollision.metrics import accuracy_at_coverage
    >>> y_proba = [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]]
    >>> accuracy_at_coverage([0, 1, 1, 1], y_proba, coverage=0.5)
    1.0
    """
    caller = "accuracy_at_coverage"
    if not isinstance(coverage, Real) or isinstance(coverage, bool) or not 0 < coverage <= 1:
        raise wrong("coverage", caller, "be a number in (0, 1]", repr(coverage))
    certainty, right = certainty_and_success(y_true, y_proba, caller)
    _, n_covered, n_right = _cumulated(certainty, right)
    wanted = float(coverage) * len(certainty)
    # Linear between the groups of equal certainty: that is taking a group in equal parts.
    return float(np.interp(wanted, np.r_[0, n_covered], np.r_[0, n_right]) / wanted)


def check_proba(y_proba: npt.ArrayLike, caller: str) -> npt.NDArray[np.float64]:
    """Return soft assignments of shape (n_samples, n_clusters), one distribution a row."""
    prefix = f"The 'y_proba' parameter of {caller} must"
    try:
        probs = np.asarray(y_proba, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{prefix} hold numbers: {error}.") from None
    if probs.ndim != 2 or probs.size == 0:
        raise ValueError(
            f"{prefix} have shape (n_samples, n_clusters). Got shape {probs.shape} instead."
        )
    if not np.isfinite(probs).all() or (probs < 0).any() or (probs > 1 + _SUM_TOLERANCE).any():
        raise ValueError(f"{prefix} hold finite probabilities, from 0 to 1.")
    worst = np.abs(probs.sum(axis=1) - 1).max()
    if worst > _SUM_TOLERANCE:
        raise ValueError(f"{prefix} have rows that sum to 1. Got a sum off by {worst:.3g} instead.")
    return probs.clip(max=1.0)  # not divided by the sums: rounding would split equal certainties


def certainty_and_success(
    y_true: npt.ArrayLike, y_proba: npt.ArrayLike, caller: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return each point's largest probability, and whether that cluster matches its class."""
    labels = check_known_labels(y_true, "y_true", caller)
    probs = check_proba(y_proba, caller)
    if len(labels) != len(probs):
        raise ValueError(
            f"The 'y_true' and 'y_proba' parameters of {caller} must have the same length. "
            f"Got {len(labels)} and {len(probs)} instead."
        )
    classes, clusters = np.unique(labels, return_inverse=True)[1], probs.argmax(axis=1)
    matched = match_labels(classes, clusters).relabel(clusters, unmatched=-1)
    return probs.max(axis=1), matched == classes


def _cumulated(certainty: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return distinct certainties, falling, and numbers of points and right points down to each."""
    values, group = np.unique(-certainty, return_inverse=True)
    n_covered = np.cumsum(np.bincount(group)).astype(np.float64)
    return -values, n_covered, np.cumsum(np.bincount(group, weights=right))
