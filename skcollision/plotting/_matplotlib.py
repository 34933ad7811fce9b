"""matplotlib, imported when a picture is drawn and not before."""

from __future__ import annotations

from typing import Any

import numpy as np

from skcollision._extras import import_extra


def import_pyplot(caller: str) -> Any:
    """Return ``matplotlib.pyplot``, or say in one sentence how to get it."""
    return import_extra("matplotlib.pyplot", "plot", caller)


def one_axes(caller: str, ax: Any, figsize: tuple[float, float] | None = None) -> Any:
    """Return the given axes, or new ones in a figure of the given size in inches."""
    plt = import_pyplot(caller)
    return plt.subplots(figsize=figsize, layout="constrained")[1] if ax is None else ax


def row_of_axes(caller: str, ax: Any, n_panels: int, figsize: tuple[float, float]) -> np.ndarray:
    """Return `n_panels` axes: those given, new ones, or the parts of the axes given."""
    plt = import_pyplot(caller)
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
