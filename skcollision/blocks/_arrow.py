"""Parquet and what else pyarrow calls a dataset; nothing here imports pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

BATCH_ROWS = 1024  # decoded at a time, within a row group


class ArrowReader:
    """A ``pyarrow.dataset.Dataset`` by its row groups, or whole files where it has none."""

    def __init__(self, dataset: Any, columns: list[str] | None) -> None:
        self._schema = dataset.schema
        self._columns = list(self._schema.names if columns is None else columns)
        if not self._columns or not set(self._columns) <= set(self._schema.names):
            raise ValueError(
                f"The 'columns' parameter of FeatureBlocks must name columns of the dataset, which "
                f"has {self._schema.names}. Got {columns!r} instead."
            )
        self._groups = [
            group for file in dataset.get_fragments() for group in _row_groups(file, self._schema)
        ]
        self.sizes = list(map(_n_rows, self._groups))
        self._starts = np.cumsum([0, *self.sizes])
        self.n_samples = int(self._starts[-1])
        self._first: np.ndarray | None = None

    @property
    def n_features(self) -> int:
        return self._first_rows().shape[1]

    @property
    def dtype(self) -> np.dtype:
        return self._first_rows().dtype

    def _first_rows(self) -> np.ndarray:
        if self._first is None:
            self._first = next((rows for _, rows in self.read()), None)
        if self._first is None:
            raise ValueError("FeatureBlocks needs rows. Got a dataset without any.")
        return self._first

    def read(self, groups: slice = slice(None)) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the first row and the rows of each part of each row group, or of some groups."""
        starts = self._starts[:-1][groups].tolist()
        for start, group in zip(starts, self._groups[groups], strict=True):
            batches = group.to_batches(
                schema=self._schema,
                columns=self._columns,
                batch_size=BATCH_ROWS,
                batch_readahead=0,
                fragment_readahead=0,
                use_threads=False,
            )
            for batch in batches:
                if batch.num_rows:
                    parts = (_features(batch.column(name), name, start) for name in self._columns)
                    yield start, np.hstack(list(parts))
                start += batch.num_rows


def _row_groups(fragment: Any, schema: Any) -> list[Any]:
    split = getattr(fragment, "split_by_row_group", None)
    return [fragment] if split is None else split(schema=schema)


def _n_rows(group: Any) -> int:
    # `count_rows` of a row group counts the whole file.
    parts = getattr(group, "row_groups", None)
    return sum(part.num_rows for part in parts) if parts else group.count_rows()


def _features(column: Any, name: str, start: int) -> np.ndarray:
    """Return n numbers as an n x 1 matrix, n vectors of length D as an n x D matrix."""
    if not (hasattr(column, "flatten") and hasattr(column.type, "value_type")):
        return _numbers(column, name)[:, None]
    lengths = np.nan_to_num(column.value_lengths().to_numpy(zero_copy_only=False), nan=-1)
    wrong = (lengths != lengths.max()) | (lengths < 1)
    if wrong.any():
        row = start + int(np.argmax(wrong))
        raise ValueError(
            f"X has a vector in row {row} (counted from 0) of column {name!r} that is missing or "
            "shorter than others."
        )
    return _numbers(column.flatten(), name).reshape(len(lengths), -1)


def _numbers(column: Any, name: str) -> np.ndarray:
    """Return floats, integers or booleans; missing values become NaN."""
    # Otherwise numpy gets objects: of decimals, and of booleans where one is missing.
    if str(column.type).startswith(("bool", "decimal")):
        column = column.cast("float64")
    values = column.to_numpy(zero_copy_only=False)
    if values.dtype.kind not in "biuf":
        raise ValueError(
            f"X has the column {name!r} of type {column.type}. Features are columns of numbers or "
            "of vectors of numbers: choose the columns that are."
        )
    return values
