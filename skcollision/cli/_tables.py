"""Reading .csv and .parquet files with pyarrow, which is imported on use."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcollision._extras import import_extra
from skcollision.blocks import FeatureBlocks
from skcollision.cli._messages import InputError, listing, reason
from skcollision.cli._options import ReadOptions

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
    dataset, columns = _open(path, options, as_numbers=True)
    features = FeatureBlocks(dataset, columns=columns)
    matrix = np.empty(features.shape, features.dtype)
    for rows, block in features.blocks(_ROWS):
        matrix[rows] = block
    return matrix


def table_labels(path: Path, options: ReadOptions) -> NDArray[Any]:
    """Read one column of numbers or text."""
    dataset, columns = _open(path, options, as_numbers=False)
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
        return table_labels(path, replace(options, header=False))
    for dtype in (np.int64, np.float64):
        try:
            return labels.astype(dtype)
        except (ValueError, OverflowError):
            continue
    return labels


def _open(path: Path, options: ReadOptions, *, as_numbers: bool) -> tuple[Any, list[str]]:
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
    # This encoding skips the byte-order mark that spreadsheets write.
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file, delimiter=options.delimiter)
        first = [cell.strip() for cell in next((cells for cells in lines if cells), [])]
        n_skipped = lines.line_num
    if not first:
        raise InputError(f"{path}: holds no data")
    has_header = _looks_like_names(first) if options.header is None else options.header
    numbered = [str(index) for index in range(len(first))]
    names = first if has_header and len({*first}) == len(first) else numbered
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


def _looks_like_names(cells: list[str]) -> bool:
    """Whether a first line holds column names: no number at all, or 0, 1, 2, ... as pandas writes.

    A line that mixes numbers and text is taken for data, so that an empty or damaged cell in the
    first row ends in an error and never in a lost row.
    """
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
