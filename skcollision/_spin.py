"""Waiting for another thread without going to sleep."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

# Looks before a waiting thread should rather sleep: one or two tenths of a millisecond, about as
# long as it takes to wake a thread that sleeps on an idle core.
PATIENCE = 1_000_000
# Looks after the change, some microseconds: the thread that made it still holds the GIL, and a
# thread that asks for the GIL before it is free is put to sleep after all.
GRACE = 40_000


def _read(context: Any, array: Any, index: Any) -> Any:
    """Read one int64 that another thread may have written."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.load_atomic(builder.gep(data, [args[1]]), "acquire", 8)

    return types.int64(array, types.intp), codegen


_look: Any = intrinsic(_read)


@njit(nogil=True, cache=True)
def wait(counters: np.ndarray, index: int, seen: int) -> bool:
    """Wait, without the GIL, until an entry is no longer what was seen; False if that takes long.

    Parameters
    ----------
    counters : ndarray of shape (n,), int64
        What threads tell each other.
    index : int
        The entry to watch.
    seen : int
        Its last value.
    """
    for _ in range(PATIENCE):
        if _look(counters, index) != seen:
            for _ in range(GRACE):
                _look(counters, index)
            return True
    return False
