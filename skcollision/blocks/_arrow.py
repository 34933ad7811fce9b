"""Parquet and what else pyarrow calls a dataset; nothing here imports pyarrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

# Rows decoded at a time, within a row group.
BATCH_ROWS = 1024


class ArrowReader:
    """A ``pyarrow.dataset.Dataset`` by its row groups, or whole files where it has none.

    Parameters
    ----------
    dataset : pyarrow.dataset.Dataset
        With one numeric column a feature, or one column of vectors.
    columns : list of str or None
        Which of its columns; None for all.
    """

    def __init__(self, dataset: Any, columns: list[str] | None) -> None:
        self._columns = list(dataset.schema.names if columns is None else columns)
        missing = sorted(set(self._columns) - set(dataset.schema.names))
        if missing or not self._columns:
            raise ValueError(
                f"The 'columns' parameter of FeatureBlocks must name columns of the dataset, which "
                f"has {dataset.schema.names}. Got {columns!r} instead."
            )
        self._schema = dataset.schema
        self._groups = [
            group for file in dataset.get_fragments() for group in _row_groups(file, dataset.schema)
        ]
        lengths = [_n_rows(group) for group in self._groups]
        self._starts = np.cumsum([0, *lengths])
        self.n_samples, self.n_blocks = int(self._starts[-1]), len(self._groups)
        first = next((rows for _, rows in self.read(range(self.n_blocks))), None)
        if first is None:
            raise ValueError("FeatureBlocks got a dataset without any row.")
        self.n_features, self.dtype = first.shape[1], first.dtype

    def read(self, order: Iterable[int]) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the first row and the rows of each part of each row group."""
        for block in order:
            start = int(self._starts[block])
            batches = self._groups[block].to_batches(
                schema=self._schema,
                columns=self._columns,
                batch_size=BATCH_ROWS,
                batch_readahead=0,
                fragment_readahead=0,
                use_threads=False,
            )
            for batch in batches:
                if batch.num_rows:
                    yield start, self._matrix(batch, start)
                start += batch.num_rows

    def _matrix(self, batch: Any, start: int) -> np.ndarray:
        first = batch.column(0)
        if (
            batch.num_columns == 1
            and hasattr(first, "flatten")
            and hasattr(first.type, "value_type")
        ):
            return _stacked(first, start)
        columns = [_numbers(batch.column(name), name) for name in self._columns]
        return np.stack(columns, axis=1)


def _row_groups(fragment: Any, schema: Any) -> list[Any]:
    split = getattr(fragment, "split_by_row_group", None)
    return [fragment] if split is None else split(schema=schema)


def _n_rows(group: Any) -> int:
    parts = getattr(group, "row_groups", None)
    return sum(part.num_rows for part in parts) if parts else group.count_rows()


def _numbers(column: Any, name: str) -> np.ndarray:
    """Return a column as floats or integers; what is missing becomes NaN, found by its row."""
    values = column.to_numpy(zero_copy_only=False)
    if values.dtype.kind not in "biuf":
        raise ValueError(
            f"X has the column {name!r} of type {column.type}. Its columns must be numeric, or one "
            "column of vectors; choose them with the 'columns' parameter of FeatureBlocks."
        )
    return values


def _stacked(column: Any, start: int) -> np.ndarray:
    """Turn a column of n vectors into an n x D matrix."""
    lengths = np.nan_to_num(column.value_lengths().to_numpy(zero_copy_only=False), nan=-1)
    wrong = (lengths != lengths.max()) | (lengths < 1)
    if wrong.any():
        row = start + int(np.argmax(wrong))
        raise ValueError(f"X has a vector in row {row} that is missing or shorter than others.")
    return _numbers(column.flatten(), "vectors").reshape(len(lengths), -1)
