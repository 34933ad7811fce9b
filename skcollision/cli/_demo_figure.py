"""The picture of the demo: where the clusters lie, and what they hold."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from skcollision.metrics import match_labels

_N_CLASSES = 10
_N_EXAMPLES = 14  # digits shown of each cluster
_COLORS = colormaps["tab10"].colors  # type: ignore[attr-defined]
_WRONG = "#d62728"
_INK = "#333333"


def draw_clusters(
    path: Path, X: NDArray[np.float32], y: NDArray[np.int64], models: dict[str, Any]
) -> None:
    """Draw a map of each model's clusters, and digits of the first model's by certainty.

    Clusters are named and coloured by the digit they match, so that the maps can be compared and
    mistakes seen.
    """
    names = list(models)
    matched = {name: _as_digits(y, model.labels_) for name, model in models.items()}
    figure = Figure(figsize=(13.5, 7.2), layout="constrained", facecolor="white")
    grid = figure.add_gridspec(len(models), 2, width_ratios=[1.0, 1.85])
    points = PCA(n_components=2, random_state=0).fit_transform(X)
    for row, name in enumerate(names):
        axes = figure.add_subplot(grid[row, 0])
        accuracy = float(np.mean(matched[name] == y))
        axes.set_title(f"{name}: {accuracy:.1%} right", color=_INK)
        _draw_map(axes, points, matched[name])
    axes = figure.add_subplot(grid[:, 1])
    certainty = models[names[0]].predict_proba(X).max(axis=1)
    axes.set_title(f"{names[0]}: one line for each cluster, by certainty", color=_INK)
    _draw_examples(axes, X, y, matched[names[0]], certainty)
    figure.savefig(path, dpi=120)


def _as_digits(y: NDArray[np.int64], labels: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Name each cluster by the digit that it matches."""
    return match_labels(y, labels).relabel(labels)


def _draw_map(axes: Axes, points: NDArray[np.float64], clusters: NDArray[np.int64]) -> None:
    """Scatter the points in the plane of two principal components, and name each cluster."""
    # In random order, or the last cluster would cover the others.
    order = np.random.default_rng(0).permutation(len(points))
    colors = [_COLORS[cluster] for cluster in clusters[order]]
    axes.scatter(points[order, 0], points[order, 1], c=colors, s=9, alpha=0.75, linewidths=0)
    for cluster in np.unique(clusters):
        axes.annotate(
            str(cluster),
            np.median(points[clusters == cluster], axis=0),
            color=_COLORS[cluster],
            fontsize=17,
            fontweight="bold",
            ha="center",
            va="center",
            path_effects=[withStroke(linewidth=3.5, foreground="white")],
        )
    axes.set(
        xticks=[], yticks=[], xlabel="1st principal component", ylabel="2nd principal component"
    )
    for spine in axes.spines.values():
        spine.set_color("#cccccc")


def _draw_examples(
    axes: Axes,
    X: NDArray[np.float32],
    y: NDArray[np.int64],
    clusters: NDArray[np.int64],
    certainty: NDArray[np.floating[Any]],
) -> None:
    """Draw one line of digits for each cluster, from its most to its least certain member."""
    cell = 10  # an image of 8 x 8 pixels and its margin
    canvas = np.zeros((_N_CLASSES * cell, _N_EXAMPLES * cell))
    for cluster in range(_N_CLASSES):
        members = np.flatnonzero(clusters == cluster)
        members = members[np.argsort(-certainty[members], kind="stable")]
        steps = np.linspace(0, len(members) - 1, min(_N_EXAMPLES, len(members)))
        top = cluster * cell
        for column, member in enumerate(members[np.rint(steps).astype(int)]):
            left = column * cell
            canvas[top + 1 : top + 9, left + 1 : left + 9] = X[member].reshape(8, 8)
            if y[member] != cluster:
                corner = (left - 0.2, top - 0.2)
                frame = Rectangle(corner, 9.4, 9.4, fill=False, edgecolor=_WRONG, linewidth=1.6)
                axes.add_patch(frame)
        axes.text(
            -3,
            top + 4.5,
            str(cluster),
            color=_COLORS[cluster],
            fontsize=17,
            fontweight="bold",
            ha="right",
            va="center",
        )
    axes.imshow(canvas, cmap="gray_r", interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    certain = certainty >= np.median(certainty)
    right = clusters == y
    axes.set_xlabel(
        f"most certain of the cluster  →  least certain      (red frame: another digit)\n"
        f"right in the more certain half of all digits: {right[certain].mean():.1%}, "
        f"in the other half: {right[~certain].mean():.1%}",
        color=_INK,
    )
    for spine in axes.spines.values():
        spine.set_visible(False)
