"""Reading feature matrices and label vectors, with errors that say where."""

import csv
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, is_zipfile

import numpy as np
from numpy.typing import NDArray

from skcollision._extras import import_extra
from skcollision.blocks import FeatureBlocks
from skcollision.blocks._feature_blocks import check_finite
from skcollision.cli._interface import InputError, ReadOptions, listing, reason

SUFFIXES = (".npy", ".npz", ".csv", ".parquet")
# Elements looked at in one step of the search for NaN, as a file may be larger than memory.
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


_ROWS = 1 << 12  # copied at a time
# Arrow wants a whole line in one block: this holds a few million features.
_CSV_BLOCK_BYTES = 1 << 26


def import_pyarrow(path: Path) -> Any:
    """Import pyarrow and its readers, or say how to install it."""
    try:
        for name in ("csv", "dataset", "parquet"):
            import_extra(f"pyarrow.{name}", "tables", str(path))
    except ImportError as error:
        raise InputError(error) from error
    return import_extra("pyarrow", "tables", str(path))


def table_matrix(path: Path, options: ReadOptions) -> NDArray[Any]:
    """Read columns of numbers, or of vectors of numbers, as one finite matrix."""
    dataset, columns = open_table(path, options, as_numbers=True)
    features = FeatureBlocks(dataset, columns=columns)
    matrix = np.empty(features.shape, features.dtype)
    for rows, block in features.blocks(_ROWS):
        matrix[rows] = block
    return matrix


def table_labels(path: Path, options: ReadOptions) -> NDArray[Any]:
    """Read one column of numbers or text."""
    dataset, columns = open_table(path, options, as_numbers=False)
    if len(columns) != 1:
        raise InputError(
            f"{path}: has {len(columns)} columns; choose one with --array: {listing(columns)}"
        )
    column = dataset.to_table(columns=columns).column(0)
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise InputError(f"{path}: row {row} (counted from 0) has no label")
    labels = column.to_numpy()
    if labels.dtype.kind not in "biuf":
        labels = np.char.strip(column.cast("string").to_numpy().astype(str))
    if path.suffix.lower() != ".csv":
        return labels
    # A first line that was taken for a name is a label if it comes again or stands alone. A wrong
    # guess cannot pass: the number of labels then differs from that of the other file.
    if options.header is None and (not len(labels) or columns[0] in labels):
        return table_labels(path, options._replace(header=False))
    for dtype in (np.int64, np.float64):
        try:
            return labels.astype(dtype)
        except (ValueError, OverflowError):
            continue
    return labels


def open_table(path: Path, options: ReadOptions, *, as_numbers: bool) -> tuple[Any, list[str]]:
    """Return the file as a dataset of Arrow, and the names of the chosen columns."""
    pa = import_pyarrow(path)
    if path.suffix.lower() == ".csv":
        table = _read_csv(path, options, as_numbers)
        return pa.dataset.dataset(table), table.column_names
    dataset = pa.dataset.dataset(path, format="parquet")
    return dataset, _choose(path, dataset.schema.names, options)


def _read_csv(path: Path, options: ReadOptions, as_numbers: bool) -> Any:
    """Read the chosen columns as a table of Arrow."""
    pa = import_pyarrow(path)
    first, n_skipped = _first_line(path, options)
    has_header = _has_header(first, options)
    names = _csv_names(first, options)
    columns = _choose(path, names, options)
    hint = ""
    if len(first) == 1:
        hint = f"; the first line has no {options.delimiter!r}: see --delimiter"
    elif not has_header and not all(map(_is_number, first)):
        hint = "; if the first line holds the names of columns, say --header"
    try:
        table = pa.csv.read_csv(
            path,
            # One thread, so that errors tell the row.
            read_options=pa.csv.ReadOptions(
                column_names=names,
                skip_rows=n_skipped if has_header else 0,
                use_threads=False,
                block_size=_CSV_BLOCK_BYTES,
            ),
            parse_options=pa.csv.ParseOptions(delimiter=options.delimiter, newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                include_columns=columns,
                column_types=dict.fromkeys(columns, pa.float64() if as_numbers else pa.string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except ValueError as error:
        raise InputError(f"{path}: cannot be read: {reason(error)}{hint}") from error
    if as_numbers and not table.num_rows:
        raise InputError(f"{path}: holds no data{hint}")
    return table


def _first_line(path: Path, options: ReadOptions) -> tuple[list[str], int]:
    """Return the cells of the first line that has some, and its number."""
    # This encoding skips the byte-order mark that spreadsheets write.
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file, delimiter=options.delimiter)
        first = [cell.strip() for cell in next((cells for cells in lines if cells), [])]
    if not first:
        raise InputError(f"{path}: holds no data")
    return first, lines.line_num


def _has_header(first: list[str], options: ReadOptions) -> bool:
    return _looks_like_names(first) if options.header is None else options.header


def _csv_names(first: list[str], options: ReadOptions) -> list[str]:
    """Return the names of the columns, or their numbers where they have none."""
    is_unique = len({*first}) == len(first)
    return first if is_unique and _has_header(first, options) else list(map(str, range(len(first))))


def feature_names(path: Path, options: ReadOptions) -> list[str]:
    """Return the names of the columns of a table that `read_matrix` has read; none of an array."""
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _choose(path, _csv_names(_first_line(path, options)[0], options), options)
    return open_table(path, options, as_numbers=True)[1] if suffix == ".parquet" else []


def _looks_like_names(cells: list[str]) -> bool:
    """Whether a first line names columns: it has no number, or 0, 1, 2, ... as pandas writes."""
    # One of numbers and text is data, so that a damaged cell ends in an error, not in a lost row.
    names = cells[1:] if cells[0] == "" else cells
    counted = len(names) > 1 and names == [str(index) for index in range(len(names))]
    return counted or not any(map(_is_number, cells))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _choose(path: Path, names: list[str], options: ReadOptions) -> list[str]:
    """Return the names of the columns that the options choose."""

    def find(wanted: str) -> str:
        if wanted in names:
            return wanted
        if wanted.isdecimal() and int(wanted) < len(names):
            return names[int(wanted)]
        raise InputError(f"{path}: has no column '{wanted}'; it has {listing(names)}")

    wanted = options.columns if options.array is None else (options.array,)
    dropped = set(map(find, options.drop))
    kept = dict.fromkeys(map(find, wanted)) if wanted else names
    chosen = [name for name in kept if name not in dropped]
    if not chosen:
        raise InputError(f"{path}: no column is left of {listing(names)}")
    # What pandas calls an index without a name, in .parquet and in .csv files.
    if "__index_level_0__" in chosen or (names[0] == "" and "" in chosen):
        raise InputError(
            f"{path}: has a column without a name, which seems to be a row index and not a "
            "feature; choose others with --columns or --array, or leave it out with --drop"
        )
    return chosen
