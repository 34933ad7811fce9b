"""Libraries that extras install, imported on use."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def import_extra(module: str, extra: str, caller: str) -> Any:
    """Return a module, or say in one sentence how to get it."""
    try:
        return import_module(module)
    # One built for another torch fails with a RuntimeError or an OSError.
    except (ImportError, RuntimeError, OSError) as error:
        raise ImportError(
            f"{caller} needs {module.partition('.')[0]}, which the extra '{extra}' installs: "
            f"pip install 'skcollision[{extra}]'. (Importing it failed: {error})"
        ) from error
