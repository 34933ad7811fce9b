"""Reading and writing .parquet files; needs pyarrow, which only these functions import."""

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from skcollision.cli._messages import InputError, reason

if TYPE_CHECKING:
    from skcollision.cli._arrays import ReadOptions


def require_pyarrow(path: Path) -> ModuleType:
    """Import pyarrow, or say how to install it."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(
            f"{path}: .parquet files need pyarrow: pip install 'skcollision[tables]'"
        ) from error
    return pyarrow


def matrix(path: Path, options: "ReadOptions") -> NDArray[Any]:
    """Read a matrix: one numeric column per feature, or one column of vectors."""
    table = _read_table(path, options)
    pa = require_pyarrow(path)
    if table.num_columns == 1 and _is_list(pa, table.schema.types[0]):
        return _stack_vectors(pa, table.column(0), path)
    single = all(pa.types.is_float32(each) for each in table.schema.types)
    dtype = np.float32 if single else np.float64
    features = np.empty((table.num_rows, table.num_columns), dtype=dtype)
    for index, field in enumerate(table.schema):
        features[:, index] = _as_numbers(pa, table.column(index), field, path)
    return features


def labels(path: Path, options: "ReadOptions") -> NDArray[Any]:
    """Read one column of labels: integers, other numbers, or text."""
    table = _read_table(path, options)
    pa = require_pyarrow(path)
    if table.num_columns != 1:
        raise _choose_column(path, table, f"has {table.num_columns} columns")
    column = table.column(0)
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise InputError(f"{path}: row {row} (counted from 0) has no label")
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    values = column.to_numpy()
    return values.astype(str) if values.dtype == object else values


def write(path: Path, file: BinaryIO, columns: dict[str, NDArray[Any]]) -> None:
    """Write named columns to `file`; `path` is only for the message if pyarrow is missing."""
    pa = require_pyarrow(path)
    pa.parquet.write_table(pa.table(columns), file)


def _read_table(path: Path, options: "ReadOptions") -> Any:
    """Read the whole table, or the one column that the user chose."""
    pa = require_pyarrow(path)
    try:
        table = pa.parquet.read_table(path)
    except pa.ArrowException as error:
        raise InputError(f"{path}: is not a readable .parquet file: {reason(error)}") from error
    if options.array is None:
        return table
    if table.column_names.count(options.array) != 1:
        raise _choose_column(path, table, f"has no single column named '{options.array}'")
    return table.select([options.array])


def _choose_column(path: Path, table: Any, problem: str) -> InputError:
    from skcollision.cli._arrays import listing

    names = listing(table.column_names)
    return InputError(f"{path}: {problem}; choose one with --array: {names}")


def _as_numbers(pa: ModuleType, column: Any, field: Any, path: Path) -> NDArray[Any]:
    """Turn a column into floats; a missing value becomes NaN, which is found later by its row."""
    types = pa.types
    if not (
        types.is_integer(field.type)
        or types.is_floating(field.type)
        or types.is_boolean(field.type)
        or types.is_decimal(field.type)
    ):
        hint = "; --array NAME reads one column" if _is_list(pa, field.type) else ""
        raise InputError(
            f"{path}: column '{field.name}' holds {field.type}; must hold numbers{hint}"
        )
    return column.cast(pa.float32() if types.is_float32(field.type) else pa.float64()).to_numpy()


def _stack_vectors(pa: ModuleType, column: Any, path: Path) -> NDArray[Any]:
    """Turn a column of N vectors into an N x D matrix."""
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise InputError(f"{path}: row {row} (counted from 0) has no vector")
    lengths = pa.compute.list_value_length(column).to_numpy()
    if len(lengths) == 0:
        return np.empty((0, 0), dtype=np.float32)
    ragged = lengths != lengths[0]
    if ragged.any():
        row = int(np.argmax(ragged))
        raise InputError(
            f"{path}: the vector in row {row} (counted from 0) has {lengths[row]} numbers where "
            f"the rows before have {lengths[0]}"
        )
    flat = pa.compute.list_flatten(column)
    field = pa.field(path.stem, flat.type)
    return _as_numbers(pa, flat, field, path).reshape(len(lengths), lengths[0])


def _is_list(pa: ModuleType, data_type: Any) -> bool:
    types = pa.types
    return (
        types.is_list(data_type)
        or types.is_large_list(data_type)
        or types.is_fixed_size_list(data_type)
    )
