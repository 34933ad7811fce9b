"""Warnings of fits, which one thread can leave out: Python's filters are the whole process's."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_is_quiet = ContextVar("is_quiet", default=False)

# Batches of fewer points a cluster say next to nothing of its share.
LEAST_PER_CLUSTER = 2

# Where a fit is called, as near as scikit-learn's decorators around it let.
_STACKLEVEL = 4


def warn(message: str, category: type[Warning]) -> None:
    """Warn the caller of the fit whose helper calls this, unless it is to be quiet."""
    if not _is_quiet.get():
        warnings.warn(message, category, stacklevel=_STACKLEVEL)


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out the warnings of fits of this package that the calling thread makes."""
    token = _is_quiet.set(True)
    try:
        yield
    finally:
        _is_quiet.reset(token)


def warn_of_batches(
    size: int, n_points: float, n_clusters: int, what: str = "'batch_size'"
) -> None:
    """Warn of batches that cannot show in which proportions clusters are."""
    least = LEAST_PER_CLUSTER * n_clusters
    if size < min(n_points, least):
        warn(
            f"Batches of {size} points are too few for {n_clusters} clusters, whose proportions "
            f"each batch is held to. Raise {what} to {least} or more.",
            UserWarning,
        )
