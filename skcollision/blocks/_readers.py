"""Blocks of rows from arrays and from iterables.

A reader has `n_samples`, `n_features`, `n_blocks`, `dtype` and `read`, which yields the first row
and the rows of each block, in the given order if the storage allows.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

# Rows a block where any rows can be read: small blocks mix better.
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
        starts = [np.arange(0, a.shape[0], block_rows or _chunk_rows(a)) for a in arrays]
        self._array = np.repeat(np.arange(len(arrays)), [len(each) for each in starts])
        self._start = np.concatenate(starts)
        self._offset = np.cumsum([0, *(array.shape[0] for array in arrays)])
        self.n_samples, self.n_blocks = int(self._offset[-1]), len(self._start)

    def read(self, order: Iterable[int]) -> Iterator[tuple[int, Any]]:
        """Yield the first row and the rows of each block."""
        resident = 0
        for block in order:
            index, start = self._array[block], int(self._start[block])
            following = block + 1 < self.n_blocks and self._array[block + 1] == index
            rows = self._arrays[index][start : self._start[block + 1] if following else None]
            yield int(self._offset[index]) + start, rows
            resident += rows.nbytes
            if resident >= RESIDENT_BYTES:
                release(self._maps)
                resident = 0
        release(self._maps)


class IterableReader:
    """An iterable that yields the same blocks every time; a sequence gives them in any order."""

    def __init__(self, blocks: Iterable[Any]) -> None:
        self._blocks = blocks
        self._is_sequence = hasattr(blocks, "__getitem__") and hasattr(blocks, "__len__")
        self._lengths, dtypes, self.n_features = [], set(), 0
        for block in map(np.asarray, blocks):
            self._lengths.append(len(block))
            dtypes.add(block.dtype)
            self.n_features = self.n_features or block.shape[-1]
        if not self._lengths:
            raise ValueError("FeatureBlocks got an iterable without any block.")
        self.dtype = np.result_type(*dtypes)
        self._starts = np.cumsum([0, *self._lengths])
        self.n_samples, self.n_blocks = int(self._starts[-1]), len(self._lengths)

    def read(self, order: Iterable[int]) -> Iterator[tuple[int, Any]]:
        """Yield the first row and the rows of each block."""
        blocks: Iterable[tuple[int, Any]] = enumerate(self._blocks)
        if self._is_sequence:
            blocks = ((index, self._blocks[index]) for index in order)  # type: ignore[index]
        n_rows = 0
        for index, block in blocks:
            rows = np.asarray(block)
            if index >= self.n_blocks or len(rows) != self._lengths[index]:
                raise self._changed()
            yield int(self._starts[index]), rows
            n_rows += len(rows)
        if n_rows != self.n_samples:
            raise self._changed()

    def _changed(self) -> ValueError:
        return ValueError(
            "X must yield the same blocks each time it is iterated over. It first had "
            f"{self.n_blocks} blocks of {self.n_samples} rows in all, and others now."
        )


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
