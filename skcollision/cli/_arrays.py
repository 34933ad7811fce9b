"""Reading feature matrices and label vectors, with errors that say what is wrong and where."""

import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcollision.cli._messages import InputError, reason

SUFFIXES = (".npy", ".npz", ".csv", ".parquet")
# Elements looked at in one step of the search for NaN: 16 MB of float32, so that a file larger than
# memory can be checked.
_CHECK_ELEMENTS = 1 << 22


@dataclass(frozen=True)
class ReadOptions:
    """How to read a file; the options of the command line that bear on its format."""

    array: str | None = None
    delimiter: str = ","
    header: bool | None = None


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
    if matrix.dtype.kind == "f":
        _check_finite(matrix, path)
    # float16 and short integers fit in float32; the copy is made for no other file of floats.
    return matrix.astype(np.result_type(matrix.dtype, np.float32), copy=False)


def read_numbers(path: Path, options: ReadOptions) -> NDArray[Any]:
    """Read real numbers of any shape, with no check of their values."""
    from skcollision.cli import _csv_files, _parquet_files

    array = _read(path, options, csv=_csv_files.matrix, parquet=_parquet_files.matrix)
    if array.dtype.kind not in "biuf":
        raise InputError(f"{path}: must hold real numbers; its dtype is {array.dtype}")
    return array


def read_labels(path: Path, options: ReadOptions) -> NDArray[Any]:
    """Read a vector of labels, integers or text; a single column counts as a vector."""
    from skcollision.cli import _csv_files, _parquet_files

    labels = _read(path, options, csv=_csv_files.labels, parquet=_parquet_files.labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise InputError(f"{path}: must hold one label per point; its shape is {labels.shape}")
    if labels.size == 0:
        raise InputError(f"{path}: holds no labels")
    if labels.dtype.kind == "f":
        return _integers(labels, path)
    if labels.dtype.kind not in "biuUS":
        raise InputError(f"{path}: labels must be integers or text; their dtype is {labels.dtype}")
    return np.asarray(labels)


def _read(
    path: Path,
    options: ReadOptions,
    *,
    csv: Callable[[Path, ReadOptions], NDArray[Any]],
    parquet: Callable[[Path, ReadOptions], NDArray[Any]],
) -> NDArray[Any]:
    """Read by suffix, with the two readers that depend on what the file is to hold."""
    readers = {".npy": _read_npy, ".npz": _read_npz, ".csv": csv, ".parquet": parquet}
    read = readers[check_suffix(path)]
    try:
        # So that a missing or unreadable file gives the same line in each format.
        with path.open("rb"):
            pass
        return read(path, options)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {reason(error)}") from error
    except MemoryError as error:
        raise InputError(f"{path}: does not fit in memory") from error


def _read_npy(path: Path, options: ReadOptions) -> NDArray[Any]:
    if options.array is not None:
        raise InputError(f"{path}: a .npy file holds one array without a name; drop --array")
    try:
        # Not numpy.load, which would also open a zip archive or a pickle of the same name.
        return np.lib.format.open_memmap(path, mode="r")
    except ValueError as error:
        if "Python objects" in str(error):
            raise _refused_objects(path) from error
        raise InputError(f"{path}: is not a readable .npy file: {reason(error)}") from error


def _read_npz(path: Path, options: ReadOptions) -> NDArray[Any]:
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: is not a .npz file")
    with np.load(path, allow_pickle=False) as archive:
        names = archive.files
        name = options.array
        if name is None and len(names) == 1:
            name = names[0]
        if name not in names:
            wanted = "holds several arrays" if name is None else f"has no array named '{name}'"
            raise InputError(f"{path}: {wanted}; choose one with --array: {listing(names)}")
        try:
            array = archive[name]
        except (ValueError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            if "Object arrays" in str(error):
                raise _refused_objects(path) from error
            raise InputError(f"{path}: array '{name}' is damaged: {reason(error)}") from error
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path}: '{name}' is not an array")
    return array


def _refused_objects(path: Path) -> InputError:
    return InputError(
        f"{path}: holds Python objects, not numbers; loading them could run code, so it is refused"
    )


def _check_finite(matrix: NDArray[Any], path: Path) -> None:
    """Raise on the first NaN or infinity in row order, without a second copy of the matrix."""
    step = max(1, _CHECK_ELEMENTS // matrix.shape[1])
    for start in range(0, len(matrix), step):
        finite = np.isfinite(matrix[start : start + step])
        if finite.all():
            continue
        row, column = np.argwhere(~finite)[0]
        raise InputError(
            f"{path}: row {start + row}, column {column} (counted from 0) is "
            f"{matrix[start + row, column]}; every value must be finite"
        )


def _integers(labels: NDArray[Any], path: Path) -> NDArray[np.int64]:
    """Convert labels that some program stored as floats."""
    wrong = ~np.isfinite(labels) | (labels != np.rint(labels))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(
            f"{path}: row {row} (counted from 0) is {labels[row]}; labels must be integers or text"
        )
    return labels.astype(np.int64)


def listing(names: list[str]) -> str:
    """Names for an error message, cut short where there are many."""
    shown = ", ".join(names[:8])
    return f"{shown}, ... ({len(names)} in all)" if len(names) > 8 else shown or "(there is none)"
