"""Arrays of other libraries than NumPy: torch, CuPy, the array API, columns of vectors."""

from __future__ import annotations

from typing import Any

import array_api_compat as compat
import numpy as np


def is_foreign(array: Any) -> bool:
    """Say whether `array` is of a library whose users expect its arrays back."""
    # A dask array is a plan, not numbers, and sparse ones are scikit-learn's to refuse.
    excluded = (compat.is_numpy_array, compat.is_dask_array, compat.is_pydata_sparse_array)
    return compat.is_array_api_obj(array) and not any(check(array) for check in excluded)


def to_numpy(array: Any) -> Any:
    """Return a foreign array as one of NumPy, of 32 bits at least; anything else as it is."""
    if not is_foreign(array):
        return array
    if compat.is_torch_array(array):
        short = array.is_floating_point() and array.element_size() < 4
        return (array.float() if short else array).detach().cpu().numpy()
    return array.get() if compat.is_cupy_array(array) else np.asarray(array)


def like(array: Any, result: np.ndarray) -> Any:
    """Return `result` as an array of the library and on the device of a foreign `array`."""
    if not is_foreign(array):
        return result
    return compat.array_namespace(array).asarray(result, device=compat.device(array))


def is_table(X: Any) -> bool:
    """Say whether X is of a library of tables: a frame, a column of one, or a plan of one."""
    return type(X).__module__.partition(".")[0] in ("pandas", "polars", "pyarrow")


def stacked(X: Any) -> Any:
    """Return a column whose cells are vectors as a matrix; anything else as it is.

    What polars has only planned is computed, a batch of pyarrow made a table, and what a mask hides
    made NaN.
    """
    if np.ma.is_masked(X):
        X = X.astype(np.float64).filled(np.nan)
    if is_table(X) and hasattr(X, "collect"):
        X = X.collect()
    if is_table(X) and hasattr(X, "get_fragments"):
        raise TypeError(
            "X is a dataset of pyarrow: pass skcollision.FeatureBlocks(dataset), which a clusterer "
            "reads in blocks, or dataset.to_table()."
        )
    if is_table(X) and type(X).__name__ == "RecordBatch":
        import pyarrow

        X = pyarrow.Table.from_batches([X])
    _refuse_dates(X)
    columns = getattr(X, "columns", [X])
    if is_table(X) and len(columns) == 1 and "list" in str(getattr(columns[0], "type", "")):
        X = np.asarray(X)  # of pyarrow
    is_objects = isinstance(X, np.ndarray) and X.dtype == object
    shape = getattr(X, "shape", None)
    if not (is_table(X) or is_objects) or shape is None or not 1 <= len(shape) <= 2:
        return X
    if not shape[0]:
        return X
    if len(shape) == 2 and shape[1] != 1:
        _refuse_vectors(X)  # an array has no columns with names
        return X
    cells = np.asarray(X)
    if cells.dtype != object:
        return cells if cells.ndim == 2 and len(shape) == 1 else X
    lengths = {np.shape(cell) for cell in cells.ravel()}
    if lengths == {()}:
        return X
    if len(lengths) > 1:  # () is that of a missing vector
        raise ValueError(
            "X is a column of vectors of different lengths: all of its cells must have the same "
            f"number of features. Got shapes {sorted(lengths)[:5]}."
        )
    return np.stack(cells.ravel().tolist())


def _refuse_dates(X: Any) -> None:
    """Raise where columns are of points in time or of spans, of which a cast makes any numbers."""
    types = getattr(getattr(X, "schema", None), "types", None)  # of pyarrow
    is_frame = is_table(X) and hasattr(X, "dtypes") and hasattr(X, "columns")
    for each in types or (X.dtypes if is_frame else [getattr(X, "dtype", None)]):
        if str(each).lower().startswith(("date", "time", "duration")):
            raise ValueError(
                f"X has dates or times, of type {each}. Features are numbers: give days or hours "
                "since one of them, for instance, or leave them out."
            )


def _refuse_vectors(table: Any) -> None:
    """Raise where one of several columns of a data frame holds vectors."""
    for name in getattr(table, "column_names", getattr(table, "columns", ())):
        column = table[name]
        if hasattr(column, "columns"):  # several of one name
            continue
        cells = np.asarray(column)
        if cells.ndim > 1 or (cells.dtype == object and any(map(np.ndim, cells))):
            raise ValueError(
                f"X has {table.shape[1]} columns, and {name!r} holds vectors. Pass the column of "
                "vectors alone, or one number a cell."
            )
