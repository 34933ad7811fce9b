"""The scores of a search, for each pair of values of two parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Self

import numpy as np

from skcollision._errors import wrong
from skcollision.plotting import _display as base
from skcollision.plotting._display import Display


@dataclass(eq=False, repr=False)
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
    image_, text_ : matplotlib AxesImage, and ndarray (n_y, n_x) of Text or None, or None
        The cells and their values; None altogether where they do not fit.
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

    mean: Any
    std: Any
    x_values: Sequence[Any]
    y_values: Sequence[Any]
    x: str
    y: str | None
    score_name: str = "mean score"
    best: tuple[Any, ...] | None = None

    def __post_init__(self) -> None:
        self.mean = np.asarray(self.mean, dtype=np.float64)
        self.std = None if self.std is None else np.asarray(self.std, dtype=np.float64)
        shape, caller = (len(self.y_values), len(self.x_values)), type(self).__name__
        for name in ("mean", "std"):
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                must = f"have a row for each y and a column for each x, {shape}"
                raise wrong(name, caller, must, array.shape)
        if not np.isfinite(self.mean).any():
            must = "have a finite score; error_score='raise' in the search shows why fits failed"
            raise wrong("mean", caller, must, "none")
        n_rows, n_columns = np.minimum(shape, 20)
        self._figsize = max(5.0, 2.0 + 0.6 * n_columns), max(2.2, 1.2 + 0.5 * n_rows)
        self.best = tuple(self.best or np.unravel_index(np.nanargmax(self.mean), shape))

    @classmethod
    def from_estimator(
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
        base.needs(search, "cv_results_", cls.__name__, "search")
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
            is one, "std_test_METRIC". Of a halving search ("iter" is given), only the last
            iteration of a cell counts, as scores from fewer points cannot be compared.
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
        caller, prefix = cls.__name__, "mean_test_"
        if f"{prefix}{metric}" not in cv_results:
            have = [key.removeprefix(prefix) for key in cv_results if key.startswith(prefix)]
            raise wrong("metric", caller, f"be one of {have}", repr(metric))
        mean = np.asarray(cv_results[f"{prefix}{metric}"], dtype=float)
        std = np.asarray(cv_results.get(f"std_test_{metric}", np.full(len(mean), np.nan)), float)
        params = {
            key.removeprefix("param_"): _as_list(values)
            for key, values in cv_results.items()
            if key.startswith("param_")
        }
        if x is None:
            varied = [name for name, values in params.items() if len(_levels(values)) > 1]
            free = [name for name in varied if name != y]
            if not 1 <= len(free) <= (2 if y is None else 1):
                must = (
                    f"be named where not one or two parameters, but {varied}, took several values"
                )
                raise wrong("x", caller, must, f"x=None, y={y!r}")
            x, y = free[0], free[1] if len(free) > 1 else y
        columns = [
            [""] * len(mean) if name is None else params[_full_name(name, params, caller)]
            for name in (y, x)
        ]
        grids = [_levels(column) for column in columns]
        places = [{repr(value): i for i, value in enumerate(grid)} for grid in grids]
        iteration = cv_results.get("iter", np.zeros(len(mean)))
        means, stds = np.full((2, len(grids[0]), len(grids[1])), np.nan)
        best = None
        # The best candidate of a cell comes last; of equals, the first of the search, as there.
        candidates = np.flatnonzero(np.isfinite(mean))[::-1]
        for i in sorted(candidates, key=lambda i: (iteration[i], mean[i])):
            best = places[0][repr(columns[0][i])], places[1][repr(columns[1][i])]
            means[best], stds[best] = mean[i], std[i]
        spread = None if np.isnan(std).all() else stds
        name = f"mean test {metric}".replace("_", " ")
        return cls(means, spread, grids[1], grids[0], x, y, name, best).plot(ax)

    def _draw(self, axes: Any) -> None:
        from matplotlib.patches import Rectangle

        axes.set_facecolor("#bbbbbb")
        scores = np.ma.masked_invalid(self.mean)
        self.image_ = axes.imshow(scores, cmap="cividis", origin="lower", aspect="auto")
        self.figure_.colorbar(self.image_, ax=axes, label=self.score_name)
        row, column = self.best or (0, 0)
        style: dict[str, Any] = {"fill": False, "edgecolor": "#bd1f01", "linewidth": 3}
        self.best_frame_ = axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **style))
        axes.set(xlabel=self.x, ylabel=self.y or "")
        base.name_ticks(axes.xaxis, [_level_name(value) for value in self.x_values])
        base.name_ticks(axes.yaxis, [_level_name(value) for value in self.y_values])
        if self.y is None:
            axes.set_yticks([])
        self.text_ = base.write_cells(axes, self.image_, self._texts())

    def _texts(self) -> np.ndarray:
        """Return what to write in each cell, to a tenth of the power of ten of their range."""
        spread = np.nanmax(self.mean) - np.nanmin(self.mean)
        decimals = int(np.clip(1 - np.floor(np.log10(spread)), 0, 6)) if spread > 0 else 3
        texts = np.full(self.mean.shape, "", dtype=object)
        for cell in map(tuple, np.argwhere(np.isfinite(self.mean))):
            std = "" if self.std is None else f"\n±{self.std[cell]:.{decimals}f}"
            texts[cell] = f"{self.mean[cell]:.{decimals}f}{std}"
        return texts


def _as_list(values: Any) -> list[Any]:
    """Return a parameter's value for each candidate; one of another grid may have none."""
    # The None keeps NumPy from making one type of mixed values.
    array = values if isinstance(values, np.ndarray) else np.array([*values, None], object)[:-1]
    return np.ma.filled(array.astype(object), "(not set)").tolist()


def _full_name(name: str, params: Mapping[str, Any], caller: str) -> str:
    """Return the parameter that is meant, with the name of its step in front."""
    found = [key for key in params if key == name or key.endswith(f"__{name}")]
    if name not in params and len(found) != 1:
        raise wrong("x", caller, f"be, as 'y', among those searched, {[*params]}", repr(name))
    return name if name in params else found[0]


def _levels(values: list[Any]) -> list[Any]:
    """Return the distinct values: numbers by size, others in order of appearance."""
    distinct = list({repr(value): value for value in values}.values())  # 1 and True are two
    return sorted(distinct) if all(isinstance(value, Real) for value in distinct) else distinct


def _level_name(value: Any) -> str:
    """Return a short name of a parameter's value."""
    if isinstance(value, Real) and not isinstance(value, bool):
        return f"{value:.4g}"
    text = str(value)
    return text if len(text) <= 24 else f"{text[:23]}…"
