"""What the ranks of torch.distributed's process group do and tell each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


def process_group() -> Any:
    """Return torch.distributed, where there is a process group."""
    from torch import distributed  # here, as the command line has no time for torch

    if not (distributed.is_available() and distributed.is_initialized()):
        raise RuntimeError(
            "ShardedRows needs a process group: call torch.distributed.init_process_group first, "
            "in a script that torchrun starts."
        )
    return distributed


def rank() -> int:
    """Return the number of this process."""
    return int(process_group().get_rank())


def n_ranks() -> int:
    """Return the number of processes."""
    return int(process_group().get_world_size())


def together(task: Callable[[], T]) -> T:
    """Do a task on every rank; where it fails on one, all stop, and say on which."""
    failure: Exception | None = None
    try:
        value = task()
    except Exception as error:
        failure = error
    told = gather(failure and f"{type(failure).__name__}: {failure}")
    if failure is not None:
        raise failure
    for number, text in enumerate(told):
        if text is not None:
            raise RuntimeError(f"Rank {number} stopped with {text}")
    return value


def on_first(task: Callable[[], T]) -> T:
    """Do a task on rank 0, and return what it gives on all."""
    found = [together(lambda: task() if rank() == 0 else None)]
    first = found[0]
    exchange("broadcast_object_list", found, src=0)
    return first if rank() == 0 else found[0]  # type: ignore[return-value]


def gather(value: T) -> list[T]:
    """Return the small values of all ranks, in their order."""
    found: list[Any] = [None] * n_ranks()
    exchange("all_gather_object", found, value)
    return found


def gather_on_first(value: T) -> list[T]:
    """Return the values of all ranks on rank 0, nothing on others."""
    found: list[Any] = [None] * n_ranks()
    exchange("gather_object", value, found if rank() == 0 else None)
    return found if rank() == 0 else []


def add(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Return the sums over all ranks of their arrays, in float64; the same bits on each."""
    import torch

    flat = np.concatenate([np.ravel(each) for each in arrays], dtype=np.float64)
    device = "cuda" if process_group().get_backend() == "nccl" else "cpu"
    total = torch.from_numpy(flat).to(device)
    exchange("all_reduce", total)
    parts = np.split(total.cpu().numpy(), np.cumsum([each.size for each in arrays])[:-1])
    return [part.reshape(each.shape) for part, each in zip(parts, arrays, strict=True)]


def exchange(name: str, *args: Any, **kwargs: Any) -> None:
    """Call a function of torch.distributed."""
    with exchanging():
        getattr(process_group(), name)(*args, **kwargs)


@contextmanager
def exchanging() -> Iterator[None]:
    """Say what it means where another rank is gone."""
    try:
        yield
    except RuntimeError as error:
        # NCCL's errors have a class of their own, gloo's only their words.
        if type(error).__module__ != "torch.distributed" and "gloo" not in str(error):
            raise
        raise ConnectionError(
            "Another rank of the process group has stopped, or did not answer in the time that "
            "init_process_group has as its timeout."
        ) from error
