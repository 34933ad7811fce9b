"""Options that commands share, and what they say to the user: all on stderr."""

import csv
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

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


class ReadOptions(NamedTuple):
    """How to read a file."""

    array: str | None = None
    columns: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    delimiter: str = ","
    header: bool | None = None

    @classmethod
    def taken(cls, options: dict[str, Any]) -> "ReadOptions":
        """Take them out of the options of a command."""
        return cls(**{name: options.pop(name) for name in cls._fields if name in options})


def _one_character(context: click.Context, parameter: click.Parameter, value: str) -> str:
    value = "\t" if value in ("\\t", "tab") else value
    if len(value) != 1 or value in '"\r\n':
        raise click.BadParameter("must be one character, or 'tab'.")
    return value


def _split(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in next(csv.reader([value]), []))


Decorator = Callable[[Any], Any]


def options(*each: Decorator) -> Decorator:
    """Return one decorator that adds several options, in this order."""
    return lambda command: reduce(lambda call, option: option(call), reversed(each), command)


def path_option(*names: str, help: str, metavar: str = "FILE", **settings: Any) -> Decorator:
    """Return an option that names a file."""
    path = click.Path(path_type=Path)
    return click.option(*names, type=path, metavar=metavar, help=help, **settings)


def path_argument(name: str, metavar: str) -> Decorator:
    """Return an argument that names a file."""
    return click.argument(name, metavar=metavar, type=click.Path(path_type=Path))


def array_option(name: str = "--array", what: str = "X") -> Decorator:
    """Return the option that picks an array of a .npz or a column of a table."""
    help = f"Array of a .npz, or column of a .csv or .parquet, to read as {what}."
    return click.option(name, metavar="NAME", help=help)


def names_option(name: str, help: str) -> Decorator:
    """Return an option of several names with commas between."""
    return click.option(name, metavar="NAMES", default="", callback=_split, help=help)


delimiter = "What separates the cells of a .csv that is read ('tab' for tabulators)."
header = "Whether the first line of a .csv names its columns.  [default: look and see]"
csv_options = options(
    click.option(
        "--delimiter", default=",", show_default=True, callback=_one_character, help=delimiter
    ),
    click.option("--header/--no-header", default=None, help=header),
)
matrix_options = options(
    array_option(),
    names_option("--columns", "Columns of a .csv or .parquet: names or numbers from 0: 'a,b,7'."),
    names_option("--drop", "Columns to leave out, as for --columns."),
    csv_options,
)
labels = "Write the cluster of each row, 0 .. K-1."
output_options = options(
    path_option("-o", "--output", "labels_path", required=True, help=labels),
    path_option("--proba", "proba_path", help="Write the N x K probabilities."),
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print no summary on stderr.")
