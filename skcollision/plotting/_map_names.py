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
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontweight": "bold", "color": INK}
    style |= {"path_effects": [withStroke(linewidth=2.5, foreground="white")]}
    style |= {"fontsize": 12 if len(members) <= 20 else 8}
    line = {"arrowstyle": "-", "color": INK, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0}
    axes.autoscale_view()  # brings the limits up to date
    texts: dict[str, Any] = {}
    taken: list[Any] = []
    for name in sorted(members, key=lambda name: -len(members[name])):
        median = np.median(members[name], axis=0)
        text = axes.text(*median, name, **style)
        places = _places(text.get_window_extent().padded(1), axes.bbox)
        free = ((move, box) for move, box in places if not box.count_overlaps(taken))
        move, box = next(free, (None, None))
        if move is None:
            text.remove()
            continue
        taken.append(box)
        texts[name] = text
        if move.any():
            pixels = axes.transData.transform(median) + move
            text.set_position(axes.transData.inverted().transform(pixels))
            axes.annotate("", xy=median, xytext=text.get_position(), arrowprops=line)
    return texts | _write_legend(axes, {k: v for k, v in colors.items() if k not in texts})


def _places(box: Any, frame: Any) -> Iterator[tuple[np.ndarray, Any]]:
    """Yield moves of a name in pixels, the nearest first, and its box there, inside the frame."""
    yield np.zeros(2), box
    angles = 2 * np.pi * np.arange(_N_DIRECTIONS) / _N_DIRECTIONS
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (box.size + box.height)
    for move in np.concatenate([ring * around for ring in _RINGS]):
        moved = box.translated(*move)
        if (moved.min >= frame.min).all() and (moved.max <= frame.max).all():
            yield move, moved


def _write_legend(axes: Any, colors: Mapping[str, Any]) -> dict[str, Any]:
    """Write names without a place on the map beside it, each with its colour."""
    if not colors:
        return {}
    handles = [axes.scatter([], [], color=color, label=name) for name, color in colors.items()]
    place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "borderaxespad": 0}
    style = {"fontsize": "small", "frameon": False, "ncols": -(-len(colors) // _LEGEND_ROWS)}
    legend = axes.legend(handles=handles, **place, **style)
    return dict(zip(colors, legend.get_texts(), strict=True))
