"""Type that fits: names along an axis and values in cells, however many there are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

# In points; smaller type is not legible in print, nor larger needed.
_SMALLEST, _LARGEST = 5.0, 10.0
# Width of a character and height of a line, in units of the size of the type.
_WIDTH, _HEIGHT = 0.62, 1.2


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
    """Write texts into the cells of an image, dark on light or light on dark, if they fit.

    Returns an array of Text and, for empty texts, None; None in all if the type would be too small.
    """
    width, height = _cell_in_points(axes)
    lines = [line for text in texts.flat for line in text.split("\n")]
    n_lines = max(text.count("\n") + 1 for text in texts.flat)
    size = min(width / (_WIDTH * (max(map(len, lines)) + 1)), height / (_HEIGHT * n_lines))
    if size < _SMALLEST:
        return None
    written = np.full(texts.shape, None, dtype=object)
    shades = image.cmap(image.norm(image.get_array()))
    for (row, column), text in np.ndenumerate(texts):
        if text:
            luminance = shades[row, column, :3] @ (0.299, 0.587, 0.114)
            written[row, column] = axes.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                fontsize=min(size, _LARGEST),
                color="black" if luminance > 0.5 else "white",
            )
    return written


def _cell_in_points(axes: Any) -> tuple[float, float]:
    """Return width and height of one unit of the axes, about; layout may still shrink them."""
    axes.apply_aspect()
    box = axes.get_window_extent()
    scale = 72 / axes.figure.dpi
    columns, rows = abs(np.ptp(axes.get_xlim())), abs(np.ptp(axes.get_ylim()))
    return float(box.width * scale / columns), float(box.height * scale / rows)
