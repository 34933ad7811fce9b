"""Names of clusters on a map: in their middle, beside it where that is taken, or in a legend."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from skcollision.plotting._display import INK

# How far a name may move, in units of its size, and in how many directions.
_RINGS, _N_DIRECTIONS = (1.0, 2.0, 3.0, 4.0), 12
_LEGEND_ROWS = 25


def write_names(
    axes: Any, coordinates: np.ndarray, labels: np.ndarray, colors: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the name of each cluster of `colors` at the median of its points, the largest first."""
    from matplotlib.patheffects import withStroke

    members = {name: coordinates[labels == name] for name in colors}
    size = 12 if len(members) <= 20 else 8
    # Extent of a character in pixels, about.
    box = np.array([0.65, 1.1]) * size * axes.figure.dpi / 72
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontweight": "bold", "color": INK}
    style |= {"path_effects": [withStroke(linewidth=2.5, foreground="white")], "fontsize": size}
    frame = axes.get_window_extent().get_points()
    texts: dict[str, Any] = {}
    taken: list[tuple[np.ndarray, np.ndarray]] = []
    for name in sorted(members, key=lambda name: -len(members[name])):
        median, extent = np.median(members[name], axis=0), box * (len(name), 1)
        place = next(_free_places(axes.transData.transform(median), extent, taken, frame), None)
        if place is None:
            continue
        taken.append((place, extent))
        written = axes.transData.inverted().transform(place)
        if not np.allclose(axes.transData.transform(median), place):
            line = {"arrowstyle": "-", "color": INK, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", xy=median, xytext=written, arrowprops=line)
        texts[name] = axes.text(*written, name, **style)
    return texts | _write_legend(axes, {k: v for k, v in colors.items() if k not in texts})


def _free_places(
    middle: np.ndarray,
    extent: np.ndarray,
    taken: list[tuple[np.ndarray, np.ndarray]],
    frame: np.ndarray,
) -> Iterator[np.ndarray]:
    """Yield places for a name in pixels, the nearest first, where it covers no other name."""
    angles = 2 * np.pi * np.arange(_N_DIRECTIONS) / _N_DIRECTIONS
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (extent + extent[1])
    moved = middle + np.concatenate([ring * around for ring in _RINGS])
    inside = (moved - extent / 2 >= frame[0]) & (moved + extent / 2 <= frame[1])
    for place in [middle, *moved[inside.all(axis=1)]]:
        if all((2 * abs(place - p) >= extent + e).any() for p, e in taken):
            yield place


def _write_legend(axes: Any, colors: Mapping[str, Any]) -> dict[str, Any]:
    """Write names without a place on the map beside it, each with its colour."""
    if not colors:
        return {}
    from matplotlib.lines import Line2D

    style: dict[str, Any] = {"marker": "o", "linestyle": ""}
    handles = [Line2D([], [], color=color, **style) for color in colors.values()]
    legend = axes.legend(
        handles,
        list(colors),
        loc="upper left",
        bbox_to_anchor=(1.01, 1),
        borderaxespad=0,
        fontsize="small",
        frameon=False,
        ncols=-(-len(colors) // _LEGEND_ROWS),
    )
    return dict(zip(colors, legend.get_texts(), strict=True))
