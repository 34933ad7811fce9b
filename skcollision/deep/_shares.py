"""Which samples of a batch each process computes, and the outputs of all of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skcollision._ranks import exchange


class Shares:
    """The processes that a fit is shared among, and what samples each has: all, or its own.

    Attributes
    ----------
    n_samples : int
        Samples of all processes.
    first : int
        Number of the first sample that is here.
    """

    def __init__(self, n_here: int, sizes: list[int] | None, rank: int, n_processes: int) -> None:
        self._ends = None if sizes is None else np.cumsum(sizes)
        self.n_samples = n_here if sizes is None else sum(sizes)
        self.first = 0 if sizes is None else sum(sizes[:rank])
        self.rank, self.n_processes = rank, n_processes

    def split(self, rows: np.ndarray) -> list[np.ndarray]:
        """Divide samples among the processes."""
        if self._ends is None:
            return np.array_split(rows, self.n_processes)
        owners = np.searchsorted(self._ends, rows, side="right")
        return [rows[owners == rank] for rank in range(self.n_processes)]

    def own(self, parts: list[np.ndarray]) -> np.ndarray:
        """Return which samples of those that are here are this process's."""
        return parts[self.rank] - self.first

    def join(self, outputs: Tensor, parts: list[np.ndarray]) -> Tensor:
        """Return the outputs for all parts, of which those of this process have gradients."""
        if self.n_processes == 1:
            return outputs
        padded = outputs.new_zeros((max(map(len, parts)), outputs.shape[1]))
        padded[: len(outputs)] = outputs.detach()
        found = [torch.empty_like(padded) for _ in parts]
        exchange("all_gather", found, padded)
        joined = [each[: len(part)] for each, part in zip(found, parts, strict=True)]
        joined[self.rank] = outputs
        return torch.cat(joined)

    def agree(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors by those of the first process."""
        if self.n_processes > 1:
            for tensor in tensors:
                exchange("broadcast", tensor, src=0)


def layout(sizes: list[int] | None, n_devices: Any, strategy: str) -> dict[str, Any]:
    """Return Fabric's options for devices, which are of a process group where ranks share rows."""
    if sizes is None or len(sizes) == 1:
        return {"devices": n_devices, "strategy": strategy}
    n_here = int(os.environ.get("LOCAL_WORLD_SIZE", len(sizes)))
    strategy = "ddp" if strategy == "auto" else strategy
    return {"devices": n_here, "num_nodes": len(sizes) // n_here, "strategy": strategy}
