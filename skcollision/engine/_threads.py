"""How many threads a training step is worth."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from threadpoolctl import ThreadpoolController

# Multiplications in a step's product from which a second thread pays. Below it, torch's threads
# spend their time waiting for each other, which costs dearly where the cores are busy.
THREADING_PAYS = 2**25


def threads_worth(multiplications: int) -> AbstractContextManager[object]:
    """Keep torch to one thread in here while steps are too small to share.

    OpenMP has a limit for each calling thread: other threads of the process, and fits in them, keep
    theirs.
    """
    if multiplications >= THREADING_PAYS:
        return nullcontext()
    openmp = ThreadpoolController().select(user_api="openmp")
    return openmp.limit(limits=1)
