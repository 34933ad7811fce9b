"""What training sees: a sample of the points, in few columns, averaged over neighbourhoods."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from skcollision.engine._rows import NormalisedRows
from skcollision.engine._subspace import principal_subspace
from skcollision.graph import NeighbourGraph, default_neighbors


class TrainingSample:
    """Points on their principal subspace, and what training sees in their place.

    Attributes
    ----------
    points : Tensor of shape (M, D')
        Normalised features, or their coordinates on `basis`.
    basis : Tensor of shape (D, D') or None
        Orthonormal directions; None where the points have all their features.
    graph : NeighbourGraph or None
        Neighbours of the points.
    seen : Tensor of shape (M, D')
        Means over neighbourhoods; the points where there is no graph.
    weight : Tensor of shape (M,) or None
        Weights of the points.
    """

    def __init__(
        self,
        rows: NormalisedRows,
        sample_weight: np.ndarray | None,
        *,
        n_components: int | None,
        n_neighbors: int | str,
        n_clusters: int,
        random_state: np.random.RandomState,
    ) -> None:
        points = rows.matrix()
        self.weight = weight_like(points, sample_weight)
        self.basis = None
        if n_components is not None and n_components < points.shape[1]:
            self.basis = principal_subspace(points, self.weight, n_components, random_state)
            points = points @ self.basis
        if n_neighbors == "auto":
            n_neighbors = default_neighbors(len(points), n_clusters)
        self.points = self.seen = points
        self.graph: NeighbourGraph | None = None
        if n_neighbors and len(points) > 1:
            values = points.cpu().numpy()
            self.graph = NeighbourGraph(values, int(n_neighbors), n_clusters=n_clusters)
            self.seen = torch.from_numpy(self.graph.smoothed(values)).to(points.device)


def weight_like(features: Any, sample_weight: np.ndarray | None) -> Tensor | None:
    """Return weights in the type of features and on their device."""
    if sample_weight is None:
        return None
    return torch.as_tensor(sample_weight, dtype=features.dtype, device=features.device)
