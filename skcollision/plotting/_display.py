"""What all pictures share: the axes they are drawn on, colours and a check of shapes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final, Self

import numpy as np

from skcollision._extras import import_extra

#: Colours that colour-blind readers can tell apart: M. A. Petroff, "Accessible Color Sequences for
#: Data Visualization", arXiv:2107.02270; matplotlib's "petroff10", from version 3.10 on.
PALETTE: Final = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
INK: Final = "#333333"


class Display(ABC):
    """Base of the pictures: `plot` finds the axes, `_draw` fills them."""

    ax_: Any
    figure_: Any

    def plot(self, ax: Any = None) -> Self:
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure. A picture of several panels takes an array with
            one axes a panel, or one axes that ``plt.subplots`` made, which it divides.

        Returns
        -------
        self
            With the artists as attributes.

        Raises
        ------
        ValueError
            If `ax` does not suit a picture of several panels.
        ImportError
            If matplotlib is not installed.
        """
        plt = import_extra("matplotlib.pyplot", "plot", type(self).__name__)
        self.ax_ = self._axes(plt, ax)
        self.figure_ = np.ravel(self.ax_)[0].figure
        self._draw(self.ax_)
        return self

    def _axes(self, plt: Any, ax: Any) -> Any:
        """Return the axes given, or those of a new figure."""
        if ax is not None:
            return ax
        return plt.subplots(figsize=self._figsize(), layout="constrained")[1]

    def _figsize(self) -> tuple[float, float]:
        """Return width and height of a new figure in inches."""
        return 6.4, 4.8

    @abstractmethod
    def _draw(self, axes: Any) -> None:
        """Draw on the axes and keep the artists as attributes."""


def row_of_axes(
    plt: Any, ax: Any, n_panels: int, figsize: tuple[float, float], caller: str
) -> np.ndarray:
    """Return `n_panels` axes: those given, new ones, or the parts of the one given."""
    if ax is None:
        axes = plt.subplots(1, n_panels, figsize=figsize, layout="constrained", squeeze=False)[1]
    elif getattr(ax, "get_subplotspec", lambda: None)() is not None:
        # As in sklearn.inspection.PartialDependenceDisplay.
        ax.set_axis_off()
        axes = ax.get_subplotspec().subgridspec(1, n_panels).subplots(squeeze=False)
    else:
        axes = np.asarray(ax, dtype=object)
    if axes.size != n_panels:
        raise ValueError(
            f"The 'ax' parameter of {caller}.plot must be {n_panels} axes, or one that "
            f"plt.subplots made, to be divided. Got {ax!r} instead."
        )
    return axes.ravel()


def check_vectors(caller: str, **arrays: np.ndarray) -> None:
    """Raise unless all arrays are one-dimensional and equally long."""
    shapes = [array.shape for array in arrays.values()]
    if len(set(shapes)) > 1 or len(shapes[0]) != 1:
        raise ValueError(
            f"The {' and '.join(map(repr, arrays))} parameters of {caller} must be one-dimensional "
            f"and have the same shape. Got {' and '.join(map(str, shapes))} instead."
        )
