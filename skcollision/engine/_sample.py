"""What training sees: a sample of the points, in few columns, averaged over neighbourhoods."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from skcollision._threads import one_thread
from skcollision.engine._rows import NormalisedRows, summed
from skcollision.graph import NeighbourGraph, default_neighbors, nearest_neighbors

# Directions beyond those asked for, and products with the covariance: the usual figures of
# randomised range finding (Halko, Martinsson & Tropp 2011).
OVERSAMPLING = 16
N_ITERATIONS = 2


def principal_subspace(
    rows: Tensor,
    sample_weight: Tensor | None,
    n_components: int,
    random_state: np.random.RandomState,
) -> Tensor:
    """Return orthonormal directions (D, n_components) in which centred rows (N, D) vary most.

    By subspace iteration. Rotated features get the same subspace, rotated: so few products leave
    the weak directions to the first guess, and a guess drawn in coordinates would not turn with the
    features. The first guess is made of random combinations of the rows instead.
    """
    weighted = rows if sample_weight is None else rows * sample_weight[:, None]
    n_columns = min(n_components + OVERSAMPLING, rows.shape[1])
    mixture = random_state.standard_normal((len(rows), n_columns))
    shares = torch.as_tensor(mixture, dtype=rows.dtype, device=rows.device)
    if sample_weight is not None:
        shares *= sample_weight[:, None].sqrt()
    basis = summed(lambda block: rows[block].T @ shares[block], rows)
    with one_thread():
        for _ in range(N_ITERATIONS):
            basis = summed(partial(_product, rows, weighted, torch.linalg.qr(basis).Q), rows)
        # The left singular vectors of the last product put the strongest directions first.
        return torch.linalg.svd(basis, full_matrices=False).U[:, :n_components].contiguous()


def _product(rows: Tensor, weighted: Tensor, basis: Tensor, block: slice) -> Tensor:
    return weighted[block].T @ (rows[block] @ basis)


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

    Distances (M, M) between neighbours may be given; `n_neighbors` of each point are found if not.
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
        neighbors: sparse.csr_array | None = None,
    ) -> None:
        points = rows.matrix()
        self.weight = weight_like(points, sample_weight)
        self.basis = None
        if n_components is not None and n_components < points.shape[1]:
            self.basis = principal_subspace(points, self.weight, n_components, random_state)
            points = points @ self.basis
        self.points = self.seen = points
        self.graph: NeighbourGraph | None = None
        if n_neighbors == "auto":
            n_neighbors = default_neighbors(len(points), n_clusters)
        if len(points) < 2 or (neighbors is None and not n_neighbors):
            return
        values = points.cpu().numpy()
        if neighbors is None:
            neighbors = nearest_neighbors(values, int(n_neighbors))
        self.graph = NeighbourGraph(neighbors, n_clusters=n_clusters)
        self.seen = torch.from_numpy(self.graph.smoothed(values)).to(points.device)


def weight_like(features: Any, sample_weight: np.ndarray | None) -> Tensor | None:
    """Return weights in the type of features and on their device."""
    if sample_weight is None:
        return None
    return torch.as_tensor(sample_weight, dtype=features.dtype, device=features.device)
