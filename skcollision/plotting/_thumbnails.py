"""Small pictures of a common size, from whatever images users have."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

_CHANNELS = (1, 3, 4)
_LARGEST = 96  # pixels; photographs are reduced to it


def thumbnails(images: Sequence[Any], caller: str) -> list[np.ndarray]:
    """Return uint8 arrays of shape (side, side, 3), each image whole, in proportion, on white.

    Images are paths, PIL images or arrays of shape (height, width) or with channels last or first.
    Arrays other than uint8 are scaled alike, from the least to the greatest value of them all.
    """
    arrays = [_as_array(image, caller) for image in images]
    arrays = _as_bytes(arrays, caller)
    side = min(_LARGEST, max((max(array.shape[:2]) for array in arrays), default=1))
    return [_fit(array, side) for array in arrays]


def _as_array(image: Any, caller: str) -> np.ndarray:
    """Return an array of shape (height, width, channels)."""
    from PIL import Image, ImageOps

    if isinstance(image, (str, os.PathLike)):
        try:
            with Image.open(image) as opened:
                return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
        except OSError as error:
            raise ValueError(
                f"The 'images' parameter of {caller} has a file that cannot be read, "
                f"{os.fspath(image)!r}: {error}"
            ) from error
    if isinstance(image, Image.Image):
        return np.asarray(image.convert("RGB"))
    array = np.asarray(image)
    array = array[:, :, None] if array.ndim == 2 else array
    if array.ndim == 3 and array.shape[-1] not in _CHANNELS and array.shape[0] in _CHANNELS:
        array = np.moveaxis(array, 0, -1)
    if array.ndim != 3 or array.shape[-1] not in _CHANNELS or array.size == 0:
        raise ValueError(
            f"The 'images' parameter of {caller} must hold paths, PIL images or arrays of shape "
            "(height, width), with 1, 3 or 4 channels last or first. "
            f"Got shape {np.shape(image)} instead."
        )
    return array


def _as_bytes(arrays: list[np.ndarray], caller: str) -> list[np.ndarray]:
    """Scale all arrays that are not uint8 in the same way."""
    others = [array for array in arrays if array.dtype != np.uint8]
    if not others:
        return arrays
    if not all(array.dtype.kind in "biuf" and np.isfinite(array).all() for array in others):
        raise ValueError(f"The 'images' parameter of {caller} must hold finite numbers.")
    low = float(min(array.min() for array in others))
    high = float(max(array.max() for array in others))
    scale = 255 / (high - low) if high > low else 1.0
    return [
        array
        if array.dtype == np.uint8
        else np.rint((array.astype(np.float64) - low) * scale).astype(np.uint8)
        for array in arrays
    ]


def _fit(array: np.ndarray, side: int) -> np.ndarray:
    """Put an image into the middle of a white square."""
    from PIL import Image

    image = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).convert("RGB")
    image.thumbnail((side, side))
    square = Image.new("RGB", (side, side), "white")
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return np.asarray(square)
