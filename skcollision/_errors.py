"""One sentence for every argument that is not what it must be."""

from __future__ import annotations


def wrong(
    name: str, caller: str, must: str, got: object, kind: type[Exception] = ValueError
) -> Exception:
    """Return the error of a parameter of `caller` that must be or do something else."""
    return kind(f"The {name!r} parameter of {caller} must {must}. Got {got} instead.")
