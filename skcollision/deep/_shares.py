"""Which samples of a batch each process computes, and the outputs of all of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skcollision._ranks import exchange
from skcollision.deep._samples import Samples


class Shares:
    """The processes that a fit is shared among; each has all samples, or those of its rank."""

    def __init__(self, samples: Samples, rank: int, n_processes: int) -> None:
        self._ends = np.cumsum(samples.sizes) if samples.shared else None
        self._first = sum(samples.sizes[:rank]) if samples.shared else 0
        self._rank, self.n_processes = rank, n_processes

    def split(self, rows: np.ndarray) -> list[np.ndarray]:
        """Divide samples among the processes."""
        if self._ends is None:
            return np.array_split(rows, self.n_processes)
        owners = np.searchsorted(self._ends, rows, side="right")
        return [rows[owners == rank] for rank in range(self.n_processes)]

    def own(self, parts: list[np.ndarray]) -> np.ndarray:
        """Return which samples of those that are here are this process's."""
        return parts[self._rank] - self._first

    def join(self, outputs: Tensor, parts: list[np.ndarray]) -> Tensor:
        """Return the outputs for all parts, of which those of this process have gradients."""
        if self.n_processes == 1:
            return outputs
        padded = outputs.new_zeros((max(map(len, parts)), outputs.shape[1]))
        padded[: len(outputs)] = outputs.detach()
        found = [torch.empty_like(padded) for _ in parts]
        exchange("all_gather", found, padded)
        joined = [each[: len(part)] for each, part in zip(found, parts, strict=True)]
        joined[self._rank] = outputs
        return torch.cat(joined)

    def agree(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors by those of the first process."""
        for tensor in tensors if self.n_processes > 1 else ():
            exchange("broadcast", tensor, src=0)


def layout(samples: Samples, n_devices: Any, strategy: str) -> dict[str, Any]:
    """Return Fabric's options for devices, which are of a process group where ranks share rows."""
    n_ranks = len(samples.sizes)
    if n_ranks == 1:
        return {"devices": n_devices, "strategy": strategy}
    n_here = int(os.environ.get("LOCAL_WORLD_SIZE", n_ranks))
    strategy = "ddp" if strategy == "auto" else strategy
    return {"devices": n_here, "num_nodes": n_ranks // n_here, "strategy": strategy}
