"""What happened during a fit, and during a search for the number of clusters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skcollision._errors import wrong
from skcollision.plotting import _display as base
from skcollision.plotting._display import INK, PALETTE, Display

_CURVES = {
    "objective": "objective (nats)",
    "marginal_entropy": "entropy of the mean prediction (nats)",
}


@dataclass(eq=False, repr=False)
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
    lines_, balance_line_ : ndarray of shape (2, n_restarts) of matplotlib Line2D, and one or None
        The curves of each panel, and the line at ln K.

    Examples
    --------
    >>> from skcollision.plotting import HistoryDisplay
    >>> history = {"objective": [2.3, 1.1, 0.9], "marginal_entropy": [0.6, 0.7, 0.7]}
    >>> HistoryDisplay(history, n_clusters=2).plot().lines_.shape
    (2, 1)
    """

    history: Mapping[str, ArrayLike]
    n_clusters: int | None = None
    _figsize, _n_panels = (9.6, 4.0), 2

    def __post_init__(self) -> None:
        given = (np.asarray(self.history.get(name, []), dtype=np.float64) for name in _CURVES)
        curves = [each[:, None] if each.ndim == 1 else each for each in given]
        shapes = [each.shape for each in curves]
        is_whole = curves[0].size and all(np.isfinite(each).all() for each in curves)
        if shapes[0] != shapes[1] or len(shapes[0]) != 2 or not is_whole:
            must = "have finite curves 'objective' and 'marginal_entropy' of one shape, "
            must += "(n_epochs, n_restarts)"
            raise wrong("history", "HistoryDisplay", must, dict(zip(_CURVES, shapes, strict=True)))
        self._curves = curves

    @classmethod
    def from_estimator(cls, estimator: Any, ax: Any = None) -> Self:
        """Draw the `history_` of a fitted clusterer.

        Parameters
        ----------
        estimator : estimator
            Fitted by `fit`, with a `history_`; or a pipeline that ends in one, or a search that
            found one.
        ax : array-like of 2 matplotlib Axes, or one to divide, default=None
            Where to draw; None for a new figure.
        """
        clusterer = base.final_estimator(estimator)
        base.needs(clusterer, "history_", cls.__name__)
        return cls(clusterer.history_, getattr(clusterer, "n_clusters", None)).plot(ax)

    def _draw(self, axes: Any) -> None:
        n_epochs, n_restarts = self._curves[0].shape
        few = n_restarts <= len(PALETTE)  # beyond the palette, restarts share a colour
        style: dict[str, Any] = {"linewidth": 1.5 if few else 0.7}
        style |= {"marker": "." if n_epochs < 20 else None}
        style |= {"label": [f"restart {i}" for i in range(n_restarts)]}
        rows = []
        for panel, curves, label in zip(axes, self._curves, _CURVES.values(), strict=True):
            panel.set_prop_cycle(color=PALETTE if few else PALETTE[:1])
            rows.append(panel.plot(np.arange(1, n_epochs + 1), curves, **style))
            panel.set(xlabel="epoch", ylabel=label)
            panel.locator_params(axis="x", integer=True)
        self.lines_ = np.array(rows, dtype=object)
        self.balance_line_ = None
        if self.n_clusters is not None:
            line = {
                "color": INK,
                "linestyle": "--",
                "label": f"ln {self.n_clusters}: equal clusters",
            }
            self.balance_line_ = axes[1].axhline(np.log(self.n_clusters), **line)
            axes[1].legend(handles=[self.balance_line_])
        if few and n_restarts > 1:
            axes[0].legend()


@dataclass(eq=False, repr=False)
class NClustersDisplay(Display):
    """Scores of numbers of clusters, with the best one marked.

    Parameters
    ----------
    n_clusters : array-like of shape (n_values,)
        Numbers of clusters, rising.
    separation : array-like of shape (n_values,)
        Score of each, in nats.
    best_n_clusters : int
        The number to mark, one of `n_clusters`.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The curve of the scores.
    best_line_ : matplotlib Line2D
        The vertical line at the best number.

    Examples
    --------
    >>> from skcollision.plotting import NClustersDisplay
    >>> NClustersDisplay([2, 3, 4], [0.2, 0.9, 0.5], 3).plot().ax_.get_xlabel()
    'number of clusters'
    """

    n_clusters: Any
    separation: Any
    best_n_clusters: int

    def __post_init__(self) -> None:
        base.as_vectors(self, "n_clusters", "separation")
        best = self.best_n_clusters
        if best not in self.n_clusters:
            raise wrong("best_n_clusters", "NClustersDisplay", "be one of 'n_clusters'", best)

    @classmethod
    def from_estimator(cls, search: Any, ax: Any = None) -> Self:
        """Draw the scores by which a fitted search chose.

        Parameters
        ----------
        search : NClustersSearch
            A fitted search.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        """
        base.needs(search, "results_", cls.__name__, "search")
        return cls(**search.results_, best_n_clusters=search.best_n_clusters_).plot(ax)

    def _draw(self, axes: Any) -> None:
        (self.line_,) = axes.plot(self.n_clusters, self.separation, marker=".")
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
        axes.set_ylabel("separation (nats)")
        axes.legend()
