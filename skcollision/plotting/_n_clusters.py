"""NClustersDisplay: the curve from which the number of clusters was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skcollision.plotting._matplotlib import import_pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skcollision.model_selection import NClustersSearch

_AXIS_LABELS = {
    "information": "reproduced information (nats)",
    "stability": "stability (adjusted Rand index of two halves)",
    "mutual_info": "held-out mutual information / ln K",
}


class NClustersDisplay:
    """Curve of a criterion over the number of clusters, with the best one marked.

    Use :meth:`from_estimator` to draw a fitted search.

    Parameters
    ----------
    n_clusters : array-like of shape (n_values,)
        Numbers of clusters, rising.
    mean : array-like of shape (n_values,)
        Mean of the criterion over the resamples.
    std : array-like of shape (n_values,)
        Its standard deviation.
    best_n_clusters : int
        The number to mark, one of `n_clusters`.
    criterion : str
        Name of the criterion, for the axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the curve was drawn.
    figure_ : matplotlib Figure
        The figure around it.
    line_ : matplotlib Line2D
        The curve of the mean.
    band_ : matplotlib PolyCollection
        One standard deviation to either side.
    best_line_ : matplotlib Line2D
        The vertical line at the best number.

    Raises
    ------
    ValueError
        If the arrays are not of one length or the best number is not among them.

    See Also
    --------
    skcollision.model_selection.NClustersSearch : The search itself.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from skcollision.plotting import NClustersDisplay
    >>> display = NClustersDisplay([2, 3, 4], [0.2, 0.9, 0.5], [0.1, 0.0, 0.1], 3, "information")
    >>> display.plot().ax_.get_xlabel()
    'number of clusters'
    """

    def __init__(
        self,
        n_clusters: ArrayLike,
        mean: ArrayLike,
        std: ArrayLike,
        best_n_clusters: int,
        criterion: str,
    ) -> None:
        self.n_clusters = np.asarray(n_clusters)
        self.mean = np.asarray(mean, dtype=np.float64)
        self.std = np.asarray(std, dtype=np.float64)
        self.best_n_clusters = best_n_clusters
        self.criterion = criterion
        if not self.n_clusters.shape == self.mean.shape == self.std.shape:
            raise ValueError(
                "The 'n_clusters', 'mean' and 'std' parameters of NClustersDisplay must have the "
                f"same shape. Got {self.n_clusters.shape}, {self.mean.shape} and {self.std.shape} "
                "instead."
            )
        if best_n_clusters not in self.n_clusters:
            raise ValueError(
                "The 'best_n_clusters' parameter of NClustersDisplay must be one of 'n_clusters'. "
                f"Got {best_n_clusters!r} instead."
            )

    @classmethod
    def from_estimator(cls, search: NClustersSearch, ax: Axes | None = None) -> Self:
        """Draw the criterion by which a fitted search chose.

        Parameters
        ----------
        search : NClustersSearch
            A fitted search.
        ax : matplotlib Axes, default=None
            Where to draw; None for new axes.

        Returns
        -------
        NClustersDisplay
            The picture, drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the search is not fitted.
        TypeError
            If it is no search for the number of clusters.
        ImportError
            If matplotlib is not installed.
        """
        check_is_fitted(search)
        if not hasattr(search, "results_"):
            raise TypeError(
                f"The 'search' parameter of {cls.__name__} must be a fitted NClustersSearch. Got "
                f"{search!r} instead."
            )
        results, criterion = search.results_, search.criterion
        display = cls(
            results["n_clusters"],
            results[f"{criterion}_mean"],
            results[f"{criterion}_std"],
            search.best_n_clusters_,
            criterion,
        )
        return display.plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None for new axes.

        Returns
        -------
        NClustersDisplay
            Itself, with the artists as attributes.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = import_pyplot(type(self).__name__)
        axes: Any = plt.subplots()[1] if ax is None else ax
        (self.line_,) = axes.plot(self.n_clusters, self.mean, marker="o", label="mean")
        self.band_ = axes.fill_between(
            self.n_clusters,
            self.mean - self.std,
            self.mean + self.std,
            color=self.line_.get_color(),
            alpha=0.2,
            linewidth=0,
            label="± standard deviation",
        )
        self.best_line_ = axes.axvline(
            self.best_n_clusters,
            color="#333333",
            linestyle="--",
            label=f"best: {self.best_n_clusters}",
        )
        # Numbers of clusters differ by factors: 2 and 3 are as far apart as 20 and 30.
        axes.set_xscale("log", base=2)
        ticks = _spaced(self.n_clusters)
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.set(
            xlabel="number of clusters", ylabel=_AXIS_LABELS.get(self.criterion, self.criterion)
        )
        axes.legend()
        self.ax_, self.figure_ = axes, axes.figure
        return self


def _spaced(values: np.ndarray, factor: float = 1.3) -> list[int]:
    """Return those of the rising values that are far enough apart for their names to fit."""
    kept: list[int] = []
    for value in values.tolist():
        if not kept or value >= factor * kept[-1]:
            kept.append(value)
    return kept
