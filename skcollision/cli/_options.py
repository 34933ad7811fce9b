"""Options that several commands share."""

import csv
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

PATH = click.Path(path_type=Path)


@dataclass(frozen=True)
class ReadOptions:
    """How to read a file."""

    array: str | None = None
    columns: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    delimiter: str = ","
    header: bool | None = None


def _one_character(context: click.Context, parameter: click.Parameter, value: str) -> str:
    value = "\t" if value in ("\\t", "tab") else value
    if len(value) != 1 or value in '"\r\n':
        raise click.BadParameter("must be one character, or 'tab'.")
    return value


def _split(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in next(csv.reader([value]), [])) if value else ()


def array_option(name: str = "--array", what: str = "X") -> Callable[..., Any]:
    """Return the option that picks an array of a .npz or a column of a table."""
    help_text = f"Array of a .npz, or column of a .csv or .parquet, to read as {what}."
    return click.option(name, metavar="NAME", help=help_text)


def csv_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how a .csv is written."""
    command = click.option(
        "--header/--no-header",
        default=None,
        help="Whether the first line of a .csv names its columns.  [default: look and see]",
    )(command)
    return click.option(
        "--delimiter",
        default=",",
        show_default=True,
        callback=_one_character,
        help="What separates the cells of a .csv that is read ('tab' for tabulators).",
    )(command)


def matrix_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how to read X; the command takes them as one `read_options`."""

    @functools.wraps(command)
    def wrapped(
        *,
        array: str | None,
        columns: tuple[str, ...],
        drop: tuple[str, ...],
        delimiter: str,
        header: bool | None,
        **arguments: Any,
    ) -> None:
        options = ReadOptions(array, columns, drop, delimiter, header)
        command(read_options=options, **arguments)

    add_drop, add_columns = (
        click.option(name, metavar="NAMES", callback=_split, help=help_text)
        for name, help_text in [
            ("--drop", "Columns to leave out, as for --columns."),
            ("--columns", "Columns of a .csv or .parquet: names or numbers from 0, as in 'a,b,7'."),
        ]
    )
    return array_option()(add_columns(add_drop(csv_options(wrapped))))


def quiet_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option that silences the summary on stderr."""
    return click.option("-q", "--quiet", is_flag=True, help="Print no summary on stderr.")(command)


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name the files of labels and probabilities."""
    command = click.option(
        "--proba", "proba_path", type=PATH, metavar="FILE", help="Write the N x K probabilities."
    )(command)
    return click.option(
        "-o",
        "--output",
        "labels_path",
        type=PATH,
        metavar="FILE",
        required=True,
        help="Write the cluster of each row, 0 .. K-1.",
    )(command)
