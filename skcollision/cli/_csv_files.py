"""Reading .csv files, with or without a line of column names."""

import csv
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skcollision.cli._messages import InputError, reason

if TYPE_CHECKING:
    from skcollision.cli._arrays import ReadOptions

# Skips the byte-order mark that spreadsheets write.
_ENCODING = "utf-8-sig"


def matrix(path: Path, options: "ReadOptions") -> NDArray[np.float64]:
    """Read a table of numbers; raises on the first cell that is none."""
    _check_no_array(path, options)
    first_line = next(_lines(path, options), None)
    if first_line is None:
        raise InputError(f"{path}: holds no data")
    number, cells = first_line
    has_header = _looks_like_names(cells) if options.header is None else options.header
    if has_header and cells[0].strip() == "":
        raise InputError(
            f"{path}: the first column has no name, so it seems to be a row index and not a "
            "feature; write the file without it (in pandas: index=False)"
        )
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*input contained no data")
            return np.loadtxt(
                path,
                delimiter=options.delimiter,
                skiprows=number if has_header else 0,
                ndmin=2,
                comments=None,
                quotechar='"',
                encoding=_ENCODING,
            )
    except ValueError as error:
        raise _first_bad_cell(path, options, has_header) or InputError(
            f"{path}: is not a readable .csv file: {reason(error)}"
        ) from error


def labels(path: Path, options: "ReadOptions") -> NDArray[Any]:
    """Read one column of labels: integers, other numbers, or text."""
    _check_no_array(path, options)
    values = []
    for number, cells in _lines(path, options):
        if len(cells) != 1:
            raise InputError(
                f"{path}: line {number} has {len(cells)} cells; must hold one column of labels"
            )
        values.append(cells[0].strip())
    header = _first_is_name(values) if options.header is None else options.header
    column = np.array(values[1:] if header else values, dtype=str)
    for dtype in (np.int64, np.float64):
        try:
            return column.astype(dtype)
        except (ValueError, OverflowError):
            continue
    return column


def _lines(path: Path, options: "ReadOptions") -> Iterator[tuple[int, list[str]]]:
    """Line number, counted from 1, and cells of each line that is not blank."""
    with path.open(newline="", encoding=_ENCODING) as file:
        reader = csv.reader(file, delimiter=options.delimiter)
        try:
            for cells in reader:
                if cells:
                    yield reader.line_num, cells
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{path}: is not a readable .csv file: {reason(error)}") from error


def _looks_like_names(cells: list[str]) -> bool:
    """Whether a first line holds column names: no number at all, or 0, 1, 2, ... as pandas writes.

    A line that mixes numbers and text is taken for data, so that an empty or damaged cell in the
    first row ends in an error and never in a lost row.
    """
    names = cells[1:] if cells[0].strip() == "" else cells
    counted = len(names) > 1 and names == [str(index) for index in range(len(names))]
    return counted or not any(_is_number(cell) for cell in cells)


def _first_is_name(values: list[str]) -> bool:
    """Whether the first of `values` names the column.

    It does if it alone is no number, or if all are text and it never comes again. A wrong guess
    cannot pass: the number of labels then differs from that of the other file.
    """
    if len(values) < 2 or _is_number(values[0]):
        return False
    return _is_number(values[1]) or values[0] not in values[1:]


def _first_bad_cell(path: Path, options: "ReadOptions", has_header: bool) -> InputError | None:
    """Find what numpy stumbled over, to name it by line and column."""
    width: int | None = None
    for index, (number, cells) in enumerate(_lines(path, options)):
        if index == 0 and has_header:
            continue
        width = len(cells) if width is None else width
        if len(cells) != width:
            return InputError(
                f"{path}: line {number} has {len(cells)} cells where the lines before have {width}"
            )
        for column, cell in enumerate(cells, start=1):
            if not _is_number(cell):
                hint = "; if it is a line of column names, say --header" if index == 0 else ""
                return InputError(
                    f"{path}: line {number}, column {column} (counted from 1): "
                    f"{cell[:40]!r} is not a number{hint}"
                )
    return None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _check_no_array(path: Path, options: "ReadOptions") -> None:
    if options.array is not None:
        raise InputError(f"{path}: --array is for .npz and .parquet files; drop it")
