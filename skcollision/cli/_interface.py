"""Options that commands share, and what they say to the user: all on stderr."""

import csv
import functools
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click


class InputError(click.ClickException):
    """A mistake in what the user gave: one line on stderr, exit code 2."""

    exit_code = 2

    def __init__(self, message: object) -> None:
        super().__init__(_one_line(message))


@contextmanager
def estimator_messages(columns: Sequence[str] = ()) -> Iterator[None]:
    """Show the warnings of an estimator as lines, and its complaints about input as InputError.

    What it says of a column of X, it then says of the one in the file, which has a name in
    `columns`.
    """
    # Python's filters are those of the whole process, which here is this command's.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            yield
        # As the data have been checked, these are about options, or an extra that is not installed.
        except (ImportError, TypeError, ValueError) as error:
            raise InputError(error) from error
    # Deprecations concern the developers of a library, not the user of a command.
    for message in dict.fromkeys(
        _with_name(_one_line(each.message), columns)
        for each in caught
        if issubclass(each.category, UserWarning)
    ):
        click.echo(f"Warning: {message}", err=True)


def reason(error: Exception) -> str:
    """Why a file operation failed, without Python's error number and repeated file name."""
    return getattr(error, "strerror", None) or _one_line(error) or type(error).__name__


def listing(names: list[str]) -> str:
    """Names for an error message, cut short where there are many."""
    shown = ", ".join(names[:8])
    return f"{shown}, ... ({len(names)} in all)" if len(names) > 8 else shown or "(there is none)"


def _one_line(message: object) -> str:
    return " ".join(str(message).split())


def _with_name(message: str, columns: Sequence[str]) -> str:
    """Name a column that a message about X has a number of."""
    if not columns:
        return message
    return re.sub(
        r"^In X, column (\d+)", lambda found: f"In X, column '{columns[int(found[1])]}'", message
    )


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


def add(*options: Callable[..., Any]) -> Callable[..., Any]:
    """Return one decorator that adds several options, in this order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        return functools.reduce(lambda call, option: option(call), reversed(options), command)

    return decorate


def array_option(name: str = "--array", what: str = "X") -> Callable[..., Any]:
    """Return the option that picks an array of a .npz or a column of a table."""
    help_text = f"Array of a .npz, or column of a .csv or .parquet, to read as {what}."
    return click.option(name, metavar="NAME", help=help_text)


csv_options = add(
    click.option(
        "--delimiter",
        default=",",
        show_default=True,
        callback=_one_character,
        help="What separates the cells of a .csv that is read ('tab' for tabulators).",
    ),
    click.option(
        "--header/--no-header",
        default=None,
        help="Whether the first line of a .csv names its columns.  [default: look and see]",
    ),
)
matrix_options = add(
    array_option(),
    click.option(
        "--columns",
        metavar="NAMES",
        callback=_split,
        help="Columns of a .csv or .parquet: names or numbers from 0, as in 'a,b,7'.",
    ),
    click.option(
        "--drop", metavar="NAMES", callback=_split, help="Columns to leave out, as for --columns."
    ),
    csv_options,
)
output_options = add(
    click.option(
        "-o",
        "--output",
        "labels_path",
        type=PATH,
        metavar="FILE",
        required=True,
        help="Write the cluster of each row, 0 .. K-1.",
    ),
    click.option(
        "--proba", "proba_path", type=PATH, metavar="FILE", help="Write the N x K probabilities."
    ),
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print no summary on stderr.")
