"""Images in whatever layout, a batch at a time, here or shared among ranks."""

import hashlib
import math
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from skcollision._ranks import gather, on_first, together

T = TypeVar("T")
CPU = torch.device("cpu")
# Numbers of channels by which an axis is taken for that of the channels.
USUAL_CHANNELS = (1, 3)


class Samples:
    """X in place; a memory map stays on disk. `shape` is that of a sample in a batch.

    Ranks may share samples: `sizes` says how many each has.
    """

    def __init__(
        self, values: np.ndarray, image_shape: tuple[int, ...] | None, channels: str, caller: str
    ) -> None:
        self.sizes, self.shared = [len(values)], False
        # Only views: what splits, adds or moves axes copies nothing.
        stored = _stored_shape(values.shape[1:], image_shape, caller)
        values = values.reshape(len(values), *stored)
        if len(stored) == 2:
            values = values[:, None]
        elif len(stored) == 3 and _channels_are_last(stored, channels, caller):
            values = np.moveaxis(values, 3, 1)
        self._values, self.shape = values, values.shape[1:]

    def __len__(self) -> int:
        return len(self._values)

    @property
    def n_all(self) -> int:
        """How many there are on all ranks."""
        return sum(self.sizes)

    def batch(self, rows: np.ndarray | slice, device: torch.device = CPU) -> Tensor:
        """Return samples as float32, (B, C, H, W) or (B, F); bytes are scaled to [0, 1]."""
        values = self._values[rows]
        # Always a copy: X may be read-only, and an augmentation may write into its batch.
        if values.dtype == np.uint8:
            return torch.from_numpy(values.copy()).to(device).float().div_(255.0)
        with np.errstate(over="ignore"):
            return torch.from_numpy(np.array(values, dtype=np.float32, order="C")).to(device)

    def blocks(self, size: int, device: torch.device = CPU) -> Iterator[Tensor]:
        """Yield all samples in order, `size` at a time."""
        for start in range(0, len(self), size):
            yield self.batch(slice(start, start + size), device)

    def share(self, parameters: dict[str, Any]) -> None:
        """Join them with those of other ranks, where numbers and words must be the same."""
        self.shared, self.sizes = True, gather(len(self))
        if len(shapes := {*gather(self.shape)}) > 1:
            raise ValueError(f"X has samples of other shapes on other ranks: {sorted(shapes)}.")
        plain = {k: each for k, each in parameters.items() if isinstance(each, int | float | str)}
        told = gather(plain)
        for name in sorted({name for each in told for name in each}):
            if len(values := {each.get(name) for each in told}) > 1:
                raise ValueError(f"{name!r} must be the same on all ranks. Got {values}.")

    def told(self, value: Callable[[], T]) -> list[T]:
        """Return what a function gives here, or, where samples are shared, on each rank."""
        return gather(together(value)) if self.shared else [value()]

    def joined(self, values: Callable[[], np.ndarray]) -> np.ndarray:
        """Return the arrays that a function gives on each rank, one after the other."""
        return np.concatenate(self.told(values))

    def led(self, task: Callable[[], T]) -> T:
        """Return what a task gives; where samples are shared, rank 0 does it for all."""
        return on_first(task) if self.shared else task()

    def fingerprint(self) -> str:
        """Tell data sets apart by their size and up to 64 samples, of each rank."""
        rows = np.unique(np.linspace(0, len(self) - 1, 64).astype(int))
        batch = self.batch(rows).numpy()
        digest = hashlib.sha256(batch.tobytes()).hexdigest()
        return str(self.told(lambda: f"{len(self)} {batch.shape} {digest}"))

    def statistics(self, size: int) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of each channel (C, 1, 1), or of each feature (F,)."""
        told = self.told(lambda: self._moments(size))
        counts, means, variances, lowest, highest = map(np.array, zip(*told, strict=True))
        if (lowest.min(0) == highest.max(0)).all():
            raise ValueError(
                f"X has the same sample in every row (n_samples={self.n_all}): there is "
                "nothing to cluster."
            )
        mean = np.average(means, 0, counts)
        std = np.sqrt(np.average(variances + (means - mean) ** 2, 0, counts))
        # The spread of a constant channel is rounding; 1 leaves it at 0 after centring.
        limits = np.finfo(np.float32)
        rounding = np.maximum(limits.eps * np.abs(mean), limits.smallest_subnormal)
        std = np.where(std > rounding, std, 1.0)
        by_channel = torch.tensor(np.stack([mean, std]), dtype=torch.float32)
        mean, std = by_channel.reshape(2, -1, *[1] * (len(self.shape) - 1))
        return mean, std

    def _moments(self, size: int) -> tuple[np.ndarray, ...]:
        """Return number, mean and variance of channels, least and largest values of a sample."""
        scaler, lowest, highest = StandardScaler(), np.inf, -np.inf
        for block in self.blocks(size):
            if not torch.isfinite(block).all():
                raise ValueError("X has values beyond the range of float32. Rescale X.")
            pixels = block.movedim(1, -1).reshape(-1, self.shape[0])
            scaler.partial_fit(pixels.double().numpy())
            lowest = np.minimum(lowest, block.amin(0).numpy())
            highest = np.maximum(highest, block.amax(0).numpy())
        count = np.array(scaler.n_samples_seen_)
        return count, scaler.mean_, scaler.var_, np.asarray(lowest), np.asarray(highest)


def _stored_shape(
    sample: tuple[int, ...], image_shape: tuple[int, ...] | None, caller: str
) -> tuple[int, ...]:
    """Return (H, W), (H, W, C), (C, H, W), or (F,) for vectors."""
    if image_shape is not None:
        wanted = tuple(image_shape)
        if sample != wanted and sample != (math.prod(wanted),):
            raise ValueError(
                f"X has samples of shape {sample}, but the 'image_shape' parameter of {caller} is "
                f"{wanted}: samples must have that shape or be rows of {math.prod(wanted)} values."
            )
        sample = wanted
    if len(sample) > 3:
        raise ValueError(
            f"{caller} takes X of shape (N, H, W), (N, H, W, C), (N, C, H, W) or (N, n_features). "
            f"Got samples of shape {sample} instead."
        )
    return sample


def _channels_are_last(sample: tuple[int, ...], channels: str, caller: str) -> bool:
    if channels != "auto":
        return channels == "last"
    first, last = sample[0] in USUAL_CHANNELS, sample[2] in USUAL_CHANNELS
    if first == last:
        raise ValueError(
            f"Images of shape {sample} do not show which axis is that of the channels. Set the "
            f"'channels' parameter of {caller} to 'first' or 'last'."
        )
    return last
