"""One sentence for every argument that is not what it must be."""

from __future__ import annotations

from numbers import Integral
from typing import Any


def wrong(
    name: str, caller: str, must: str, got: object, kind: type[Exception] = ValueError
) -> Exception:
    """Return the error of a parameter of `caller` that must be or do something else."""
    return kind(f"The {name!r} parameter of {caller} must {must}. Got {got} instead.")


def check_positive(value: Any, name: str, caller: str) -> None:
    """Raise where a number of things is not a positive integer."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise wrong(name, caller, "be an integer of at least 1", repr(value))
