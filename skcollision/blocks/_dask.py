"""Rows that dask keeps in chunks, and what its workers do to them; dask is imported on use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skcollision._extras import import_extra
from skcollision._parallel import serial
from skcollision.blocks._feature_blocks import check_finite
from skcollision.blocks._weights import PartedWeight, Place, largest_weight

# Chunks whose sums are added up at a time, on a worker.
SPLIT_EVERY = 8


def is_dask(X: Any) -> bool:
    """Say whether X is a collection of dask, which only an array or a data frame may be."""
    return type(X).__module__.startswith("dask")


class DaskRows:
    """A matrix in chunks of whole rows, which stays where dask has it.

    Attributes
    ----------
    array : dask.array.Array of shape (n_samples, n_features)
        The matrix, with known chunks.
    example : ndarray or DataFrame of shape (0, n_features)
        None of its rows, for what depends on columns alone.
    """

    def __init__(self, X: Any) -> None:
        X, meta = _array(X, "X"), getattr(X, "_meta", None)
        if X.ndim != 2:
            raise ValueError(f"X must be a matrix of dask: an array of 2 dimensions. Got {X!r}.")
        if 0 in X.shape:
            raise ValueError(f"X must have rows and columns. Got a dask array of shape {X.shape}.")
        self.array, self.shape = X.rechunk({1: -1}), X.shape
        self.ones = [1] * len(self.array.chunks[0])
        single = X.dtype in (np.float16, np.float32)
        self.dtype = np.dtype(np.float32 if single else np.float64)
        is_frame = hasattr(meta, "columns")
        self.example = meta if is_frame else np.empty((0, self.shape[1]), self.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def map(
        self,
        function: Callable[..., np.ndarray],
        like: np.ndarray,
        *,
        sizes: Any = None,
        weight: PartedWeight | None = None,
    ) -> Any:
        """Return lazily what a function makes of each chunk, given its place, rows and weights.

        `like` has the type and the width of that; `sizes` its rows, if not those of the chunk.
        """
        from dask import delayed
        from dask.array import map_blocks

        chunks = self.array.chunks[0] if sizes is None else tuple(map(int, sizes))
        # A function that drops an axis would not be fused with the reading of its chunk.
        width = like.shape[1:] or (1,)
        found = map_blocks(
            _of_chunk,
            self.array,
            *([] if weight is None else [weight.column.array]),
            # A task of its own: each worker gets it, and the model it holds, once.
            function=delayed(function, traverse=False),
            read_as=self.dtype,
            chunks=(chunks, width),
            dtype=like.dtype,
            meta=np.empty((0, 0), like.dtype),
        )
        return found if like.ndim == 2 else found[:, 0]

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return rows given in rising order."""

        def chosen(place: Place, block: np.ndarray) -> np.ndarray:
            first, last = np.searchsorted(rows, [place.first, place.first + len(block)])
            return block[rows[first:last] - place.first]

        ends = np.searchsorted(rows, np.cumsum(self.array.chunks[0]))
        like = np.empty((0, self.shape[1]), self.dtype)
        return self.gather(chosen, like, np.diff(ends, prepend=0))

    def gather(self, function: Callable[..., np.ndarray], like: np.ndarray, sizes: Any) -> Any:
        """Compute what a function makes of each chunk: see `map`."""
        return self.map(function, like, sizes=sizes).compute()

    def sums(
        self, function: Callable[..., list[np.ndarray]], weight: PartedWeight | None
    ) -> list[np.ndarray]:
        """Add up the arrays that a function makes of each chunk and its weights, on the workers."""
        empty = [np.empty((0, self.shape[1]), self.dtype)]
        if weight is not None:
            empty.append(np.empty(0))
        shapes = [each.shape for each in function(*empty)]
        ends = np.cumsum([np.prod(shape, dtype=int) for shape in shapes])

        def flat(place: Place, *chunk: np.ndarray) -> np.ndarray:
            return np.concatenate([np.ravel(each) for each in function(*chunk)])[None]

        parts = self.map(flat, np.empty((0, ends[-1])), sizes=self.ones, weight=weight)
        total = parts.sum(axis=0, split_every=SPLIT_EVERY).compute()
        found = np.split(total, ends[:-1])
        return [each.reshape(shape) for each, shape in zip(found, shapes, strict=True)]

    def weight(self, sample_weight: Any) -> PartedWeight | None:
        """Return weights of mean 1, in the chunks of the rows."""
        from dask import compute
        from dask.array import asarray

        if sample_weight is None:
            return None
        is_here = not is_dask(sample_weight)
        weight = _array(asarray(sample_weight) if is_here else sample_weight, "sample_weight")
        if weight.shape != (len(self),):
            raise ValueError(f"sample_weight.shape == {weight.shape}, expected {(len(self),)}!")
        weight = weight.astype(np.float64).rechunk((self.array.chunks[0],))
        weight = weight / largest_weight(np.array(compute(weight.min(), weight.max())))
        return PartedWeight(DaskRows((weight / weight.mean().compute())[:, None]))


def _array(X: Any, name: str) -> Any:
    """Return numbers as an array of dask of known chunks."""
    array = import_extra("dask.array", "dask", "Clustering of dask's collections")
    if hasattr(type(X), "to_dask_array"):
        X = X.to_dask_array(lengths=True)
    if not isinstance(X, array.Array):
        raise ValueError(f"{name} must be an array or a data frame of dask. Got {X!r}.")
    if X.dtype.kind not in "biuf" or not isinstance(X._meta, np.ndarray):
        raise ValueError(f"{name} must be of numbers in dense chunks. Got {X!r}.")
    # Computing sizes sets those of the array itself.
    return X.copy().compute_chunk_sizes() if np.isnan(X.shape).any() else X


def _of_chunk(
    block: Any,
    *weight: np.ndarray,
    function: Callable[..., np.ndarray],
    read_as: np.dtype,
    block_info: Any = None,
) -> np.ndarray:
    """Call a function in one thread, as dask has its own, with the rows of a chunk, checked."""
    where = block_info[0]
    place = Place(where["chunk-location"][0], where["array-location"][0][0])
    rows = np.ascontiguousarray(block, dtype=read_as)
    check_finite(rows, place.first, place.number)
    with serial():
        found = function(place, rows, *(each[:, 0] for each in weight))
    return found if found.ndim == 2 else found[:, None]
