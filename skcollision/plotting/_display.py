"""What all pictures share: axes, colours, the answers of clusterers, and type that fits."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import _num_samples, check_is_fitted

from skcollision._errors import wrong
from skcollision._extras import import_extra

#: Colours that colour-blind readers can tell apart: M. A. Petroff, "Accessible Color Sequences for
#: Data Visualization", arXiv:2107.02270; matplotlib's "petroff10", from version 3.10 on.
# fmt: off
PALETTE: Final = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)
# fmt: on
INK: Final = "#333333"
# In points; smaller type is not legible in print, nor larger needed.
_SMALLEST, _LARGEST = 5.0, 10.0
# Width of a character and height of a line, in units of the size of the type.
_WIDTH, _HEIGHT = 0.62, 1.2


class Display(ABC):
    """Base of the pictures: `plot` finds the axes, `_draw` fills them."""

    #: Width and height of a new figure in inches, and the number of panels, None for plain axes.
    _figsize: tuple[float, float] = (6.4, 4.8)
    _n_panels: int | None = None

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
            With the axes `ax_`, the figure `figure_` and the artists as attributes.
        """
        plt = import_extra("matplotlib.pyplot", "plot", type(self).__name__)
        self._is_new_figure = ax is None
        if ax is None:
            options: dict[str, Any] = {"figsize": self._figsize, "layout": "constrained"}
            ax = plt.subplots(1, self._n_panels or 1, squeeze=self._n_panels is None, **options)[1]
        self.ax_ = ax if self._n_panels is None else self._row(ax, self._n_panels)
        self.figure_: Any = np.ravel(self.ax_)[0].figure
        self._draw(self.ax_)
        return self

    def _row(self, ax: Any, n_panels: int) -> np.ndarray:
        """Return the axes of all panels: those given or the parts of the one given."""
        if getattr(ax, "get_subplotspec", lambda: None)() is not None:
            # As in sklearn.inspection.PartialDependenceDisplay.
            ax.set_axis_off()
            ax = ax.get_subplotspec().subgridspec(1, n_panels).subplots(squeeze=False)
        axes = np.asarray(ax, dtype=object)
        if axes.size != n_panels:
            must = f"be {n_panels} axes, or one that plt.subplots made, to be divided"
            raise wrong("ax", f"{type(self).__name__}.plot", must, repr(ax))
        return axes.ravel()

    @abstractmethod
    def _draw(self, axes: Any) -> None:
        """Draw on the axes and keep the artists as attributes."""


def as_vectors(display: Display, first: str, *others: str) -> None:
    """Make attributes arrays of shape (n,), all equally long."""
    for name in (first, *others):
        setattr(display, name, np.asarray(getattr(display, name)))
    shapes = [getattr(display, name).shape for name in (first, *others)]
    if len(set(shapes)) > 1 or len(shapes[0]) != 1:
        must = f"have the same shape as {' and '.join(map(repr, others))}, one-dimensional"
        raise wrong(first, type(display).__name__, must, " and ".join(map(str, shapes)))


def final_estimator(estimator: Any) -> Any:
    """Return the fitted clusterer itself: the last step of a pipeline, the best of a search."""
    check_is_fitted(estimator)
    if isinstance(estimator, Pipeline):
        return final_estimator(estimator[-1])
    if hasattr(estimator, "best_estimator_"):
        return final_estimator(estimator.best_estimator_)
    return estimator


def needs(estimator: Any, attribute: str, caller: str, name: str = "estimator") -> None:
    """Raise where a fitted estimator lacks what a picture shows."""
    check_is_fitted(estimator)
    if not hasattr(estimator, attribute):
        raise wrong(name, caller, f"have {attribute!r} once fitted", repr(estimator), TypeError)


def predicted_labels(estimator: Any, X: ArrayLike, caller: str) -> np.ndarray:
    """Return the cluster of each point, from `predict` or else the `labels_` of the fit."""
    check_is_fitted(estimator)
    if hasattr(estimator, "predict"):
        return np.asarray(estimator.predict(X))
    labels = getattr(final_estimator(estimator), "labels_", None)
    if labels is None:
        must = "have the method 'predict' or the attribute 'labels_'"
        raise wrong("estimator", caller, must, repr(estimator), TypeError)
    if len(labels) != _num_samples(X):
        must = f"be the {len(labels)} points of the fit, as the estimator has no 'predict'"
        raise wrong("X", caller, must, f"{_num_samples(X)} points")
    return np.asarray(labels)


def predicted_proba(estimator: Any, X: ArrayLike, caller: str) -> np.ndarray:
    """Return the soft assignments of points."""
    needs(estimator, "predict_proba", caller)
    return np.asarray(estimator.predict_proba(X))


def certainty_of(estimator: Any, X: Any) -> np.ndarray | None:
    """Return the largest probability of each point; None without `predict_proba`."""
    if not hasattr(estimator, "predict_proba"):
        return None
    return np.asarray(estimator.predict_proba(X)).max(axis=1)


def name_ticks(axis: Any, names: Sequence[str]) -> None:
    """Name the positions 0, 1, ... of an axis; where they are too dense, only every so many."""
    width, height = _cell_in_points(axis.axes)
    is_horizontal = axis.axis_name == "x"
    room = width if is_horizontal else height
    longest = max(map(len, names))
    is_upright = is_horizontal and longest * _WIDTH * _LARGEST > room
    size = min(_LARGEST, max(_SMALLEST, room / _HEIGHT))
    step = math.ceil(_SMALLEST * _HEIGHT / room)
    positions = list(range(0, len(names), step))
    rotation = 90 if is_upright else 0
    axis.set_ticks(positions, [names[i] for i in positions], fontsize=size, rotation=rotation)


def write_cells(axes: Any, image: Any, texts: np.ndarray) -> np.ndarray | None:
    """Write texts into the cells of an image; None for empty ones, or in all if they do not fit."""
    width, height = _cell_in_points(axes)
    lines = [line for text in texts.flat for line in text.split("\n")]
    n_lines = max(text.count("\n") + 1 for text in texts.flat)
    size = min(width / (_WIDTH * (max(map(len, lines)) + 1)), height / (_HEIGHT * n_lines))
    if size < _SMALLEST:
        return None
    written = np.full(texts.shape, None, dtype=object)
    shades = image.cmap(image.norm(image.get_array()))
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": min(size, _LARGEST)}
    for (row, column), text in np.ndenumerate(texts):
        if text:
            luminance = shades[row, column, :3] @ (0.299, 0.587, 0.114)
            color = "black" if luminance > 0.5 else "white"
            written[row, column] = axes.text(column, row, text, color=color, **style)
    return written


def _cell_in_points(axes: Any) -> tuple[float, float]:
    """Return width and height of one unit of the axes, about; layout may still shrink them."""
    axes.apply_aspect()
    box = axes.get_window_extent()
    scale = 72 / axes.figure.dpi
    columns, rows = abs(np.ptp(axes.get_xlim())), abs(np.ptp(axes.get_ylim()))
    return float(box.width * scale / columns), float(box.height * scale / rows)
