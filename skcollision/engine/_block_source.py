"""Features in blocks, streamed in random order through a buffer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from skcollision.blocks import FeatureBlocks
from skcollision.engine._batches import Batch, count_points
from skcollision.engine._features import BLOCK_ROWS, Normalisation, NormalisedRows

# Bytes of training features that batches are drawn from.
BUFFER_BYTES = 2**27

# Rows that the buffer's are changed at a time.
CHANGED_ROWS = 4096


class BlockSource(NormalisedRows):
    """Normalised blocks of features, on a basis and changed as training wants them.

    Parameters
    ----------
    X : FeatureBlocks of shape (N, D)
        Features.
    normalisation : Normalisation or None
        None for raw features.
    device : torch.device
        Where batches are wanted.
    basis : Tensor of shape (D, D'), optional
        Directions whose coordinates make the batches.
    change : callable, optional
        Maps coordinates (B, D') to what training sees in their place.
    """

    def __init__(
        self,
        X: FeatureBlocks,
        normalisation: Normalisation | None,
        device: torch.device,
        *,
        basis: Tensor | None = None,
        change: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__(X, normalisation, device)
        self._blocks, self._basis, self._change = X, basis, change
        if basis is not None:
            self.n_features = basis.shape[1]

    def seen(self, basis: Tensor | None, change: Callable[[Tensor], Tensor] | None) -> BlockSource:
        """Return the same blocks on another basis, and changed otherwise."""
        return BlockSource(
            self._blocks, self._normalisation, self.device, basis=basis, change=change
        )

    def sample(self, rows: np.ndarray) -> Tensor:
        """Return the coordinates of some rows, given in rising order, in one pass."""
        found = []
        for block, features in self.blocks():
            first, last = np.searchsorted(rows, [block.start, block.stop])
            chosen = torch.from_numpy(rows[first:last] - block.start)
            found.append(self._on_basis(features[chosen.to(self.device)]))
        return torch.cat(found)

    def batches(
        self, size: int, sample_weight: np.ndarray | None, random_state: np.random.RandomState
    ) -> Iterator[Batch]:
        """Visit the points that have weight once, in random batches of at most `size`.

        Blocks are read in random order, and batches drawn at random from as many as the buffer
        holds.
        """
        n_points, before = count_points(self.n_samples, sample_weight), 0
        for rows, features in self._buffers(n_points, sample_weight, random_state):
            order = random_state.permutation(len(rows))
            for part in np.array_split(order, math.ceil(len(rows) / size)):
                index = torch.from_numpy(part).to(self.device)
                yield Batch(rows[part], features[index], before / n_points)
                before += len(part)

    def _buffers(
        self,
        n_points: int,
        sample_weight: np.ndarray | None,
        random_state: np.random.RandomState,
    ) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Yield the points in buffers of nearly equal size; each lasts until the next is asked."""
        row_bytes = self.n_features * self.dtype.itemsize
        n_buffers = math.ceil(n_points * row_bytes / BUFFER_BYTES)
        sizes = np.diff(np.linspace(0, n_points, n_buffers + 1).astype(np.int64))
        buffer = torch.empty(
            (int(sizes.max()), self.n_features), dtype=self.dtype, device=self.device
        )
        rows, filled, sizes = np.empty(len(buffer), dtype=np.int64), 0, iter(sizes.tolist())
        size = next(sizes)
        for new_rows, features in self._points(sample_weight, random_state):
            while len(new_rows):
                taken = min(size - filled, len(new_rows))
                rows[filled : filled + taken] = new_rows[:taken]
                buffer[filled : filled + taken] = features[:taken]
                new_rows, features, filled = new_rows[taken:], features[taken:], filled + taken
                if filled == size:
                    yield rows[:size], self._changed(buffer[:size])
                    size, filled = next(sizes, 0), 0

    def _points(
        self, sample_weight: np.ndarray | None, random_state: np.random.RandomState
    ) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Yield the points that have weight, block by block in random order."""
        for block, values in self._blocks.blocks(BLOCK_ROWS, random_state):
            rows = np.arange(block.start, block.stop)
            if sample_weight is not None:
                used = sample_weight[block] > 0
                rows, values = rows[used], values[used]
            yield rows, self._on_basis(self.normalised(values))

    def _on_basis(self, features: Tensor) -> Tensor:
        return features if self._basis is None else features @ self._basis

    def _changed(self, features: Tensor) -> Tensor:
        if self._change is not None:
            for part in features.split(CHANGED_ROWS):
                part.copy_(self._change(part))
        return features
