"""How far the certainty of points can be trusted."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skcollision._errors import check_positive
from skcollision.metrics import risk_coverage_curve
from skcollision.metrics._calibration import certainty_and_success
from skcollision.plotting import _display as base
from skcollision.plotting._display import INK, PALETTE, Display, as_vectors

_DIAGONAL = "perfectly calibrated"


class _CertaintyDisplay(Display):
    """Base of the pictures that compare certainty with classes."""

    from_predictions: Any

    @classmethod
    def from_estimator(cls, estimator: Any, X: ArrayLike, y: ArrayLike, **options: Any) -> Self:
        """Draw the picture of a fitted clusterer.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `predict_proba`; pipelines and searches too.
        X, y : array-like of shape (n_samples, n_features) and (n_samples,)
            Features and classes, integers, booleans or strings.
        **options
            Of `from_predictions`, such as `ax`; `name` is that of the estimator's class by default.
        """
        probs = base.predicted_proba(estimator, X, cls.__name__)
        return cls.from_predictions(y, probs, **{"name": type(estimator).__name__, **options})


@dataclass(eq=False, repr=False)
class ReliabilityDisplay(_CertaintyDisplay):
    """Reliability diagram of soft assignments: accuracy over certainty.

    Clusters are matched with classes, points are put into bins by the probability of their cluster,
    and for each bin the share of right points is drawn over the mean certainty; the larger the
    marker, the more points are in the bin. Below the diagonal a clusterer is too sure. Several can
    share axes. The source is that of :func:`~skcollision.metrics.clustering_calibration_error`.

    Parameters
    ----------
    certainty, accuracy, share : array-like of shape (n_bins,)
        For each bin the mean certainty of its points, the share of right ones among them, and their
        share of all points.
    name : str, default=None
        Name for the legend.

    Attributes
    ----------
    calibration_error : float
        Expected calibration error, the mean gap between certainty and accuracy.
    line_, markers_ : matplotlib Line2D and PathCollection
        The curve, and one marker a bin, its area in proportion to the share of points.

    Examples
    --------
    >>> from skcollision.plotting import ReliabilityDisplay
    >>> y_proba = [[0.75, 0.25], [0.75, 0.25], [0.75, 0.25], [0.75, 0.25]]
    >>> display = ReliabilityDisplay.from_predictions(["a", "a", "a", "b"], y_proba)
    >>> display.certainty.tolist(), display.accuracy.tolist()
    ([0.75], [0.75])
    """

    certainty: Any
    accuracy: Any
    share: Any
    name: str | None = None
    _figsize = 5.0, 5.0

    def __post_init__(self) -> None:
        as_vectors(self, "certainty", "accuracy", "share")
        self.calibration_error = float(self.share @ np.abs(self.accuracy - self.certainty))

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        n_bins: int = 15,
        name: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw the diagram of soft assignments.

        Parameters
        ----------
        y_true, y_proba, n_bins
            As :func:`~skcollision.metrics.clustering_calibration_error`; empty bins are left out.
        name, ax
            As in the class and in :meth:`plot`; axes may have other diagrams.
        """
        check_positive(n_bins, "n_bins", cls.__name__)
        value, right = certainty_and_success(y_true, y_proba, cls.__name__)
        index = np.ceil(value * n_bins).astype(np.intp).clip(1, n_bins)
        index = np.unique(index, return_inverse=True)[1]  # without the empty bins
        total = np.bincount(index)
        certainty = np.bincount(index, weights=value) / total
        accuracy = np.bincount(index, weights=right) / total
        return cls(certainty, accuracy, total / len(value), name).plot(ax)

    def _draw(self, axes: Any) -> None:
        if _DIAGONAL not in axes.get_legend_handles_labels()[1]:
            axes.plot([0, 1], [0, 1], color=INK, linestyle=":", label=_DIAGONAL)
        error = f"ECE = {self.calibration_error:.3f}"
        label = error if self.name is None else f"{self.name} ({error})"
        color = PALETTE[(len(axes.lines) - 1) % len(PALETTE)]  # the diagonal is a line too
        curve = self.certainty, self.accuracy
        (self.line_,) = axes.plot(*curve, color=color, label=label)
        area = 4 + 500 * self.share
        self.markers_ = axes.scatter(*curve, s=area, color=color, alpha=0.6, linewidths=0)
        axes.set(xlabel="certainty (area: share of points)", ylabel="accuracy")
        axes.set(xlim=(0, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.legend()


@dataclass(eq=False, repr=False)
class RiskCoverageDisplay(_CertaintyDisplay):
    """Risk-coverage curve of soft assignments: the error of the most certain share of the points.

    The curve ends at the error of all points. A certainty that ranks points well starts low and
    rises; one that says nothing stays level. Several can share axes.

    Parameters
    ----------
    coverage, risk : array-like of shape (n_thresholds,)
        Shares of the points, rising to 1, and the share of wrong ones among them.
    name : str, default=None
        Name for the legend.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The curve.

    Examples
    --------
    >>> from skcollision.plotting import RiskCoverageDisplay
    >>> y_proba = [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]]
    >>> display = RiskCoverageDisplay.from_predictions([0, 1, 1, 1], y_proba)
    >>> display.risk.tolist()
    [0.0, 0.0, 0.0, 0.25]
    """

    coverage: Any
    risk: Any
    name: str | None = None

    def __post_init__(self) -> None:
        as_vectors(self, "coverage", "risk")

    @classmethod
    def from_predictions(
        cls, y_true: ArrayLike, y_proba: ArrayLike, *, name: str | None = None, ax: Any = None
    ) -> Self:
        """Draw the curve of soft assignments.

        Parameters
        ----------
        y_true, y_proba, name, ax
            As :meth:`ReliabilityDisplay.from_predictions`.
        """
        curve = risk_coverage_curve(y_true, y_proba)
        return cls(curve.coverage, curve.risk, name).plot(ax)

    def _draw(self, axes: Any) -> None:
        # A marker as well, or a single certainty for all points would be invisible.
        color = PALETTE[len(axes.lines) % len(PALETTE)]
        (self.line_,) = axes.plot(
            self.coverage, self.risk, color=color, marker="o", markevery=[-1], label=self.name
        )
        axes.set_xlabel("coverage: share of the points, the most certain first")
        axes.set(ylabel="risk: error rate among them", xlim=(0, 1.02), ylim=(0, None))
        if self.name is not None:
            axes.legend()
