"""ReliabilityDisplay: whether a certainty of 80 % means that 80 % are right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skcollision.metrics import clustering_calibration_error, risk_coverage_curve
from skcollision.plotting._colors import INK, PALETTE
from skcollision.plotting._matplotlib import one_axes
from skcollision.plotting._responses import predicted_proba

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from sklearn.base import BaseEstimator

_DIAGONAL = "perfectly calibrated"


class ReliabilityDisplay:
    """Reliability diagram of soft assignments: accuracy over certainty.

    Clusters are matched with classes, points are put into bins by the probability of their cluster,
    and for each bin the share of right points is drawn over the mean certainty; the larger the
    marker, the more points are in the bin. Below the diagonal a clusterer is too sure. Several can
    share axes. Use :meth:`from_estimator` or :meth:`from_predictions` to make one.

    Parameters
    ----------
    certainty : array-like of shape (n_bins,)
        Mean certainty of the points of each bin.
    accuracy : array-like of shape (n_bins,)
        Share of right points among them.
    share : array-like of shape (n_bins,)
        Share of all points that are in the bin.
    name : str, default=None
        Name for the legend.

    Attributes
    ----------
    calibration_error : float
        Expected calibration error, the mean gap between certainty and accuracy; it is in the
        legend.
    ax_ : matplotlib Axes
        Where the diagram was drawn.
    figure_ : matplotlib Figure
        The figure around it.
    line_ : matplotlib Line2D
        The curve.
    markers_ : matplotlib PathCollection
        One marker a bin, its area in proportion to the share of points.

    Raises
    ------
    ValueError
        If the arrays differ in shape.

    See Also
    --------
    skcollision.metrics.clustering_calibration_error : The number.
    RiskCoverageDisplay : Whether certainty ranks points well, whatever its scale.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Weinberger, "On Calibration of Modern Neural Networks", ICML
    2017.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from skcollision.plotting import ReliabilityDisplay
    >>> y_proba = [[0.75, 0.25], [0.75, 0.25], [0.75, 0.25], [0.75, 0.25]]
    >>> display = ReliabilityDisplay.from_predictions(["a", "a", "a", "b"], y_proba)
    >>> display.certainty.tolist(), display.accuracy.tolist()
    ([0.75], [0.75])
    """

    def __init__(
        self, certainty: ArrayLike, accuracy: ArrayLike, share: ArrayLike, name: str | None = None
    ) -> None:
        self.certainty = np.asarray(certainty, dtype=np.float64)
        self.accuracy = np.asarray(accuracy, dtype=np.float64)
        self.share = np.asarray(share, dtype=np.float64)
        self.name = name
        if not self.certainty.shape == self.accuracy.shape == self.share.shape:
            raise ValueError(
                "The 'certainty', 'accuracy' and 'share' parameters of ReliabilityDisplay must "
                f"have the same shape. Got {self.certainty.shape}, {self.accuracy.shape} and "
                f"{self.share.shape} instead."
            )
        self.calibration_error = float(self.share @ np.abs(self.accuracy - self.certainty))

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike,
        *,
        n_bins: int = 15,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the diagram of a fitted clusterer.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `predict_proba`; pipelines and searches too.
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,)
            Classes: integers, booleans or strings.
        n_bins : int, default=15
            Bins that divide the certainties from 0 to 1.
        name : str, default=None
            Name for the legend; None for that of the estimator's class.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        ReliabilityDisplay
            The picture, drawn.

        Raises
        ------
        TypeError
            If the estimator has no `predict_proba`.
        ValueError
            As :meth:`from_predictions`.
        """
        probs = predicted_proba(estimator, X, cls.__name__)
        name = type(estimator).__name__ if name is None else name
        return cls.from_predictions(y, probs, n_bins=n_bins, name=name, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        n_bins: int = 15,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the diagram of soft assignments.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Class of each point: integers, booleans or strings.
        y_proba : array-like of shape (n_samples, n_clusters)
            Probability of each cluster; rows sum to 1.
        n_bins : int, default=15
            Bins that divide the certainties from 0 to 1; empty ones are left out.
        name : str, default=None
            Name for the legend.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        ReliabilityDisplay
            The picture, drawn.

        Raises
        ------
        ValueError
            As :func:`~skcollision.metrics.clustering_calibration_error`.
        """
        clustering_calibration_error(y_true, y_proba, n_bins=n_bins)  # checks all of them
        coverage, risk, value = risk_coverage_curve(y_true, y_proba)
        # Shares of all points at each distinct certainty, and of right ones.
        share = np.diff(coverage, prepend=0)
        right = np.diff(coverage * (1 - risk), prepend=0)
        index = np.ceil(value * n_bins).astype(np.intp).clip(1, n_bins)
        index = np.unique(index, return_inverse=True)[1]  # without the empty bins
        total = np.bincount(index, weights=share)
        certainty = np.bincount(index, weights=share * value) / total
        accuracy = np.bincount(index, weights=right) / total
        return cls(certainty, accuracy.clip(0, 1), total, name).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the diagram.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw, also beside diagrams that are there; None for a new figure.

        Returns
        -------
        ReliabilityDisplay
            Itself, with the artists as attributes.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        axes: Any = one_axes(type(self).__name__, ax, (5.0, 5.0))
        self.ax_, self.figure_ = axes, axes.figure
        if _DIAGONAL not in axes.get_legend_handles_labels()[1]:
            axes.plot([0, 1], [0, 1], color=INK, linestyle=":", label=_DIAGONAL)
        error = f"ECE = {self.calibration_error:.3f}"
        label = error if self.name is None else f"{self.name} ({error})"
        color = PALETTE[(len(axes.lines) - 1) % len(PALETTE)]  # the diagonal is a line too
        (self.line_,) = axes.plot(self.certainty, self.accuracy, color=color, label=label)
        self.markers_ = axes.scatter(
            self.certainty,
            self.accuracy,
            s=4 + 500 * self.share,
            color=color,
            alpha=0.6,
            linewidths=0,
        )
        axes.set(
            xlabel="certainty (area: share of points)",
            ylabel="accuracy",
            xlim=(0, 1.02),
            ylim=(-0.02, 1.02),
            aspect="equal",
        )
        axes.legend()
        return self
