"""NClustersDisplay: the curve from which the number of clusters was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skcollision.plotting._display import INK, Display, as_vectors

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
    ax_, figure_ : matplotlib Axes and Figure
        Where the curve was drawn.
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
        self.n_clusters, self.mean, self.std = as_vectors(
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
        self.band_ = axes.fill_between(
            self.n_clusters,
            self.mean - self.std,
            self.mean + self.std,
            color=self.line_.get_color(),
            alpha=0.2,
            linewidth=0,
            label="± standard deviation",
        )
        best = self.best_n_clusters
        self.best_line_ = axes.axvline(best, color=INK, linestyle="--", label=f"best: {best}")
        # Numbers of clusters differ by factors: 2 and 3 are as far apart as 20 and 30.
        axes.set_xscale("log", base=2)
        ticks = _spaced(self.n_clusters)
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel("number of clusters")
        axes.set_ylabel(_AXIS_LABELS.get(self.criterion, self.criterion))
        axes.legend()


def _spaced(values: np.ndarray, factor: float = 1.3) -> list[int]:
    """Return those of the rising values that are far enough apart for their names to fit."""
    kept: list[int] = []
    for value in values.tolist():
        if not kept or value >= factor * kept[-1]:
            kept.append(value)
    return kept
