"""How many threads a training step is worth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Multiplications in a step's product from which a second thread pays. Below it, torch's threads
# spend their time waiting for each other, which costs dearly where the cores are busy.
THREADING_PAYS = 2**25


@contextmanager
def threads_worth(multiplications: int) -> Iterator[None]:
    """Run torch on one thread while steps are too small to share, and restore its setting after.

    Parameters
    ----------
    multiplications : int
        Size of a step's matrix product.
    """
    before = torch.get_num_threads()
    if multiplications >= THREADING_PAYS or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
