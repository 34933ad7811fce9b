"""RiskCoverageDisplay: whether the points said to be certain are the right ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skcollision.metrics import risk_coverage_curve
from skcollision.plotting._colors import PALETTE
from skcollision.plotting._matplotlib import one_axes
from skcollision.plotting._responses import predicted_proba

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from sklearn.base import BaseEstimator


class RiskCoverageDisplay:
    """Risk-coverage curve of soft assignments: the error of the most certain share of the points.

    The curve ends at the error of all points. A certainty that ranks points well starts low and
    rises; one that says nothing stays level. Several can share axes. Use :meth:`from_estimator` or
    :meth:`from_predictions` to make one.

    Parameters
    ----------
    coverage : array-like of shape (n_thresholds,)
        Shares of the points, rising to 1.
    risk : array-like of shape (n_thresholds,)
        Share of wrong points among them.
    name : str, default=None
        Name for the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the curve was drawn.
    figure_ : matplotlib Figure
        The figure around it.
    line_ : matplotlib Line2D
        The curve.

    Raises
    ------
    ValueError
        If the arrays differ in shape.

    See Also
    --------
    skcollision.metrics.risk_coverage_curve : The curve.
    ReliabilityDisplay : Whether certainties are right on their scale.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from skcollision.plotting import RiskCoverageDisplay
    >>> y_proba = [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]]
    >>> display = RiskCoverageDisplay.from_predictions([0, 1, 1, 1], y_proba)
    >>> display.risk.tolist()
    [0.0, 0.0, 0.0, 0.25]
    """

    def __init__(self, coverage: ArrayLike, risk: ArrayLike, name: str | None = None) -> None:
        self.coverage = np.asarray(coverage, dtype=np.float64)
        self.risk = np.asarray(risk, dtype=np.float64)
        self.name = name
        if self.coverage.shape != self.risk.shape:
            raise ValueError(
                "The 'coverage' and 'risk' parameters of RiskCoverageDisplay must have the same "
                f"shape. Got {self.coverage.shape} and {self.risk.shape} instead."
            )

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike,
        *,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the curve of a fitted clusterer.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `predict_proba`; pipelines and searches too.
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,)
            Classes: integers, booleans or strings.
        name : str, default=None
            Name for the legend; None for that of the estimator's class.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        RiskCoverageDisplay
            The picture, drawn.

        Raises
        ------
        TypeError
            If the estimator has no `predict_proba`.
        ValueError
            As :func:`~skcollision.metrics.risk_coverage_curve`.
        """
        probs = predicted_proba(estimator, X, cls.__name__)
        name = type(estimator).__name__ if name is None else name
        return cls.from_predictions(y, probs, name=name, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the curve of soft assignments.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Class of each point: integers, booleans or strings.
        y_proba : array-like of shape (n_samples, n_clusters)
            Probability of each cluster; rows sum to 1.
        name : str, default=None
            Name for the legend.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        RiskCoverageDisplay
            The picture, drawn.

        Raises
        ------
        ValueError
            As :func:`~skcollision.metrics.risk_coverage_curve`.
        """
        curve = risk_coverage_curve(y_true, y_proba)
        return cls(curve.coverage, curve.risk, name).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw, also beside curves that are there; None for a new figure.

        Returns
        -------
        RiskCoverageDisplay
            Itself, with the artists as attributes.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        axes: Any = one_axes(type(self).__name__, ax)
        self.ax_, self.figure_ = axes, axes.figure
        # A marker as well, or a single certainty for all points would be invisible.
        color = PALETTE[len(axes.lines) % len(PALETTE)]
        (self.line_,) = axes.plot(
            self.coverage, self.risk, color=color, marker="o", markevery=[-1], label=self.name
        )
        axes.set(
            xlabel="coverage: share of the points, the most certain first",
            ylabel="risk: error rate among them",
            xlim=(0, 1.02),
        )
        axes.set_ylim(bottom=0)
        if self.name is not None:
            axes.legend()
        return self
