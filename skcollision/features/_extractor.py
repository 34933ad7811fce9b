"""A network at work: images in, batches of features out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import joblib
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from skcollision.features._images import ImageLike, load_image

# Directions in which the features of the test image are measured to tell networks apart.
_N_PROBES = 16


class FeatureBatch(NamedTuple):
    """Features of some rows, and what is wrong with those that could not be read."""

    rows: list[int]
    features: np.ndarray
    failures: dict[int, str]


class Extractor:
    """A network and its preprocessing.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode on the CPU, where it stays: a GPU gets a copy.
    preprocess : callable
        From a PIL image to a tensor.

    Raises
    ------
    ValueError
        If the network does not make features of a test image.
    """

    def __init__(self, network: nn.Module, preprocess: Callable[[Any], Tensor]) -> None:
        self.network = network
        self.preprocess = preprocess
        self.n_features = len(self._test_features)

    @cached_property
    def _test_features(self) -> np.ndarray:
        from PIL import Image

        pixels = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
        images = _stack([self.preprocess(Image.fromarray(pixels))])
        try:
            with torch.inference_mode():
                output = self.network(images)
        except Exception as error:  # whatever a user's module raises
            raise ValueError(
                "The 'model' parameter of ImageEmbedder must be a network for images as "
                f"'preprocess' makes them, of shape {tuple(images.shape)}. It raised "
                f"{type(error).__name__}: {error}"
            ) from error
        return _as_features(output, 1)[0]

    @cached_property
    def key(self) -> str:
        """Digest of the weights, and of what the code makes of a test image.

        The features are measured coarsely: rounding that differs between machines must not
        matter, other code or other preprocessing does.
        """
        state = self.network.state_dict().items()
        weights = {name: _bytes_of(value) for name, value in state}
        features = self._test_features / max(np.linalg.norm(self._test_features), 1e-30)
        probes = np.random.default_rng(0).standard_normal((_N_PROBES, self.n_features))
        return joblib.hash((weights, np.round(probes @ features, 2) + 0.0, self.n_features))

    def batches(
        self,
        images: Sequence[ImageLike],
        rows: Sequence[int],
        *,
        batch_size: int,
        n_workers: int,
        device: torch.device,
        mixed_precision: bool,
    ) -> Iterator[FeatureBatch]:
        """Embed some of the images, in order."""
        on_gpu = device.type == "cuda"
        network = copy.deepcopy(self.network).to(device) if on_gpu else self.network
        loader = DataLoader(
            _Loading(images, self.preprocess),
            batch_size=batch_size,
            sampler=rows,
            num_workers=n_workers,
            collate_fn=_collate,
            pin_memory=on_gpu,
        )
        half = torch.autocast(device.type, torch.float16, enabled=on_gpu and mixed_precision)
        for read, tensors, failures in loader:
            features = np.empty((0, self.n_features), dtype=np.float32)
            if read:
                with torch.inference_mode(), half:
                    output = network(tensors.to(device, non_blocking=True))
                features = _as_features(output, len(read))
            yield FeatureBatch(read, features, failures)


def _bytes_of(value: Any) -> Any:
    """Return what can be hashed: of a tensor its bytes, as numpy has no bfloat16."""
    if not isinstance(value, Tensor):
        return value
    return str(value.dtype), value.shape, value.flatten().view(torch.uint8).numpy()


class _Loading(Dataset):
    """Reads and preprocesses images, in the workers."""

    def __init__(self, images: Sequence[ImageLike], preprocess: Callable[[Any], Tensor]) -> None:
        self._images = images
        self._preprocess = preprocess

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, row: int) -> tuple[int, Tensor | str]:
        try:
            image = load_image(self._images[row])
        except MemoryError:
            raise
        except Exception as error:  # each format of Pillow fails in its own way
            return row, f"{type(error).__name__}: {error}"
        return row, self._preprocess(image)


def _collate(
    loaded: list[tuple[int, Tensor | str]],
) -> tuple[list[int], Tensor | None, dict[int, str]]:
    read = {row: result for row, result in loaded if not isinstance(result, str)}
    failures = {row: result for row, result in loaded if isinstance(result, str)}
    return list(read), _stack(list(read.values())) if read else None, failures


def _stack(tensors: list[Tensor]) -> Tensor:
    shapes = {tuple(each.shape) for each in tensors if isinstance(each, Tensor)}
    if len(shapes) != 1 or not all(isinstance(each, Tensor) for each in tensors):
        raise ValueError(
            "The 'preprocess' parameter of ImageEmbedder must make tensors of one shape. "
            f"Got {sorted(shapes) or type(tensors[0]).__name__} instead."
        )
    return torch.stack(tensors)


def _as_features(output: object, n_images: int) -> np.ndarray:
    """Return a network's output as a finite float32 matrix."""
    if isinstance(output, Tensor) and output.ndim == 4:
        output = output.mean(dim=(2, 3))
    if not isinstance(output, Tensor) or output.ndim != 2 or len(output) != n_images:
        shape = f" of shape {tuple(output.shape)}" if isinstance(output, Tensor) else ""
        raise ValueError(
            "The 'model' parameter of ImageEmbedder must return a tensor of shape (n_images, "
            "n_features), or (n_images, n_features, height, width) to be averaged over the image. "
            f"Got {type(output).__name__}{shape} for {n_images} images instead; wrap the network "
            "in a module that picks what you want of it."
        )
    features = output.float().cpu().numpy()
    if not np.isfinite(features).all():
        raise ValueError(
            "The network of ImageEmbedder gave NaN or infinite features. Check its weights and "
            "'preprocess'; on a GPU, float16 may overflow: try mixed_precision=False."
        )
    return features
