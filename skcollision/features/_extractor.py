"""A network at work: images in, batches of features out, kept on disk if asked."""

import copy
import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from joblib import Parallel, delayed
from torch import Tensor, nn
from torch.utils.data import DataLoader

from skcollision.features._images import ImageLike, load_image


class FeatureCache:
    """Features of one network by the content of images, in an SQLite file."""

    def __init__(self, path: Path, images: Sequence[ImageLike], n_jobs: int) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        keys = Parallel(n_jobs=n_jobs, prefer="threads")(map(delayed(content_key), images))
        self._keys: list[bytes | None] = keys

    def recall(self, features: np.ndarray) -> list[int]:
        """Fill in the rows of `features` that are known; return the others."""
        unknown = []
        with self._open() as file:
            for row, key in enumerate(self._keys):
                query = "SELECT feature FROM features WHERE image = ?"
                found = file.execute(query, (key,)).fetchone()
                if found is None:
                    unknown.append(row)
                else:
                    features[row] = np.frombuffer(found[0], dtype=np.float32)
        return unknown

    def store(self, rows: Sequence[int], features: np.ndarray) -> None:
        """Keep the features of these images, in one transaction: the file stays whole."""
        found = [(self._keys[row], one.tobytes()) for row, one in zip(rows, features, strict=True)]
        with self._open() as file:
            file.executemany("INSERT OR REPLACE INTO features VALUES (?, ?)", found)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            # Others may be writing.
            with closing(sqlite3.connect(self._path, timeout=60)) as file, file:
                file.execute(
                    "CREATE TABLE IF NOT EXISTS features (image BLOB PRIMARY KEY, feature BLOB)"
                )
                yield file
        except sqlite3.DatabaseError as error:
            raise ValueError(
                f"The cache {self._path} cannot be used: {error}. Delete that file, or give "
                "another 'cache_dir'."
            ) from error


def content_key(image: ImageLike) -> bytes | None:
    """Return a digest of what an image shows, None for one that cannot be read."""
    try:
        if isinstance(image, str | os.PathLike):
            with open(image, "rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        loaded = load_image(image)
    except (OSError, ValueError):
        return None
    return hashlib.sha256(f"RGB pixels {loaded.size}".encode() + loaded.tobytes()).digest()


Preprocess = Callable[[Any], Tensor]
# Directions in which the features of the test image are measured to tell networks apart.
_N_PROBES = 16


def embed_test_image(network: nn.Module, preprocess: Preprocess) -> np.ndarray:
    """Return a network's features of noise; raise if it makes none."""
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    images = _stack([preprocess(Image.fromarray(pixels))])
    try:
        with torch.inference_mode():
            output = network(images)
    except Exception as error:  # whatever a user's module raises
        raise ValueError(
            "The 'model' parameter of ImageEmbedder must be a network for images as 'preprocess' "
            f"makes them, of shape {tuple(images.shape)}. It raised {type(error).__name__}: {error}"
        ) from error
    return _as_features(output, 1)[0]


def network_key(network: nn.Module, test_features: np.ndarray) -> str:
    """Return a digest of the weights, and of what the code makes of a test image."""
    # Coarsely: rounding, which differs between machines, must not matter; other code does.
    weights = {name: _bytes_of(value) for name, value in network.state_dict().items()}
    features = test_features / max(np.linalg.norm(test_features), 1e-30)
    probes = np.random.default_rng(0).standard_normal((_N_PROBES, len(features)))
    return joblib.hash((weights, np.round(probes @ features, 2) + 0.0, len(features)))


def _bytes_of(value: Any) -> Any:
    """Return what can be hashed: of a tensor its bytes, as numpy has no bfloat16."""
    if not isinstance(value, Tensor):
        return value
    return str(value.dtype), value.shape, value.flatten().view(torch.uint8).numpy()


def embed(
    network: nn.Module,
    preprocess: Preprocess,
    images: Sequence[ImageLike],
    rows: Sequence[int],
    *,
    device: torch.device,
    half: bool,
    batch_size: int,
    n_workers: int,
) -> Iterator[tuple[list[int], np.ndarray | None, dict[int, str]]]:
    """Yield the rows of each batch that can be read, their features, and what others lack."""
    network = network if device.type == "cpu" else copy.deepcopy(network).to(device)
    loader: DataLoader[Any] = DataLoader(
        rows,  # type: ignore[arg-type]
        batch_size=batch_size,
        num_workers=n_workers,
        collate_fn=partial(_read, images, preprocess),
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),  # else it would draw from the user's
    )
    for read, tensors, failures in loader:
        features = None
        if read:
            with torch.inference_mode(), torch.autocast(device.type, torch.float16, enabled=half):
                output = network(tensors.to(device, non_blocking=True))
            features = _as_features(output, len(read))
        yield read, features, failures


def _read(
    images: Sequence[ImageLike], preprocess: Preprocess, rows: list[int]
) -> tuple[list[int], Tensor | None, dict[int, str]]:
    """Read and preprocess a batch of images, in a worker."""
    tensors, failures = {}, {}
    for row in rows:
        try:
            image = load_image(images[row])
        except MemoryError:
            raise
        except Exception as error:  # each format of Pillow fails in its own way
            failures[row] = f"{type(error).__name__}: {error}"
        else:
            tensors[row] = preprocess(image)
    return list(tensors), _stack(list(tensors.values())) if tensors else None, failures


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
