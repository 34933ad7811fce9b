"""What happened during a fit, and during a search for parameters or the number of clusters."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skcollision.plotting import _display as base
from skcollision.plotting._display import INK, PALETTE, Display

_CURVES = {
    "objective": "objective (nats)",
    "marginal_entropy": "entropy of the mean prediction (nats)",
}


class HistoryDisplay(Display):
    """Loss and fairness of all restarts over the epochs of a fit.

    The left panel has the objective, the right one the entropy of the mean prediction: the closer
    to ln K, the more equal are the clusters. The restart that was kept is not marked, as it is not
    chosen by these curves, but by the clusters of neighbours.

    Parameters
    ----------
    history : mapping of str to array-like
        Curves "objective" and "marginal_entropy", in nats, of shape (n_epochs, n_restarts) or
        (n_epochs,); others are ignored. The `history_` of a clusterer.
    n_clusters : int, default=None
        Number of clusters K, for a line at ln K; None for no line.

    Attributes
    ----------
    lines_ : ndarray of shape (2, n_restarts) of matplotlib Line2D
        The curves of each panel.
    balance_line_ : matplotlib Line2D or None
        The line at ln K.

    Examples
    --------
    >>> from skcollision.plotting import HistoryDisplay
    >>> history = {"objective": [2.3, 1.1, 0.9], "marginal_entropy": [0.6, 0.7, 0.7]}
    >>> HistoryDisplay(history, n_clusters=2).plot().lines_.shape
    (2, 1)
    """

    _figsize, _n_panels = (9.6, 4.0), 2

    def __init__(self, history: Mapping[str, ArrayLike], n_clusters: int | None = None) -> None:
        must = "The 'history' parameter of HistoryDisplay must"
        missing = sorted(_CURVES.keys() - history.keys())
        if missing:
            raise ValueError(f"{must} have {missing}. Got {sorted(history)} instead.")
        self.history = {}
        for name in _CURVES:
            curves = np.asarray(history[name], dtype=np.float64)
            curves = curves[:, None] if curves.ndim == 1 else curves
            if curves.ndim != 2 or curves.size == 0 or not np.isfinite(curves).all():
                raise ValueError(
                    f"{must} have finite curves {name!r} of shape (n_epochs, n_restarts). "
                    f"Got shape {curves.shape} instead."
                )
            self.history[name] = curves
        self.n_clusters = n_clusters
        first, second = (curves.shape for curves in self.history.values())
        if first != second:
            raise ValueError(
                f"{must} have curves of the same shape. Got {first} and {second} instead."
            )

    @classmethod
    def from_estimator(cls, estimator: Any, ax: Any = None) -> Self:
        """Draw the `history_` of a fitted clusterer.

        Parameters
        ----------
        estimator : estimator
            Fitted, with a `history_`; or a pipeline that ends in one, or a search that found one.
        ax : array-like of 2 matplotlib Axes, or one to divide, default=None
            Where to draw; None for a new figure.
        """
        clusterer = base.final_estimator(estimator)
        if not hasattr(clusterer, "history_"):
            raise TypeError(
                "The 'estimator' parameter of HistoryDisplay must have the attribute 'history_', "
                "which CollisionClusterer and its like have after fit, though not after "
                f"partial_fit alone. Got {estimator!r} instead."
            )
        return cls(clusterer.history_, getattr(clusterer, "n_clusters", None)).plot(ax)

    def _draw(self, axes: Any) -> None:
        n_epochs, n_restarts = self.history["objective"].shape
        few = n_restarts <= len(PALETTE)  # beyond the palette, restarts share a colour
        style: dict[str, Any] = {"linewidth": 1.5 if few else 0.7}
        style["marker"] = "." if n_epochs < 20 else None
        rows = []
        for panel, (name, label) in zip(axes, _CURVES.items(), strict=True):
            lines = panel.plot(np.arange(1, n_epochs + 1), self.history[name], **style)
            for i, line in enumerate(lines):
                line.set(color=PALETTE[i if few else 0], label=f"restart {i}")
            panel.set(xlabel="epoch", ylabel=label)
            panel.locator_params(axis="x", integer=True)
            rows.append(lines)
        self.lines_ = np.array(rows, dtype=object)
        self.balance_line_ = None
        if self.n_clusters is not None:
            label = f"ln {self.n_clusters}: equal clusters"
            self.balance_line_ = axes[1].axhline(
                np.log(self.n_clusters), color=INK, linestyle="--", label=label
            )
            axes[1].legend(handles=[self.balance_line_])
        if few and n_restarts > 1:
            axes[0].legend()


if TYPE_CHECKING:
    from skcollision.model_selection import NClustersSearch

_AXIS_LABELS = {
    "information": "reproduced information (nats)",
    "stability": "stability (adjusted Rand index of two halves)",
    "mutual_info": "held-out mutual information / ln K",
}


class NClustersDisplay(Display):
    """Curve of a criterion over the number of clusters, with the best one marked.

    Parameters
    ----------
    n_clusters : array-like of shape (n_values,)
        Numbers of clusters, rising.
    mean, std : array-like of shape (n_values,)
        Mean and standard deviation of the criterion over the resamples.
    best_n_clusters : int
        The number to mark, one of `n_clusters`.
    criterion : str
        Name of the criterion, for the axis.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The curve of the mean.
    band_ : matplotlib PolyCollection
        One standard deviation to either side.
    best_line_ : matplotlib Line2D
        The vertical line at the best number.

    Examples
    --------
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
        self.n_clusters, self.mean, self.std = base.as_vectors(
            "NClustersDisplay", n_clusters=n_clusters, mean=mean, std=std
        )
        self.best_n_clusters = best_n_clusters
        self.criterion = criterion
        if best_n_clusters not in self.n_clusters:
            raise ValueError(
                "The 'best_n_clusters' parameter of NClustersDisplay must be one of 'n_clusters'. "
                f"Got {best_n_clusters!r} instead."
            )

    @classmethod
    def from_estimator(cls, search: NClustersSearch, ax: Any = None) -> Self:
        """Draw the criterion by which a fitted search chose.

        Parameters
        ----------
        search : NClustersSearch
            A fitted search.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        """
        check_is_fitted(search)
        if not hasattr(search, "results_"):
            raise TypeError(
                f"The 'search' parameter of {cls.__name__} must be a fitted NClustersSearch. Got "
                f"{search!r} instead."
            )
        results, criterion = search.results_, search.criterion
        mean, std = results[f"{criterion}_mean"], results[f"{criterion}_std"]
        display = cls(results["n_clusters"], mean, std, search.best_n_clusters_, criterion)
        return display.plot(ax)

    def _draw(self, axes: Any) -> None:
        (self.line_,) = axes.plot(self.n_clusters, self.mean, marker="o", label="mean")
        low, high, color = self.mean - self.std, self.mean + self.std, self.line_.get_color()
        style: dict[str, Any] = {"alpha": 0.2, "linewidth": 0, "label": "± standard deviation"}
        self.band_ = axes.fill_between(self.n_clusters, low, high, color=color, **style)
        best = self.best_n_clusters
        self.best_line_ = axes.axvline(best, color=INK, linestyle="--", label=f"best: {best}")
        # Numbers of clusters differ by factors: 2 and 3 are as far apart as 20 and 30.
        axes.set_xscale("log", base=2)
        ticks: list[int] = []
        for value in self.n_clusters.tolist():
            if not ticks or value >= 1.3 * ticks[-1]:  # far enough apart for the names to fit
                ticks.append(value)
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel("number of clusters")
        axes.set_ylabel(_AXIS_LABELS.get(self.criterion, self.criterion))
        axes.legend()


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
            is one, "std_test_METRIC"; or NAME, METRIC_mean and METRIC_std, as in the `results_` of
            NClustersSearch. Of a halving search ("iter" is given), only the last iteration of a
            cell counts, as scores from fewer points cannot be compared.
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
        if x is None:  # the parameters that took several values
            names = [key.removeprefix("param_") for key in cv_results if key.startswith("param_")]
            levels = {name: _levels(_values(cv_results, name, cls.__name__)) for name in names}
            varied = [name for name in names if len(levels[name]) > 1]
            free = [name for name in varied if name != y]
            if not 1 <= len(free) <= (2 if y is None else 1):
                raise ValueError(
                    f"The 'x' and 'y' parameters of {cls.__name__} must be named where not one or "
                    f"two parameters took several values. Got x={x!r}, y={y!r} for {varied} "
                    "instead."
                )
            x, y = free[0], free[1] if len(free) > 1 else y
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
        base.name_ticks(axes.xaxis, [_level_name(value) for value in self.x_values])
        if self.y is None:
            axes.set_yticks([])
        else:
            base.name_ticks(axes.yaxis, [_level_name(value) for value in self.y_values])
        self.text_ = base.write_cells(axes, self.image_, self._texts())

    def _texts(self) -> np.ndarray:
        """Return what to write in each cell, to a tenth of the power of ten of their range."""
        spread = np.nanmax(self.mean) - np.nanmin(self.mean)
        decimals = int(np.clip(1 - np.floor(np.log10(spread)), 0, 6)) if spread > 0 else 3
        texts = np.full(self.mean.shape, "", dtype=object)
        for row, column in np.argwhere(np.isfinite(self.mean)):
            std = "" if self.std is None else f"\n±{self.std[row, column]:.{decimals}f}"
            texts[row, column] = f"{self.mean[row, column]:.{decimals}f}{std}"
        return texts


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
