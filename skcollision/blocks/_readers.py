"""Blocks of rows from arrays and from iterables.

A reader has `n_samples`, `n_features`, `dtype` and `read`, which yields the first row and the rows
of each block.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from skcollision._array_api import stacked

# Rows a block where any rows can be read.
BLOCK_ROWS = 256
# Bytes of memory maps that may stay resident before they are given back.
RESIDENT_BYTES = 2**26


class ArrayReader:
    """Arrays, one below the other, whose rows can be sliced: memory maps, zarr, HDF5."""

    def __init__(self, arrays: Sequence[Any], block_rows: int | None) -> None:
        self._arrays = arrays
        self._maps = [each for array in arrays for each in maps_of(array)]
        self.n_features = arrays[0].shape[1]
        self.dtype = np.result_type(*{array.dtype for array in arrays})
        self._block_rows = block_rows
        self.n_samples = sum(array.shape[0] for array in arrays)

    def read(self) -> Iterator[tuple[int, Any]]:
        """Yield the first row and the rows of each block."""
        first = resident = 0
        for array in self._arrays:
            size = self._block_rows or _chunk_rows(array)
            for start in range(0, array.shape[0], size):
                rows = array[start : start + size]
                yield first + start, rows
                resident += rows.nbytes
                if resident >= RESIDENT_BYTES:
                    release(self._maps)
                    resident = 0
            first += array.shape[0]
        release(self._maps)


class IterableReader:
    """An iterable that yields the same blocks every time."""

    def __init__(self, blocks: Iterable[Any]) -> None:
        self._blocks = blocks
        self._lengths, dtypes, self.n_features = [], set(), 0
        for block in map(_matrix, blocks):
            self._lengths.append(len(block))
            dtypes.add(block.dtype)
            self.n_features = self.n_features or block.shape[-1]
        if not self._lengths:
            raise ValueError("FeatureBlocks got an iterable without any block.")
        self.dtype = np.result_type(*dtypes)
        self.n_samples = sum(self._lengths)

    def read(self) -> Iterator[tuple[int, Any]]:
        """Yield the first row and the rows of each block."""
        first = 0
        for block, length in zip_longest(map(_matrix, self._blocks), self._lengths):
            if block is None or len(block) != length:
                raise ValueError(
                    "X must yield the same blocks each time it is iterated over. It first had "
                    f"{len(self._lengths)} blocks of {self.n_samples} rows in all, and others now."
                )
            yield first, block
            first += length


def _matrix(block: Any) -> np.ndarray:
    rows = np.asarray(stacked(block))
    if rows.ndim != 2:
        raise ValueError(
            f"X has a block of shape {rows.shape}, a {type(block).__name__}. All must be of shape "
            "(n_rows, n_features)."
        )
    return rows


def release(maps: Iterable[mmap.mmap]) -> None:
    """Let go of the pages of memory maps that were read; the files, and the system's cache, stay.

    Without this a pass over a file leaves all of it resident in this process.
    """
    for each in maps:
        each.madvise(mmap.MADV_DONTNEED)


def maps_of(array: Any) -> list[mmap.mmap]:
    """Return the memory map behind an array, in a list, if its pages can be released."""
    # Pages of a private map, mode "c", hold what the user wrote: they would be lost. Windows, which
    # has no madvise, trims working sets itself.
    is_shared = isinstance(array, np.memmap) and array.mode in ("r", "r+", "w+")
    can_release = is_shared and hasattr(mmap, "MADV_DONTNEED") and array._mmap is not None
    return [array._mmap] if can_release else []


def _chunk_rows(array: Any) -> int:
    chunks = getattr(array, "chunks", None)
    return chunks[0] if chunks and isinstance(chunks[0], int) else BLOCK_ROWS
