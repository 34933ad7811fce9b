"""Features as training wants them, made anew from blocks in each pass."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from sklearn.utils.random import sample_without_replacement
from torch import Tensor

from skcollision.engine._batches import Batch, count_points, rows_with_weight
from skcollision.engine._block_source import BlockSource
from skcollision.engine._features import Features
from skcollision.engine._heads import LinearHeads
from skcollision.engine._neighbourhoods import NeighbourGraph, count_landmarks, default_neighbors
from skcollision.engine._training_features import basis_of


class StreamedFeatures:
    """What `TrainingFeatures` are to a matrix in memory, for blocks that are streamed.

    The points that can be neighbours, a uniform sample of all, are kept in memory; every point is
    trained on, averaged over the walks that begin at its nearest of these.

    Parameters
    ----------
    source : BlockSource
        Normalised features.
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
        Neighbours among the points kept.
    features : Features
        What to train on.
    """

    def __init__(
        self,
        source: BlockSource,
        sample_weight: np.ndarray | None,
        *,
        n_components: int | None,
        n_neighbors: int | str,
        n_clusters: int,
        random_state: np.random.RandomState,
    ) -> None:
        n_points = count_points(source.n_samples, sample_weight)
        if n_neighbors == "auto":
            n_neighbors = default_neighbors(n_points, n_clusters)
        self.basis = basis_of(source, sample_weight, n_components, random_state)
        self._points = source.seen(self.basis, None)
        self.graph: NeighbourGraph | None = None
        self.features: Features = self._points
        if n_neighbors and n_points > 1:
            kept = sample_without_replacement(
                n_points, count_landmarks(n_points, n_clusters), random_state=random_state
            )
            rows = kept if sample_weight is None else np.flatnonzero(sample_weight)[kept]
            self._landmarks = self._points.sample(np.sort(rows)).cpu().numpy()
            self.graph = NeighbourGraph(
                self._landmarks, int(n_neighbors), n_clusters=n_clusters, random_state=random_state
            )
            self._ends = self.graph.walk_ends(self._landmarks)
            self.features = source.seen(self.basis, self._smoothed)

    def points(self) -> Features:
        """Return the points themselves, on the basis."""
        return self._points

    def landmarks(self) -> Tensor:
        """Return the smoothed features of the points in the graph."""
        return self._smoothed(torch.from_numpy(self._landmarks))

    def distinct_points(self, sample_weight: np.ndarray | None) -> Tensor:
        """Return the points that have weight, each once, in an order that is not theirs."""
        rows = rows_with_weight(self._points.n_samples, sample_weight)
        return self._points.sample(rows).unique(dim=0)

    def labels_of(self, heads: LinearHeads) -> Callable[[Batch], Tensor]:
        """Return what says the soft predictions (B, K) of the first restart for a batch's points.

        They are those of the heads as they are now, from the features that were trained on.
        """
        teacher = copy.deepcopy(heads)

        @torch.no_grad()
        def labels(batch: Batch) -> Tensor:
            return teacher(self._smoothed(batch.features))[0].softmax(1)

        return labels

    def _smoothed(self, points: Tensor) -> Tensor:
        assert self.graph is not None
        smoothed = self.graph.smoothed(points.cpu().numpy(), self._ends)
        return torch.from_numpy(smoothed).to(self._points.device)
