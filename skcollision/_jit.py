"""How kernels are compiled: where first needed, once for each computer, without the GIL."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.core import event

# numba's own annotations do not know all of its options
_njit: Any = numba.njit
_disabled = bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]
_log = logging.getLogger("skcollision")
_OPTIONS: Any = {
    "nogil": True,
    "error_model": "numpy",
    # With reassociation the last bit of a sum depends on where arrays lie in memory: LLVM takes a
    # vector loop or a scalar one by a check of their addresses.
    "fastmath": False,
}
_said: set[str] = set()
_UNCOMPILED = "Kernels of skcollision run as Python, which is slow: unset NUMBA_DISABLE_JIT."
_NOT_KEPT = (
    "There is no folder to keep compiled kernels of skcollision in, so every process compiles them "
    "for seconds: set NUMBA_CACHE_DIR to one that can be written to."
)


def _once(tell: Callable[[str], None], message: str) -> None:
    """Tell of something once in a process, even where warnings are errors."""
    if message not in _said:
        _said.add(message)
        tell(message)


class _Listener(event.Listener):
    """Says that compiling has started, which happens only where the cache has no kernel."""

    def on_start(self, event: Any) -> None:
        # At a level that is shown where logging is not configured.
        _once(_log.warning, "skcollision: compiling kernels (once; cached afterwards) ...")

    def on_end(self, event: Any) -> None:
        pass


def new_records(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Return records of zeros, whose fields kernels see as attributes."""
    records = np.zeros(shape, dtype=dtype)
    # numba takes plain arrays faster, but it is what gives them attributes
    return records.view(np.recarray) if _disabled else records


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that Python calls, and keep the result on disk where that is possible."""
    if _disabled:
        _once(warnings.warn, _UNCOMPILED)
    try:
        compiled = _njit(function, cache=True, **_OPTIONS)
    except RuntimeError:  # numba finds no folder that it may write to
        _once(warnings.warn, _NOT_KEPT)
        compiled = _njit(function, **_OPTIONS)

    def call(*arguments: Any) -> Any:
        if _disabled or compiled.overloads:
            return compiled(*arguments)
        with event.install_listener("numba:compile", _Listener()):
            return compiled(*arguments)

    return call


def inner(function: Callable[..., Any]) -> Any:
    """Compile a function that kernels call, and that comes with them from the cache."""
    return _njit(function, no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)
