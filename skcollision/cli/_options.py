"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

PATH = click.Path(path_type=Path)


def _one_character(context: click.Context, parameter: click.Parameter, value: str) -> str:
    value = "\t" if value in ("\\t", "tab") else value
    if len(value) != 1 or value in '"\r\n':
        raise click.BadParameter("must be one character, or 'tab'.")
    return value


def array_option(name: str = "--array", what: str = "X") -> Callable[..., Any]:
    """Return the option that picks an array of a .npz or a column of a .parquet."""
    help_text = f"Array of a .npz, or column of a .parquet, to read as {what}."
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
