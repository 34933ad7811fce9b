"""HistoryDisplay: what happened during a fit."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skcollision.plotting._display import INK, PALETTE, Display, final_estimator

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
    ax_, figure_ : ndarray of shape (2,) of matplotlib Axes, and Figure
        Where the curves were drawn.
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
        missing = sorted(_CURVES.keys() - history.keys())
        if missing:
            raise ValueError(
                f"The 'history' parameter of HistoryDisplay must have {missing}. "
                f"Got {sorted(history)} instead."
            )
        self.history = {}
        for name in _CURVES:
            curves = np.asarray(history[name], dtype=np.float64)
            curves = curves[:, None] if curves.ndim == 1 else curves
            if curves.ndim != 2 or curves.size == 0 or not np.isfinite(curves).all():
                raise ValueError(
                    f"The 'history' parameter of HistoryDisplay must have finite curves {name!r} "
                    f"of shape (n_epochs, n_restarts). Got shape {curves.shape} instead."
                )
            self.history[name] = curves
        self.n_clusters = n_clusters
        shapes = [curves.shape for curves in self.history.values()]
        if shapes[0] != shapes[1]:
            raise ValueError(
                "The 'history' parameter of HistoryDisplay must have curves of the same shape. "
                f"Got {shapes[0]} and {shapes[1]} instead."
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
        clusterer = final_estimator(estimator)
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
