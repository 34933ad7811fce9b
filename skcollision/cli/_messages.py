"""What the commands say to the user: errors, warnings and one-line summaries, all on stderr."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import click


class InputError(click.ClickException):
    """A mistake in what the user gave: one line on stderr, exit code 2."""

    exit_code = 2

    def __init__(self, message: object) -> None:
        super().__init__(_one_line(message))


@contextmanager
def estimator_messages() -> Iterator[None]:
    """Show the warnings of an estimator as lines, and its complaints about input as InputError."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            yield
        # Every complaint of an estimator about its parameters and data is one of these two; the
        # data have been checked before, so what is left is the value of an option.
        except (TypeError, ValueError) as error:
            raise InputError(error) from error
    # Deprecations concern the developers of a library, not the user of a command.
    for message in dict.fromkeys(
        _one_line(each.message) for each in caught if issubclass(each.category, UserWarning)
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
