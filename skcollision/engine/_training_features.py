"""Features as training wants them: few columns, and neighbourhoods for points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from skcollision.engine._batches import Batch, RowAccess, count_points, rows_with_weight
from skcollision.engine._features import BLOCK_ROWS, Features, FeatureSource, NormalisedRows
from skcollision.engine._heads import LinearHeads
from skcollision.engine._neighbourhoods import NeighbourGraph, default_neighbors
from skcollision.engine._subspace import principal_subspace


class MatrixSource(RowAccess):
    """Features that are a matrix in memory.

    Parameters
    ----------
    matrix : Tensor of shape (N, D)
        Features, handed out as they are.
    """

    def __init__(self, matrix: Tensor) -> None:
        self.matrix = matrix
        self.n_samples, self.n_features = matrix.shape
        self.device = matrix.device

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the batches."""
        return self.matrix.dtype

    def batch(self, rows: np.ndarray | slice) -> Tensor:
        """Return rows of the matrix."""
        return self.matrix[rows if isinstance(rows, slice) else torch.from_numpy(rows)]


class TrainingFeatures:
    """Features projected on their principal subspace and averaged over neighbourhoods.

    Parameters
    ----------
    source : FeatureSource
        Normalised features, of which any rows can be had.
    sample_weight : ndarray of shape (N,) or None
        Non-negative weights. Points of weight 0 take no part.
    n_components : int or None
        Most dimensions of the subspace; None for all features.
    n_neighbors : int or "auto"
        Neighbours of a point, 0 for none.
    n_clusters : int
        Number of clusters, K.
    random_state : numpy.random.RandomState
        Source of randomness.

    Attributes
    ----------
    basis : Tensor of shape (D, n_components) or None
        Orthonormal directions that the features are coordinates on; None for their own.
    graph : NeighbourGraph or None
        Neighbours of the points that have weight.
    features : Features
        What to train on.
    """

    def __init__(
        self,
        source: FeatureSource,
        sample_weight: np.ndarray | None,
        *,
        n_components: int | None,
        n_neighbors: int | str,
        n_clusters: int,
        random_state: np.random.RandomState,
    ) -> None:
        self._source = source
        n_points = count_points(source.n_samples, sample_weight)
        if n_neighbors == "auto":
            n_neighbors = default_neighbors(n_points, n_clusters)
        self.basis = basis_of(source, sample_weight, n_components, random_state)
        self.graph: NeighbourGraph | None = None
        self.features = self.points()
        if n_neighbors and n_points > 1:
            self._rows = rows_with_weight(source.n_samples, sample_weight)
            self._smooth(int(n_neighbors), n_clusters, random_state)

    def points(self) -> Features:
        """Return the points themselves, on the basis."""
        if self.basis is None:
            return self._source
        return MatrixSource(self._projected())

    def landmarks(self) -> Tensor:
        """Return the smoothed features of the points in the graph."""
        assert self.graph is not None
        return self._smoothed.batch(self._rows[self.graph.landmarks])

    def distinct_points(self, sample_weight: np.ndarray | None) -> Tensor:
        """Return the points that have weight, each once, in an order that is not theirs."""
        return self._projected()[rows_with_weight(self._source.n_samples, sample_weight)].unique(
            dim=0
        )

    def labels_of(self, heads: LinearHeads) -> Callable[[Batch], Tensor]:
        """Return what says the soft predictions (B, K) of the first restart for a batch's points.

        They are those of the heads as they are now, from the features that were trained on.
        """
        labels = soft_predictions(heads, self._smoothed)
        return lambda batch: labels[torch.from_numpy(batch.rows)]

    def _smooth(
        self, n_neighbors: int, n_clusters: int, random_state: np.random.RandomState
    ) -> None:
        points = self.features
        matrix = points.matrix if isinstance(points, MatrixSource) else self._projected()
        values = matrix.cpu().numpy()
        with_weight = values if len(self._rows) == len(values) else values[self._rows]
        graph = NeighbourGraph(
            with_weight, n_neighbors, n_clusters=n_clusters, random_state=random_state
        )
        values[self._rows] = graph.smooth_(with_weight)
        self.graph = graph
        self._smoothed = MatrixSource(torch.from_numpy(values).to(self._source.device))
        self.features = self._smoothed

    def _projected(self) -> Tensor:
        n_columns = self._source.n_features if self.basis is None else self.basis.shape[1]
        matrix = torch.empty(
            (self._source.n_samples, n_columns),
            dtype=self._source.dtype,
            device=self._source.device,
        )
        for rows, block in self._source.blocks():
            matrix[rows] = block if self.basis is None else block @ self.basis
        return matrix


def basis_of(
    source: NormalisedRows,
    sample_weight: np.ndarray | None,
    n_components: int | None,
    random_state: np.random.RandomState,
) -> Tensor | None:
    """Return the principal subspace of at most `n_components`, None where that is all there is."""
    if n_components is None or n_components >= source.n_features:
        return None
    return principal_subspace(source, sample_weight, n_components, random_state=random_state)


@torch.no_grad()
def soft_predictions(heads: LinearHeads, source: RowAccess) -> Tensor:
    """Return the soft predictions of the first restart, shape (N, K)."""
    parts = torch.arange(source.n_samples).split(BLOCK_ROWS)
    return torch.cat([heads(source.batch(rows.numpy()))[0].softmax(1) for rows in parts])
