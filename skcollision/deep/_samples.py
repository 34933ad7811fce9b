"""Images in whatever layout, a batch at a time, and second views of them."""

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from skcollision._ambient import isolated
from skcollision._extras import import_extra
from skcollision._ranks import gather, on_first, together
from skcollision.losses import soft_cross_entropy

T = TypeVar("T")
CPU = torch.device("cpu")
# Numbers of channels by which an axis is taken for that of the channels.
USUAL_CHANNELS = (1, 3)


class Samples:
    """X in place; a memory map stays on disk. `shape` is that of a sample in a batch.

    Where ranks share samples, `sizes` says how many each has; None where all are here.
    """

    sizes: list[int] | None = None

    def __init__(
        self, values: np.ndarray, image_shape: tuple[int, ...] | None, channels: str, caller: str
    ) -> None:
        self._values = values
        self._stored = stored = _stored_shape(values.shape[1:], image_shape, caller)
        self._channels_last = len(stored) == 3 and _channels_are_last(stored, channels, caller)
        self.shape = (1, *stored) if len(stored) == 2 else stored
        if self._channels_last:
            self.shape = (stored[2], *stored[:2])

    def __len__(self) -> int:
        return len(self._values)

    @property
    def n_all(self) -> int:
        """How many there are on all ranks."""
        return len(self) if self.sizes is None else sum(self.sizes)

    def batch(self, rows: np.ndarray | slice, device: torch.device = CPU) -> Tensor:
        """Return samples as float32, (B, C, H, W) or (B, F); bytes are scaled to [0, 1]."""
        values = self._values[rows]
        # Always a copy: X may be read-only, and an augmentation may write into its batch.
        if values.dtype == np.uint8:
            tensor = torch.from_numpy(values.copy()).to(device).float().div_(255.0)
        else:
            with np.errstate(over="ignore"):
                tensor = torch.from_numpy(np.array(values, dtype=np.float32)).to(device)
        tensor = tensor.reshape(-1, *self._stored)
        if self._channels_last:
            tensor = tensor.movedim(3, 1)
        return tensor.reshape(-1, *self.shape)

    def blocks(self, size: int, device: torch.device = CPU) -> Iterator[Tensor]:
        """Yield all samples in order, `size` at a time."""
        for start in range(0, len(self), size):
            yield self.batch(slice(start, start + size), device)

    def share(self) -> None:
        """Join them with those of other ranks."""
        self.sizes = gather(len(self))
        if len(shapes := {*gather(self.shape)}) > 1:
            raise ValueError(f"X has samples of other shapes on other ranks: {sorted(shapes)}.")

    def joined(self, values: Callable[[], np.ndarray]) -> np.ndarray:
        """Return what a function gives here, or, where samples are shared, on all ranks."""
        return values() if self.sizes is None else np.concatenate(gather(together(values)))

    def led(self, task: Callable[[], T]) -> T:
        """Return what a task gives; where samples are shared, rank 0 does it for all."""
        return task() if self.sizes is None else on_first(task)

    def fingerprint(self) -> str:
        """Tell data sets apart by their size and up to 64 samples, of each rank."""
        rows = np.unique(np.linspace(0, len(self) - 1, 64).astype(int))
        batch = self.batch(rows).numpy()
        own = f"{len(self)} {batch.shape} {hashlib.sha256(batch.tobytes()).hexdigest()}"
        return own if self.sizes is None else str(gather(own))

    def statistics(self, size: int) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of each channel (C, 1, 1), or of each feature (F,)."""
        if self.sizes is None:
            told = [self._moments(size)]
        else:
            told = gather(together(lambda: self._moments(size)))
        counts, means, variances, lowest, highest = map(np.array, zip(*told, strict=True))
        if (lowest.min(0) == highest.max(0)).all():
            raise ValueError(
                f"X has the same sample in every row (n_samples={self.n_all}): there is "
                "nothing to cluster."
            )
        mean = np.average(means, 0, counts)
        std = np.sqrt(np.average(variances + (means - mean) ** 2, 0, counts))
        # The spread of a constant channel is rounding; 1 leaves it at 0 after centring.
        std = np.where(std > np.finfo(np.float32).eps * np.abs(mean), std, 1.0)
        shape = (-1, *[1] * (len(self.shape) - 1))
        return (
            torch.from_numpy(mean).float().reshape(shape),
            torch.from_numpy(std).float().reshape(shape),
        )

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


Augmentation = Callable[[Tensor], Tensor]


def default_augmentation(input_shape: tuple[int, ...], caller: str) -> Augmentation | None:
    """Return what `augment="auto"` stands for with samples (C, H, W), None with vectors (F,)."""
    if len(input_shape) == 1:
        return None
    kornia = import_extra("kornia.augmentation", "deep", f"augment='auto' of {caller}")
    if input_shape[0] == 3:
        steps: list[Any] = [
            kornia.RandomResizedCrop(input_shape[1:], scale=(0.4, 1.0), p=1.0),
            kornia.RandomHorizontalFlip(p=0.5),
            kornia.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
            kornia.RandomGrayscale(p=0.2),
        ]
    else:
        shift, scale = (0.1, 0.1), (0.9, 1.1)
        steps = [kornia.RandomAffine(15.0, translate=shift, scale=scale, shear=10.0, p=1.0)]
    pipeline: Augmentation = kornia.AugmentationSequential(*steps, data_keys=["input"])
    return pipeline


@dataclass(frozen=True)
class VirtualAdversary:
    """The small change of a sample that changes its prediction most.

    A value of `augment` for IMSAT's virtual adversarial training. The direction is the top
    eigenvector of the curvature of the predictions' divergence, found by power iterations.

    Parameters
    ----------
    epsilon : float, default=0.25
        Euclidean length of the change, relative to the root mean square length of a sample of the
        batch.
    xi : float, default=1e-2
        Length of the finite difference, on the same scale.
    n_steps : int, default=1
        Power iterations.

    References
    ----------
    T. Miyato, S. Maeda, M. Koyama and S. Ishii, "Virtual Adversarial Training", IEEE TPAMI 2019.

    Examples
    --------
    >>> import torch
    >>> from skcollision.deep import VirtualAdversary
    >>> samples, network = torch.rand(5, 16), torch.nn.Linear(16, 3)
    >>> view = VirtualAdversary(epsilon=0.1).view(samples, network)
    >>> change = (view - samples).norm(dim=1)
    >>> (change / (0.1 * 4 * samples.square().mean().sqrt())).round(decimals=3)
    tensor([1., 1., 1., 1., 1.])
    """

    epsilon: float = 0.25
    xi: float = 1e-2
    n_steps: int = 1

    @isolated()
    def view(self, samples: Tensor, network: nn.Module) -> Tensor:
        """Return the adversaries of samples (B, ...), for a network to logits."""
        size = samples.square().mean().mul(samples[0].numel()).sqrt()
        direction = _unit(torch.randn_like(samples))
        with torch.no_grad():
            fixed = network(samples).float().softmax(-1)
        for _ in range(self.n_steps):
            probe = direction.requires_grad_()
            changed = network(samples + self.xi * size * probe).float()
            loss = soft_cross_entropy(changed, fixed, reduction="sum")
            (slope,) = torch.autograd.grad(loss, probe)
            direction = _unit(slope)
        return (samples + self.epsilon * size * direction).detach()


def _unit(samples: Tensor) -> Tensor:
    """Scale each sample to length one; one of zeros stays."""
    flat = samples.detach().flatten(1)
    return (flat / flat.norm(dim=1, keepdim=True).clamp_min(1e-30)).view_as(samples)
