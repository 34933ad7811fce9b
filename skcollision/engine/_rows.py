"""Rows of features: which of them training sees, and how and where all of them are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from sklearn.utils import gen_batches
from sklearn.utils.random import sample_without_replacement
from torch import Tensor

from skcollision._parallel import run_tasks
from skcollision._threads import one_thread
from skcollision.blocks import FeatureBlocks
from skcollision.blocks._dask import DaskRows
from skcollision.blocks._shards import Shards
from skcollision.blocks._weights import PartedWeight, Weights
from skcollision.engine._normalisation import LARGEST_ENTRY, Normalisation

T = TypeVar("T")

# Rows a block in passes over a whole matrix: a block should fit in a core's cache.
BLOCK_ROWS = 512

# Blocks that are in work at a time.
WAVE = 16

# What a classifier sees of a column spreads at least this share of what the widest does: columns in
# small units say as much. One that spreads less than the second share says nothing.
NARROWEST, NOTHING = 0.2, 1e-6

# Points that training sees, and how many of them a cluster should have; all of them in smaller
# data. K columns of weights on 128 coordinates are determined by some tens of points each.
SAMPLE_SIZE = 20_000
SAMPLES_PER_CLUSTER = 100


def default_sample_size(n_clusters: int) -> int:
    """Return how many points training sees at most."""
    return max(SAMPLE_SIZE, SAMPLES_PER_CLUSTER * n_clusters)


class Sample(NamedTuple):
    """The rows that training sees, in rising order, and their weights (None for equal ones)."""

    rows: np.ndarray
    weight: np.ndarray | None


def draw_sample(
    n_samples: int,
    sample_weight: np.ndarray | PartedWeight | None,
    size: int | None,
    random_state: np.random.RandomState,
) -> Sample:
    """Choose at most `size` of the points that have weight; all of them for None.

    Points are drawn in proportion to their weight, one from each of `size` equal shares of the
    total. A point that is drawn several times has that as its weight.
    """
    if sample_weight is None:
        if size is None or size >= n_samples:
            return Sample(np.arange(n_samples), None)
        rows = sample_without_replacement(n_samples, size, random_state=random_state)
        return Sample(np.sort(rows), None)
    weights = sample_weight if isinstance(sample_weight, PartedWeight) else Weights(sample_weight)
    if size is None or size >= weights.n_used:
        return Sample(*weights.used())
    positions = (np.arange(size) + random_state.uniform(size=size)) * (weights.total / size)
    rows, counts = np.unique(weights.rows_at(positions), return_counts=True)
    return Sample(rows, counts.astype(np.float64))


def row_blocks(
    X: np.ndarray | FeatureBlocks, size: int = BLOCK_ROWS
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield consecutive row ranges of a matrix, and what it has there."""
    if isinstance(X, FeatureBlocks):
        yield from X.blocks(size)
        return
    for start in range(0, len(X) or 1, size):  # one block of nothing has a width and a type, too
        rows = slice(start, min(start + size, len(X)))
        yield rows, X[rows]


def take_rows(X: np.ndarray | FeatureBlocks | DaskRows | Shards, rows: np.ndarray) -> np.ndarray:
    """Return rows given in rising order; streamed features are read once from end to end.

    Of several ranks, the first gets all of them, others none.
    """
    if isinstance(X, Shards):
        return X.take(rows, take_rows)
    if isinstance(X, DaskRows):
        return X.take(rows)
    if not isinstance(X, FeatureBlocks):
        return X if len(rows) == len(X) else X[rows]
    taken = np.empty((len(rows), X.shape[1]), X.dtype)
    for block, values in row_blocks(X):
        first, last = np.searchsorted(rows, [block.start, block.stop])
        taken[first:last] = values[rows[first:last] - block.start]
    return taken


def mapped(function: Callable[..., T], items: Iterator[tuple[Any, ...]]) -> Iterator[T]:
    """Yield what a function makes of each item, of several at a time, each in one thread."""
    while wave := list(islice(items, WAVE)):
        results: list[Any] = [None] * len(wave)

        def task(number: int, wave: Any = wave, results: Any = results) -> None:
            with one_thread(), torch.no_grad():
                results[number] = function(*wave[number])

        run_tasks(task, len(wave))
        yield from results


def summed(term: Callable[[slice], Tensor], rows: Tensor, size: int = BLOCK_ROWS) -> Tensor:
    """Add up what a function makes of blocks of rows, the same for any number of threads.

    Other devices than the CPU, which have threads of their own, take 32 times as many rows.
    """
    size = size if rows.device.type == "cpu" else 32 * size
    blocks = ((block,) for block in gen_batches(len(rows), size))
    return reduce(Tensor.add_, mapped(term, blocks))


class NormalisedRows:
    """A matrix of which rows are normalised when they are asked for; it is never copied whole."""

    def __init__(
        self,
        X: np.ndarray | FeatureBlocks,
        normalisation: Normalisation | None,
        device: torch.device,
        stretch: Tensor | None = None,  # (D,), what columns are multiplied by in the end
    ) -> None:
        self._X, self._normalisation, self.device = X, normalisation, device
        self.stretch = stretch
        self.shape = X.shape
        self.dtype = torch.float64 if X.dtype == np.float64 else torch.float32

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> Tensor:
        assert isinstance(self._X, np.ndarray)
        return self._normalised(self._X[rows])

    def map(
        self, function: Callable[[slice, np.ndarray, Tensor], Any]
    ) -> Iterator[tuple[slice, Any]]:
        """Yield consecutive row ranges and what a function makes of each, of several at a time.

        It is given the range, the rows and the rows normalised on the device.
        """

        def of_block(rows: slice, block: np.ndarray) -> tuple[slice, Any]:
            return rows, function(rows, block, self._normalised(block))

        return mapped(of_block, row_blocks(self._X))

    def stretched(self, sample_weight: np.ndarray | None) -> NormalisedRows:
        """Return the rows with narrow columns stretched, and then shrunk to the length they had."""
        weight = np.full(len(self), 1.0) if sample_weight is None else sample_weight

        def moments(rows: slice, block: np.ndarray, normalised: Tensor) -> np.ndarray:
            values = normalised.cpu().double().numpy()
            return np.stack([weight[rows] @ values, weight[rows] @ np.square(values)])

        mean, square = sum(found for _, found in self.map(moments)) / weight.sum()
        spread = np.sqrt(np.maximum(square - mean**2, 0))
        narrow = (spread < NARROWEST * spread.max()) & (spread > NOTHING * spread.max())
        if not narrow.any():
            return self
        stretch = np.ones_like(spread)
        stretch[narrow] = NARROWEST * spread.max() / spread[narrow]
        stretch *= np.linalg.norm(spread) / np.linalg.norm(stretch * spread)
        factors = torch.as_tensor(stretch, dtype=self.dtype, device=self.device)
        return NormalisedRows(self._X, self._normalisation, self.device, factors)

    def matrix(self) -> Tensor:
        """Return all rows, normalised."""
        matrix = torch.empty(tuple(self.shape), dtype=self.dtype, device=self.device)
        for rows, block in self.map(lambda rows, block, normalised: normalised):
            matrix[rows] = block
        return matrix

    def _normalised(self, block: np.ndarray) -> Tensor:
        # A copy: rows are normalised in place, and torch warns of read-only memory.
        rows = torch.from_numpy(np.array(block)).to(self.device)
        if self._normalisation is None:
            excess = rows.abs().amax(1, keepdim=True) / LARGEST_ENTRY
            return rows.div_(excess.clamp_min_(1))
        rows = self._normalisation.apply_(rows)
        return rows if self.stretch is None else rows.mul_(self.stretch)


def resolve_device(device: str) -> torch.device:
    """Turn "auto", "cpu", "cuda", "cuda:i" or "mps" into a device that is there.

    "auto" takes CUDA where torch finds it. Raises ValueError for other names, and for a device that
    torch does not find.

    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    index = device.removeprefix("cuda").removeprefix(":")
    is_cuda = device == "cuda" or (device.startswith("cuda:") and index.isdecimal())
    if device not in ("cpu", "mps") and not is_cuda:
        raise ValueError(
            f"The 'device' parameter must be 'auto', 'cpu', 'cuda', 'cuda:i' or 'mps'. "
            f"Got {device!r} instead."
        )
    if is_cuda and int(index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"The 'device' parameter is {device!r}, but torch finds "
            f"{torch.cuda.device_count()} CUDA devices. Use device='cpu' or 'auto'."
        )
    if device == "mps" and not torch.backends.mps.is_available():
        raise ValueError(
            "The 'device' parameter is 'mps', but torch finds none. Use device='cpu' or 'auto'."
        )
    return torch.device(device)
