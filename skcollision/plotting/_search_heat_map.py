"""SearchHeatMapDisplay: the scores of a search over two parameters."""

from collections.abc import Mapping
from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skcollision.plotting._display import Display, name_ticks, write_cells


class SearchHeatMapDisplay(Display):
    """Mean score of a search for each pair of values of two parameters.

    Each cell has the mean over the folds and, below it, the standard deviation; if there are more
    parameters, of the candidate that is best over them. The best cell is framed. Grey cells were
    not tried or failed.

    Parameters
    ----------
    mean, std : array-like of shape (n_y, n_x)
        Means and standard deviations of the scores, NaN where there is none; `std` may be None.
    x_values, y_values : sequence of length n_x and sequence of length n_y
        Values of the parameters along the horizontal and the vertical axis.
    x, y : str
        Names of these parameters; `y` may be None if n_y is 1.
    score_name : str, default="mean score"
        What the colour is.
    best : tuple of 2 int, default=None
        Row and column of the cell to frame; None for the highest mean.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where the map was drawn.
    image_ : matplotlib AxesImage
        The cells.
    text_ : ndarray of shape (n_y, n_x) of matplotlib Text or None, or None
        The values; None altogether where they do not fit.
    best_frame_ : matplotlib Rectangle
        The frame of the best cell.

    Examples
    --------
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
        n_rows, n_columns = np.minimum(shape, 20)
        self._figsize = max(5.0, 2.0 + 0.6 * n_columns), max(2.2, 1.2 + 0.5 * n_rows)
        self.best: tuple[Any, ...] = tuple(best or np.unravel_index(np.nanargmax(self.mean), shape))

    @classmethod
    def from_search(
        cls, search: Any, x: str | None = None, y: str | None = None, **options: Any
    ) -> Self:
        """Draw the scores of a fitted search.

        Parameters
        ----------
        search : estimator
            Fitted GridSearchCV, RandomizedSearchCV, HalvingGridSearchCV or their like, with
            `cv_results_`.
        x, y, **options
            As :meth:`from_cv_results`.
        """
        check_is_fitted(search)
        if not hasattr(search, "cv_results_"):
            raise TypeError(
                f"The 'search' parameter of {cls.__name__} must have the attribute 'cv_results_', "
                f"as a fitted GridSearchCV has. Got {search!r} instead."
            )
        return cls.from_cv_results(search.cv_results_, x, y, **options)

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Mapping[str, Any],
        x: str | None = None,
        y: str | None = None,
        *,
        metric: str = "score",
        ax: Any = None,
    ) -> Self:
        """Draw the scores in a dictionary of results.

        Parameters
        ----------
        cv_results : mapping of str to array-like
            One entry a candidate: "param_NAME" of each parameter, "mean_test_METRIC" and, if there
            is one, "std_test_METRIC". Names without these prefixes, and METRIC_mean and METRIC_std,
            are understood too, as in the `results_` of NClustersSearch. Of a halving search ("iter"
            is given), only the last iteration of a cell counts, as scores from fewer points cannot
            be compared.
        x, y : str, default=None
            Parameters along the axes, such as "lam" and "fairness_weight"; the step's name in front
            may be left out. None for the one or two that took several values. With x alone there is
            one row.
        metric : str, default="score"
            Which score to show.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Raises
        ------
        ValueError
            If a parameter or the score is missing, no score is finite, or x and y are not given and
            more than two parameters took several values.
        """
        x, y = _axes_of(cv_results, x, y, cls.__name__)
        mean, std, score_name = _scores(cv_results, metric, cls.__name__)
        columns = [
            [""] * len(mean) if each is None else _values(cv_results, each, cls.__name__)
            for each in (y, x)
        ]
        grids = [_levels(column) for column in columns]
        places = [{_key(value): i for i, value in enumerate(grid)} for grid in grids]
        iteration = np.asarray(cv_results.get("iter", np.zeros(len(mean))))
        means, stds = np.full((2, len(grids[0]), len(grids[1])), np.nan)
        best = None
        # The best candidate of a cell comes last; of equals, the first of the search, as there.
        candidates = np.flatnonzero(np.isfinite(mean))[::-1]
        for i in sorted(candidates, key=lambda i: (iteration[i], mean[i])):
            best = tuple(
                place[_key(column[i])] for place, column in zip(places, columns, strict=True)
            )
            means[best], stds[best] = mean[i], np.nan if std is None else std[i]
        spread = None if std is None else stds
        return cls(means, spread, grids[1], grids[0], x, y, score_name, best).plot(ax)

    def _draw(self, axes: Any) -> None:
        from matplotlib.patches import Rectangle

        axes.set_facecolor("#bbbbbb")
        scores = np.ma.masked_invalid(self.mean)
        self.image_ = axes.imshow(scores, cmap="cividis", origin="lower", aspect="auto")
        self.figure_.colorbar(self.image_, ax=axes, label=self.score_name)
        row, column = self.best
        corner = column - 0.5, row - 0.5
        frame = Rectangle(corner, 1, 1, fill=False, edgecolor="#bd1f01", linewidth=3)
        self.best_frame_ = axes.add_patch(frame)
        axes.set(xlabel=self.x, ylabel=self.y or "")
        name_ticks(axes.xaxis, [_level_name(value) for value in self.x_values])
        if self.y is None:
            axes.set_yticks([])
        else:
            name_ticks(axes.yaxis, [_level_name(value) for value in self.y_values])
        self.text_ = write_cells(axes, self.image_, self._texts())

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
    """Return the parameters for the axes: those given, or those that took several values."""
    if x is not None:
        return x, y
    names = [key.removeprefix("param_") for key in cv_results if key.startswith("param_")]
    varied = [name for name in names if len(_levels(_values(cv_results, name, caller))) > 1]
    free = [name for name in varied if name != y]
    if not 1 <= len(free) <= (2 if y is None else 1):
        raise ValueError(
            f"The 'x' and 'y' parameters of {caller} must be named where not one or two parameters "
            f"took several values. Got x={x!r}, y={y!r} for {varied} instead."
        )
    return free[0], free[1] if len(free) > 1 else y


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


def _values(cv_results: Mapping[str, Any], name: str, caller: str) -> list[Any]:
    """Return a parameter's value for each candidate; one of another grid may have none."""
    keys = [key for key in (f"param_{name}", name) if key in cv_results][:1]
    keys = keys or [key for key in cv_results if key.endswith(f"__{name}")]
    if len(keys) != 1:
        have = [key.removeprefix("param_") for key in cv_results if key.startswith("param_")]
        raise ValueError(
            f"The parameters of {caller} must be among those searched, {have}. "
            f"Got {name!r} instead."
        )
    column = cv_results[keys[0]]
    # The None keeps NumPy from making one type of mixed values.
    array = column if isinstance(column, np.ndarray) else np.array([*column, None], object)[:-1]
    return np.ma.filled(array.astype(object), "(not set)").tolist()


def _levels(values: list[Any]) -> list[Any]:
    """Return the distinct values: numbers by size, others in order of appearance."""
    distinct = list({_key(value): value for value in values}.values())
    return sorted(distinct) if all(isinstance(value, Real) for value in distinct) else distinct


def _key(value: Any) -> Any:
    """Return something hashable by which values are told apart; 1 and True are two."""
    return (type(value).__name__ if isinstance(value, (bool, str)) else "", str(value))


def _level_name(value: Any) -> str:
    """Return a short name of a parameter's value."""
    if isinstance(value, Real) and not isinstance(value, bool):
        return f"{value:.4g}"
    text = str(value)
    return text if len(text) <= 24 else f"{text[:23]}…"
