"""How kernels are compiled: where first needed, once for each computer, without the GIL."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from numba import config, njit
from numba.core import event

_log = logging.getLogger("skcollision")
_OPTIONS = {
    "nogil": True,
    "error_model": "numpy",
    # Reassociation lets sums vectorise. Infinities keep their meaning ("ninf" is left out); no
    # kernel compares with NaN, which the callers keep out.
    "fastmath": {"contract", "reassoc", "nsz", "arcp", "nnan"},
}
_said = set()


def _say_once(message: str) -> None:
    """Log a line, at a level that is shown where logging is not configured."""
    if message not in _said:
        _said.add(message)
        _log.warning(message)


class _Listener(event.Listener):
    """Says that compiling has started, which happens only where the cache has no kernel."""

    def on_start(self, event: Any) -> None:
        _say_once("skcollision: compiling kernels (once; cached afterwards) ...")

    def on_end(self, event: Any) -> None:
        pass


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that Python calls, and keep the result on disk where that is possible."""
    try:
        compiled = njit(function, cache=True, **_OPTIONS)
    except RuntimeError:  # numba finds no folder that it may write to
        _say_once("skcollision: no folder to keep compiled kernels in; see NUMBA_CACHE_DIR")
        compiled = njit(function, **_OPTIONS)

    def call(*arguments: Any) -> Any:
        if config.DISABLE_JIT or compiled.signatures:  # type: ignore[attr-defined]
            return compiled(*arguments)
        with event.install_listener("numba:compile", _Listener()):
            return compiled(*arguments)

    return call


def inner(function: Callable[..., Any]) -> Any:
    """Compile a function that kernels call, and that comes with them from the cache."""
    return njit(function, no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)
