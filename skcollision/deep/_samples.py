"""Images in whatever layout, a batch at a time."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# Numbers of channels by which an axis is taken for that of the channels.
USUAL_CHANNELS = (1, 3)


@dataclass(frozen=True)
class Layout:
    """Where the axes of one sample are.

    Attributes
    ----------
    stored : tuple of int
        Shape of a sample in X: (H, W), (H, W, C), (C, H, W), or (F,) for vectors.
    channels_last : bool
        Whether `stored` is (H, W, C).
    """

    stored: tuple[int, ...]
    channels_last: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape that the network is given: (C, H, W), or (F,) for vectors."""
        if len(self.stored) == 2:
            return (1, *self.stored)
        if self.channels_last:
            return (self.stored[2], *self.stored[:2])
        return self.stored

    @property
    def is_image(self) -> bool:
        """Whether a sample has rows and columns."""
        return len(self.stored) > 1

    def batch(self, values: np.ndarray, device: torch.device) -> Tensor:
        """Return samples as float32, (B, C, H, W) or (B, F); bytes are scaled to [0, 1]."""
        # Always a copy: X may be read-only, and an augmentation may write into its batch.
        if values.dtype == np.uint8:
            tensor = torch.from_numpy(values.copy()).to(device).float().div_(255.0)
        else:
            with np.errstate(over="ignore"):
                tensor = torch.from_numpy(np.array(values, dtype=np.float32)).to(device)
        tensor = tensor.reshape(-1, *self.stored)
        if self.channels_last:
            tensor = tensor.movedim(3, 1)
        return tensor.reshape(-1, *self.shape)


def find_layout(
    sample: tuple[int, ...], image_shape: tuple[int, ...] | None, channels: str, caller: str
) -> Layout:
    """Find the axes of samples of shape `sample`, by `image_shape` where it is given."""
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
    return Layout(sample, len(sample) == 3 and _channels_are_last(sample, channels, caller))


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


class Samples:
    """X in place, read a batch at a time.

    Parameters
    ----------
    values : ndarray of shape (N, ...)
        Samples as they are stored; a memory map stays on disk.
    layout : Layout
        Where their axes are.
    """

    def __init__(self, values: np.ndarray, layout: Layout) -> None:
        self._values = values
        self._layout = layout

    def __len__(self) -> int:
        return len(self._values)

    def batch(self, rows: np.ndarray | slice, device: torch.device) -> Tensor:
        """Return the samples of some rows, float32."""
        return self._layout.batch(self._values[rows], device)

    def blocks(self, size: int, device: torch.device) -> Iterator[Tensor]:
        """Yield all samples in order, `size` at a time."""
        for start in range(0, len(self), size):
            yield self.batch(slice(start, start + size), device)

    def fingerprint(self) -> str:
        """Tell data sets apart by their size and up to 64 samples."""
        rows = np.unique(np.linspace(0, len(self) - 1, 64).astype(int))
        batch = self.batch(rows, torch.device("cpu")).numpy()
        return f"{len(self)} {batch.shape} {hashlib.sha256(batch.tobytes()).hexdigest()}"

    def statistics(self, size: int) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of each channel (C, 1, 1), or of each of F features.

        Raises
        ------
        ValueError
            If all samples are the same, or values leave the range of float32.
        """
        cpu = torch.device("cpu")
        axes = (0, 2, 3) if self._layout.is_image else (0,)
        first = self.batch(slice(0, 1), cpu)
        # Relative to the first sample's mean, so that a large offset costs no digits.
        origin = first.double().mean(axes, keepdim=True)
        total, square = torch.zeros_like(origin), torch.zeros_like(origin)
        varies = False
        for block in self.blocks(size, cpu):
            varies = varies or bool((block != first).any())
            centred = block.double() - origin
            total += centred.sum(axes, keepdim=True)
            square += centred.square().sum(axes, keepdim=True)
        if not varies:
            raise ValueError(
                f"X has the same sample in every row (n_samples={len(self)}): there is nothing to "
                "cluster."
            )
        count = len(self) * first.numel() // origin.numel()
        shift = total / count
        mean = (origin + shift)[0]
        # The spread of a constant channel is rounding; 1 leaves it at 0 after centring.
        variance = (square / count - shift.square()).clamp_min(0.0)[0]
        rounding = torch.finfo(torch.float32).eps * mean.abs()
        std = torch.where(variance.sqrt() > rounding, variance.sqrt(), 1.0)
        if not (torch.isfinite(mean.float()).all() and torch.isfinite(std.float()).all()):
            raise ValueError("X has values beyond the range of float32. Rescale X.")
        return mean.float(), std.float()
