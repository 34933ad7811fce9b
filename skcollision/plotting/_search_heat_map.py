"""SearchHeatMapDisplay: the scores of a search over two parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skcollision.plotting._cv_results import (
    best_of_cells,
    level_name,
    levels,
    parameter_column,
    searched_parameters,
)
from skcollision.plotting._grids import name_ticks, write_cells
from skcollision.plotting._matplotlib import one_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from sklearn.base import BaseEstimator


class SearchHeatMapDisplay:
    """Mean score of a search for each pair of values of two parameters.

    Each cell has the mean over the folds and, below it, the standard deviation; if there are more
    parameters, of the candidate that is best over them. The best cell is framed. Grey cells were
    not tried or failed. Use :meth:`from_search` or :meth:`from_cv_results` to make one.

    Parameters
    ----------
    mean : array-like of shape (n_y, n_x)
        Mean scores; NaN where there is none.
    std : array-like of shape (n_y, n_x) or None
        Their standard deviations.
    x_values : sequence of length n_x
        Values of the parameter along the horizontal axis.
    y_values : sequence of length n_y
        Values of that along the vertical axis.
    x : str
        Name of the one.
    y : str or None
        Name of the other; None if there is none and n_y is 1.
    score_name : str, default="mean score"
        What the colour is.
    best : tuple of 2 int, default=None
        Row and column of the cell to frame; None for the highest mean.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the map was drawn.
    figure_ : matplotlib Figure
        The figure around it.
    image_ : matplotlib AxesImage
        The cells.
    text_ : ndarray of shape (n_y, n_x) of matplotlib Text or None, or None
        The values; None altogether where they do not fit.
    best_frame_ : matplotlib Rectangle
        The frame of the best cell.

    Raises
    ------
    ValueError
        If the shapes do not agree or there is no finite score.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from skcollision.plotting import SearchHeatMapDisplay
    >>> results = {
    ...     "param_lam": [1, 1, 10, 10],
    ...     "param_fairness_weight": [0.0, 1.0, 0.0, 1.0],
    ...     "mean_test_score": [0.5, 0.6, 0.6, 0.7],
    ... }
    >>> display = SearchHeatMapDisplay.from_cv_results(results, "lam", "fairness_weight")
    >>> display.mean.tolist()
    [[0.5, 0.6], [0.6, 0.7]]
    """

    def __init__(
        self,
        mean: Any,
        std: Any,
        x_values: Any,
        y_values: Any,
        x: str,
        y: str | None,
        score_name: str = "mean score",
        best: tuple[int, ...] | None = None,
    ) -> None:
        self.mean = np.asarray(mean, dtype=np.float64)
        self.std = None if std is None else np.asarray(std, dtype=np.float64)
        self.x_values, self.y_values = list(x_values), list(y_values)
        self.x, self.y, self.score_name = x, y, score_name
        shape = (len(self.y_values), len(self.x_values))
        if self.mean.shape != shape or (self.std is not None and self.std.shape != shape):
            raise ValueError(
                "The 'mean' and 'std' parameters of SearchHeatMapDisplay must have a row for each "
                f"of 'y_values' and a column for each of 'x_values', {shape}. Got "
                f"{self.mean.shape} and {None if self.std is None else self.std.shape} instead."
            )
        if not np.isfinite(self.mean).any():
            raise ValueError(
                "The 'mean' parameter of SearchHeatMapDisplay must have a finite score. Got none; "
                "error_score='raise' in the search shows why fits failed."
            )
        self.best: tuple[Any, ...] = tuple(best or np.unravel_index(np.nanargmax(self.mean), shape))

    @classmethod
    def from_search(
        cls,
        search: BaseEstimator,
        x: str | None = None,
        y: str | None = None,
        *,
        metric: str = "score",
        ax: Axes | None = None,
    ) -> Self:
        """Draw the scores of a fitted search.

        Parameters
        ----------
        search : estimator
            Fitted GridSearchCV, RandomizedSearchCV, HalvingGridSearchCV or their like, with
            `cv_results_`.
        x, y : str, default=None
            Parameters along the axes, such as "lam" and "fairness_weight"; the step's name in front
            may be left out. None for the one or two that took several values.
        metric : str, default="score"
            Which of several scorers to show.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        SearchHeatMapDisplay
            The picture, drawn.

        Raises
        ------
        TypeError
            If the search has no `cv_results_`.
        ValueError
            As :meth:`from_cv_results`.
        """
        check_is_fitted(search)
        if not hasattr(search, "cv_results_"):
            raise TypeError(
                f"The 'search' parameter of {cls.__name__} must have the attribute 'cv_results_', "
                f"as a fitted GridSearchCV has. Got {search!r} instead."
            )
        return cls.from_cv_results(search.cv_results_, x, y, metric=metric, ax=ax)

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Mapping[str, Any],
        x: str | None = None,
        y: str | None = None,
        *,
        metric: str = "score",
        ax: Axes | None = None,
    ) -> Self:
        """Draw the scores in a dictionary of results.

        Parameters
        ----------
        cv_results : mapping of str to array-like
            One entry a candidate: "param_NAME" of each parameter, "mean_test_METRIC" and, if there
            is one, "std_test_METRIC". Names without these prefixes, and METRIC_mean and METRIC_std,
            are understood too, as in the `results_` of NClustersSearch.
        x, y : str, default=None
            Parameters along the axes; None for the one or two "param_NAME" that took several
            values. With x alone there is one row.
        metric : str, default="score"
            Which score to show.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        SearchHeatMapDisplay
            The picture, drawn.

        Raises
        ------
        ValueError
            If a parameter or the score is missing, no score is finite, or x and y are not given and
            more than two parameters took several values.
        """
        x, y = _axes_of(cv_results, x, y, cls.__name__)
        mean, std, score_name = _scores(cv_results, metric, cls.__name__)
        keys = [parameter_column(cv_results, each, cls.__name__) for each in (y, x) if each]
        columns = [cv_results[key] for key in keys]
        grids = [levels(column) for column in columns]
        rows, best = best_of_cells(cv_results, mean, columns, grids)
        if y is None:
            rows, best, grids = rows[None], best and (0, *best), [[""], *grids]
        # Row -1 stands for no candidate; what it gives is overwritten.
        means = np.where(rows < 0, np.nan, mean[rows])
        stds = None if std is None else np.where(rows < 0, np.nan, std[rows])
        return cls(means, stds, grids[1], grids[0], x, y, score_name, best).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        SearchHeatMapDisplay
            Itself, with the artists as attributes.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        from matplotlib.patches import Rectangle

        n_rows, n_columns = self.mean.shape
        size = max(5.0, 2.0 + 0.6 * min(n_columns, 20)), max(2.2, 1.2 + 0.5 * min(n_rows, 20))
        axes: Any = one_axes(type(self).__name__, ax, size)
        self.ax_, self.figure_ = axes, axes.figure
        axes.set_facecolor("#bbbbbb")
        scores = np.ma.masked_invalid(self.mean)
        self.image_ = axes.imshow(scores, cmap="cividis", origin="lower", aspect="auto")
        self.figure_.colorbar(self.image_, ax=axes, label=self.score_name)
        row, column = self.best
        self.best_frame_ = Rectangle(
            (column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="#bd1f01", linewidth=3
        )
        axes.add_patch(self.best_frame_)
        axes.set(xlabel=self.x, ylabel=self.y or "")
        name_ticks(axes.xaxis, [level_name(value) for value in self.x_values])
        if self.y is None:
            axes.set_yticks([])
        else:
            name_ticks(axes.yaxis, [level_name(value) for value in self.y_values])
        self.text_ = write_cells(axes, self.image_, self._texts())
        return self

    def _texts(self) -> np.ndarray:
        """Return what to write in each cell, to a tenth of the power of ten of their range."""
        spread = np.nanmax(self.mean) - np.nanmin(self.mean)
        decimals = int(np.clip(1 - np.floor(np.log10(spread)), 0, 6)) if spread > 0 else 3
        texts = np.full(self.mean.shape, "", dtype=object)
        for row, column in np.argwhere(np.isfinite(self.mean)):
            std = "" if self.std is None else f"\n±{self.std[row, column]:.{decimals}f}"
            texts[row, column] = f"{self.mean[row, column]:.{decimals}f}{std}"
        return texts


def _axes_of(
    cv_results: Mapping[str, Any], x: str | None, y: str | None, caller: str
) -> tuple[str, str | None]:
    """Return the parameters for the axes."""
    if x is not None:
        return x, y
    varied = [name for name in searched_parameters(cv_results) if name != y]
    n_free = 1 if y is not None else 2
    if not 1 <= len(varied) <= n_free:
        raise ValueError(
            f"The 'x' and 'y' parameters of {caller} must be named where not one or two parameters "
            f"took several values. Got x={x!r}, y={y!r} for {searched_parameters(cv_results)} "
            "instead."
        )
    return varied[0], y if y is not None else (varied[1] if len(varied) > 1 else None)


def _scores(
    cv_results: Mapping[str, Any], metric: str, caller: str
) -> tuple[np.ndarray, np.ndarray | None, str]:
    """Return mean and standard deviation of the score of each candidate, and its name."""
    for mean, std in (
        (f"mean_test_{metric}", f"std_test_{metric}"),
        (f"{metric}_mean", f"{metric}_std"),
    ):
        if mean in cv_results:
            spread = np.asarray(cv_results[std], dtype=float) if std in cv_results else None
            return np.asarray(cv_results[mean], dtype=float), spread, mean.replace("_", " ")
    have = [
        key.removeprefix("mean_test_").removesuffix("_mean")
        for key in cv_results
        if key.startswith("mean_test_") or key.endswith("_mean")
    ]
    raise ValueError(f"The 'metric' parameter of {caller} must be one of {have}. Got {metric!r}.")
