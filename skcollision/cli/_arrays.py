"""Reading feature matrices and label vectors, with errors that say what is wrong and where."""

import csv
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, is_zipfile

import numpy as np
from numpy.typing import NDArray

from skcollision.blocks._feature_blocks import check_finite
from skcollision.cli._messages import InputError, listing, reason
from skcollision.cli._options import ReadOptions
from skcollision.cli._tables import table_labels, table_matrix

SUFFIXES = (".npy", ".npz", ".csv", ".parquet")
# Elements looked at in one step of the search for NaN: 16 MB of float32, so that a file larger than
# memory can be checked.
_CHECK_ELEMENTS = 1 << 22
# What numpy, pyarrow, zipfile and csv raise where a file is not what its name says.
_DAMAGED = (OSError, ValueError, EOFError, NotImplementedError, BadZipFile, zlib.error, csv.Error)

Reader = Callable[[Path, ReadOptions], NDArray[Any]]


def check_suffix(path: Path) -> str:
    """Return the suffix of `path` in lower case, or raise if it is none of SUFFIXES."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: the name must end in one of {', '.join(SUFFIXES)}")
    return suffix


def read_matrix(path: Path, options: ReadOptions) -> NDArray[Any]:
    """Read a feature matrix: 2-D, real, finite, float32 or float64; a .npy is memory-mapped."""
    matrix = read_numbers(path, options)
    if matrix.ndim != 2:
        raise InputError(
            f"{path}: must hold a 2-D array of shape (n_samples, n_features); "
            f"its shape is {matrix.shape}"
        )
    if 0 in matrix.shape:
        raise InputError(f"{path}: holds no data; its shape is {matrix.shape}")
    step = max(1, _CHECK_ELEMENTS // matrix.shape[1])
    try:
        for start in range(0, len(matrix), step):
            check_finite(matrix[start : start + step], start)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    # float16 and short integers fit in float32; the copy is made for no other file of floats.
    return matrix.astype(np.result_type(matrix.dtype, np.float32), copy=False)


def read_numbers(path: Path, options: ReadOptions) -> NDArray[Any]:
    """Read real numbers of any shape."""
    array = _read(path, options, table_matrix)
    if array.dtype.kind not in "biuf":
        raise InputError(f"{path}: must hold real numbers; its dtype is {array.dtype}")
    return array


def read_labels(path: Path, options: ReadOptions) -> NDArray[Any]:
    """Read a vector of labels, integers or text; a single column counts as a vector."""
    labels = _read(path, options, table_labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise InputError(f"{path}: must hold one label per point; its shape is {labels.shape}")
    if labels.size == 0:
        raise InputError(f"{path}: holds no labels")
    if labels.dtype.kind not in "biufUS":
        raise InputError(f"{path}: labels must be integers or text; their dtype is {labels.dtype}")
    if labels.dtype.kind != "f":
        return np.asarray(labels)
    wrong = ~np.isfinite(labels) | (labels != np.rint(labels))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(
            f"{path}: row {row} (counted from 0) is {labels[row]}; labels must be integers or text"
        )
    return labels.astype(np.int64)


def _read(path: Path, options: ReadOptions, read_table: Reader) -> NDArray[Any]:
    """Read by suffix; a table is read by what it is to hold."""
    suffix = check_suffix(path)
    if suffix in (".npy", ".npz") and (options.columns or options.drop):
        raise InputError(f"{path}: --columns and --drop are for .csv and .parquet files")
    readers: dict[str, Reader] = {".npy": _read_npy, ".npz": _read_npz}
    try:
        # So that a missing or unreadable file gives the same line in each format.
        with path.open("rb"):
            pass
        return readers.get(suffix, read_table)(path, options)
    except MemoryError as error:
        raise InputError(f"{path}: does not fit in memory") from error
    except _DAMAGED as error:
        raise InputError(f"{path}: cannot be read: {reason(error)}") from error


def _read_npy(path: Path, options: ReadOptions) -> NDArray[Any]:
    if options.array is not None:
        raise InputError(f"{path}: a .npy file holds one array without a name; drop --array")
    # Not numpy.load, which would also open a zip archive or a pickle of the same name.
    return np.lib.format.open_memmap(path, mode="r")


def _read_npz(path: Path, options: ReadOptions) -> NDArray[Any]:
    if not is_zipfile(path):
        raise InputError(f"{path}: is not a .npz file")
    # Pickles could run code, so they are refused.
    with np.load(path, allow_pickle=False) as archive:
        names, name = archive.files, options.array
        if name is None and len(names) == 1:
            name = names[0]
        if name not in names:
            wanted = "holds several arrays" if name is None else f"has no array named '{name}'"
            raise InputError(f"{path}: {wanted}; choose one with --array: {listing(names)}")
        array = archive[name]
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path}: '{name}' is not an array")
    return array
