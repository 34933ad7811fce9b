"""A feature matrix that is only ever seen in blocks of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from numbers import Integral
from typing import Any

import numpy as np
from scipy import sparse

from skcollision._array_api import is_table, stacked
from skcollision._errors import wrong
from skcollision.blocks._arrow import ArrowReader
from skcollision.blocks._readers import ArrayReader, IterableReader

# Memory maps above this many bytes are streamed; smaller ones are treated like arrays in memory.
LARGE_MAP_BYTES = 2**28


class FeatureBlocks:
    """Features that are larger than memory, for the linear clusterers to stream.

    The methods of the linear clusterers take it as X. `fit` reads it twice from end to end, once
    for the sample of rows that it trains on and once to label all rows, and finds what it would
    find on the same matrix in memory, in whatever order the rows are. Memory maps of more than 256
    MiB are wrapped in it by default.

    Parameters
    ----------
    source : array-like, dataset or iterable
        One of

        - an array whose rows can be sliced, of shape (n_samples, n_features): a memory map, a zarr
          array, an HDF5 dataset; or a list of such arrays, one below the other;
        - a ``pyarrow.dataset.Dataset``, for example of parquet files, whose columns are numbers or
          vectors of numbers; its row groups are the blocks, so they should be of some thousand
          rows;
        - any other iterable of arrays of shape (n_i, n_features), the blocks, or of tables as the
          clusterers take them. It is iterated over several times and must yield the same blocks
          each time, which generators do not;
        - a table, which is one block.
    columns : list of str, default=None
        Which columns of a dataset are features; None for all of them.
    block_rows : int, default=None
        Rows that are read at a time from an array. None for those of its chunks, or 256.

    Attributes
    ----------
    shape : tuple of two ints
        (n_samples, n_features).
    dtype : dtype
        Of the blocks: float32 for features of float16 and float32, float64 for all others.

    Raises
    ------
    TypeError
        If `source` is none of these, or can be iterated over only once.
    ValueError
        If it is empty, not a matrix, or not of numbers.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from skcollision import CollisionClusterer, FeatureBlocks
    >>> from skcollision.datasets import make_embeddings
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/X.npy", make_embeddings(900, 3, 16, random_state=0)[0])
    ...     X = FeatureBlocks(np.load(f"{folder}/X.npy", mmap_mode="r"))
    ...     clusterer = CollisionClusterer(3, max_iter=20, random_state=0).fit(X)
    ...     out = np.lib.format.open_memmap(
    ...         f"{folder}/labels.npy", mode="w+", dtype=np.int32, shape=(len(X),)
    ...     )
    ...     labels = clusterer.predict(X, out=out)  # written to the file, block by block
    ...     bool((np.load(f"{folder}/labels.npy") == clusterer.labels_).all())
    True
    """

    def __init__(
        self, source: Any, *, columns: list[str] | None = None, block_rows: int | None = None
    ) -> None:
        is_integer = isinstance(block_rows, Integral) and not isinstance(block_rows, bool)
        if block_rows is not None and not (is_integer and block_rows > 0):
            must = "be a positive integer or None"
            raise wrong("block_rows", "FeatureBlocks", must, repr(block_rows))
        self._reader = _reader_of(source, columns, block_rows)
        if self._reader.dtype.kind not in "biuf":
            raise ValueError(f"FeatureBlocks needs numbers. Got {self._reader.dtype} instead.")
        self.shape = (self._reader.n_samples, self._reader.n_features)
        if 0 in self.shape:
            raise ValueError(f"FeatureBlocks needs rows and columns. Got shape {self.shape}.")
        single = self._reader.dtype in (np.float16, np.float32)
        self.dtype = np.dtype(np.float32 if single else np.float64)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    def __repr__(self) -> str:
        """Say what it is, not what it holds."""
        return f"FeatureBlocks(shape={self.shape}, dtype={self.dtype})"

    def blocks(self, size: int) -> Iterator[tuple[slice, np.ndarray]]:
        """Go through all rows once, in their order.

        Parameters
        ----------
        size : int
            Most rows at a time.

        Yields
        ------
        rows : slice
            Which rows these are.
        block : ndarray of shape (n_rows, n_features)
            The rows, of `dtype`; a copy.

        Raises
        ------
        ValueError
            If a block has NaN, infinity or another width, or the rows are not those of before.

        Examples
        --------
        >>> import numpy as np
        >>> from skcollision import FeatureBlocks
        >>> X = FeatureBlocks([np.zeros((3, 2)), np.ones((4, 2))])
        >>> [(rows.start, rows.stop) for rows, _ in X.blocks(size=2)]
        [(0, 2), (2, 3), (3, 5), (5, 7)]
        """
        for first, rows in self._reader.read():
            if rows.ndim != 2 or rows.shape[1] != self.shape[1]:
                raise ValueError(
                    f"X has a block of shape {rows.shape} at row {first} (counted from 0). All "
                    f"must be of shape (n_rows, {self.shape[1]}), as the first is."
                )
            for start in range(0, len(rows), size):
                block = np.array(rows[start : start + size], dtype=self.dtype, order="C")
                check_finite(block, first + start)
                yield slice(first + start, first + start + len(block)), block


def large_map(X: Any) -> bool:
    """Say whether X is a memory map to be streamed rather than read like an array."""
    is_matrix = isinstance(X, np.memmap) and X.ndim == 2 and X.dtype.kind in "biuf"
    return is_matrix and X.nbytes > LARGE_MAP_BYTES


def _reader_of(source: Any, columns: list[str] | None, block_rows: int | None) -> Any:
    if hasattr(source, "get_fragments"):
        return ArrowReader(source, columns)
    if columns is not None:
        raise ValueError("The 'columns' parameter of FeatureBlocks is for datasets of pyarrow.")
    if is_table(source) and not isinstance(source, Iterator):
        source = [source]
    arrays = [*map(stacked, source if isinstance(source, (list, tuple)) else [source])]
    if any(map(sparse.issparse, arrays)):
        raise TypeError("FeatureBlocks needs dense rows. Got a sparse matrix: see its 'toarray'.")
    if arrays and all(_is_array(each) for each in arrays):
        for each in arrays:
            if len(each.shape) != 2 or each.shape[1] != arrays[0].shape[1]:
                shapes = sorted({tuple(one.shape) for one in arrays})
                raise ValueError(f"FeatureBlocks needs matrices of one width. Got shapes {shapes}.")
        return ArrayReader(arrays, block_rows)
    if not isinstance(source, Iterable) or isinstance(source, (str, bytes, dict)):
        raise TypeError(
            "FeatureBlocks needs an array, a pyarrow dataset or an iterable of blocks. Got "
            f"{type(source).__name__} instead."
        )
    if isinstance(source, Iterator):
        raise TypeError(
            f"FeatureBlocks got a {type(source).__name__}, which yields its blocks only once, but "
            "they are read several times. Give a list, or an object whose __iter__ starts anew."
        )
    return IterableReader(source)


def _is_array(each: Any) -> bool:
    # Data frames have a shape but no dtype, and slice differently: np.asarray reads them.
    return all(hasattr(each, name) for name in ("shape", "dtype", "__getitem__"))


def check_finite(block: np.ndarray, first: int, number: int | None = None) -> None:
    """Raise on the first NaN or infinity in row order, naming row and, if given, block.

    `first` is the number of the first row.
    """
    finite = np.isfinite(block)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        value = "NaN" if np.isnan(block[row, column]) else "infinity"
        place = f"row {first + row}, column {column}"
        place += " (both counted" if number is None else f", in block {number} (all counted"
        raise ValueError(
            f"X contains {value} in {place} from 0). "
            "Every value must be finite: repair that row, or leave it out."
        )
