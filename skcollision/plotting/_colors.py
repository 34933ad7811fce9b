"""Colours that colour-blind readers can tell apart."""

from __future__ import annotations

from typing import Final

import numpy as np

#: M. A. Petroff, "Accessible Color Sequences for Data Visualization", arXiv:2107.02270; also
#: matplotlib's "petroff10", from version 3.10 on.
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
NOISE: Final = "#d0d0d0"


def cluster_colors(labels: np.ndarray, coordinates: np.ndarray) -> dict[str, str]:
    """Give each cluster of a map a colour; "-1", which is scikit-learn's name for noise, is grey.

    There are no more than about ten colours that everybody can tell apart. Further clusters repeat
    them, each the one whose nearest bearer on the map is farthest away.
    """
    scale = np.maximum(coordinates.std(axis=0), np.finfo(np.float64).tiny)
    colors, centers = {"-1": NOISE}, np.empty((0, 2))
    bearers = np.empty(0, dtype=int)
    for name in sorted_names(labels):
        center = np.median(coordinates[labels == name] / scale, axis=0)
        distance = np.linalg.norm(centers - center, axis=1)
        nearest = [distance[bearers == i].min(initial=np.inf) for i in range(len(PALETTE))]
        choice = int(np.argmax(nearest))
        colors[name] = PALETTE[choice]
        centers, bearers = np.vstack([centers, center]), np.append(bearers, choice)
    return colors


def sorted_names(labels: np.ndarray) -> list[str]:
    """Return the distinct names of clusters, numbers by value, without noise."""
    names = set(np.unique(labels).tolist()) - {"-1"}
    return sorted(names, key=lambda name: (not name.isdigit(), len(name) * name.isdigit(), name))
