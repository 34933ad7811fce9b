"""Docstrings of estimators that share most of their parameters."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import TypeVar

AnyClass = TypeVar("AnyClass", bound=type)


def documented_like(model: type) -> Callable[[AnyClass], AnyClass]:
    """Complete the numpydoc sections of a class with the entries of a class like it.

    Parameters that the class takes but does not document, and attributes that it does not document,
    are described as in `model`, and in its order; so is which of them are "Other Parameters".

    Parameters
    ----------
    model : type
        Class with a complete docstring.

    Returns
    -------
    callable
        Decorator of classes.

    Examples
    --------
    >>> from skcollision.cluster import MutualInfoClusterer
    >>> "n_components : int, default=128" in MutualInfoClusterer.__doc__
    True
    """

    def decorate(cls: AnyClass) -> AnyClass:
        # python -OO has no docstrings.
        if cls.__doc__ and model.__doc__:
            own, source = _sections(cls.__doc__), _sections(model.__doc__)
            taken = inspect.signature(cls).parameters
            others = _entries(source.get("Other Parameters", ""))
            entries = {**_entries(source["Parameters"]), **others, **_entries(own["Parameters"])}
            attributes = {
                **_entries(source["Attributes"]),
                **_entries(own.get("Attributes", "")),
            }
            contents = {
                "Parameters": {k: v for k, v in entries.items() if k in taken and k not in others},
                "Other Parameters": {k: v for k, v in entries.items() if k in {*taken} & {*others}},
                "Attributes": attributes,
            }
            head = {"": own.pop("")} | {
                title: _section(title, each) for title, each in contents.items() if each
            }
            cls.__doc__ = "".join({**own, **head}[name] for name in {**head, **own})
        return cls

    return decorate


def _sections(doc: str) -> dict[str, str]:
    """Return the text of each section by its title; what comes before the first has none."""
    first, *others = re.split(r"^(?=\S.*\n-+$)", inspect.cleandoc(doc), flags=re.MULTILINE)
    return {"": first, **{text.partition("\n")[0]: text for text in others}}


def _entries(section: str) -> dict[str, str]:
    """Return the entries of a section by name, each with its description."""
    found = re.split(r"^(?=\w+ : )", section, flags=re.MULTILINE)[1:]
    return {entry.partition(" ")[0]: entry.rstrip() for entry in found}


def _section(title: str, entries: dict[str, str]) -> str:
    return "\n".join([title, "-" * len(title), *entries.values(), "", ""])
