"""Images as users have them, read one at a time, and the tensors that networks take."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from skcollision._errors import wrong

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

ImageLike: TypeAlias = "str | os.PathLike[str] | np.ndarray | PILImage"

_CHANNELS = (1, 3, 4)
_WANTED = (
    "X must be a folder, a sequence of paths, arrays and PIL images, or an array of images, of "
    "shape (n_images, height, width) or (n_images, height, width, channels) with 1, 3 or 4 "
    "channels last."
)


def image_paths(folder: str | os.PathLike[str]) -> list[Path]:
    """List the image files of a folder and the folders in it, sorted.

    This is what :class:`~skcollision.ImageEmbedder` reads where it is given a folder, in the order
    of its rows.

    Parameters
    ----------
    folder : str or PathLike
        A folder.

    Returns
    -------
    list of Path
        Files whose names end as those of a format that Pillow reads, such as .jpg, .png or .webp.
        Other files, and hidden ones, are not images.

    Raises
    ------
    ValueError
        If this is no folder, or there is no image in it.

    Examples
    --------
    >>> from pathlib import Path
    >>> import sklearn.datasets
    >>> from skcollision.features import image_paths
    >>> [path.name for path in image_paths(Path(sklearn.datasets.__file__).parent / "images")]
    ['china.jpg', 'flower.jpg']
    """
    from PIL import Image

    root = Path(folder)
    if not root.is_dir():
        raise ValueError(
            f"A single path must be that of a folder of images. Got {str(folder)!r} instead, which "
            f"is {'a file: give a list of paths' if root.exists() else 'not there'}."
        )
    readable = {name for name, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    paths = sorted(
        path
        for path in root.rglob("*")
        if path.suffix.lower() in readable and path.is_file() and not path.name.startswith(".")
    )
    if not paths:
        raise ValueError(f"The folder {str(folder)!r} has no image in it.")
    return paths


def as_images(X: Any) -> list[ImageLike]:
    """Return images one by one: paths, arrays of one image each (views of X), or PIL images."""
    from PIL import Image

    if isinstance(X, str | os.PathLike):
        return list(image_paths(X))
    if hasattr(X, "__array__") and not hasattr(X, "to_list"):  # not the frames of pandas and polars
        X = np.asarray(X)
        if X.ndim == 3 and X.shape[-1] in (3, 4) and X.size:
            raise ValueError(
                f"X of shape {X.shape} looks like a single colour image. Give X[None], or "
                "X[..., None] if these are grey images three or four pixels wide."
            )
        is_sequence = X.ndim == 1 and X.dtype.kind in "OUST"
        if not (is_sequence or X.ndim == 3 or (X.ndim == 4 and X.shape[-1] in _CHANNELS)):
            raise ValueError(f"{_WANTED} Got an array of shape {X.shape} instead.")
    if not isinstance(X, Iterable):
        raise TypeError(f"{_WANTED} Got an object of type {type(X).__name__} instead.")
    images = list(X)
    if not images:
        raise ValueError("X has no image in it.")
    for index, image in enumerate(images):
        if not isinstance(image, str | os.PathLike | np.ndarray | Image.Image):
            raise TypeError(f"{_WANTED} Got {type(image).__name__} as its element {index} instead.")
    return images


def load_image(image: ImageLike) -> PILImage:
    """Return an image in RGB, upright. Whatever is wrong with it ends in some exception."""
    from PIL import Image, ImageOps

    if isinstance(image, np.ndarray):
        return Image.fromarray(_as_bytes(image)).convert("RGB")
    if isinstance(image, str | os.PathLike):
        with Image.open(image) as opened:
            return load_image(opened)
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise ValueError("pixels are 32-bit floats of unknown range; scale them to 8 bits")
    if image.mode.startswith("I"):  # 16 bits, which convert() would clip to 8
        pixels = np.asarray(image)
        if pixels.min() < 0 or pixels.max() > 0xFFFF:
            raise ValueError("pixels have more than 16 bits; scale them to 8 bits")
        image = Image.fromarray((pixels // 257).astype(np.uint8))
    elif "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")


def _as_bytes(pixels: np.ndarray) -> np.ndarray:
    """Return grey or colour pixels as uint8."""
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    is_image = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[-1] in _CHANNELS)
    if pixels.size == 0 or not is_image:
        raise ValueError(
            "an array of one image must have shape (height, width) or (height, width, channels) "
            f"with 1, 3 or 4 channels, not {pixels.shape}"
        )
    if pixels.dtype.kind not in "biuf":
        raise ValueError(f"pixels must be numbers, not {pixels.dtype}")
    largest = 255 if pixels.dtype.kind in "iu" else 1
    low, high = pixels.min(), pixels.max()
    if not (low >= 0 and high <= largest):  # also where they are NaN
        raise ValueError(
            "pixels must be integers from 0 to 255 or floats from 0 to 1, not "
            f"{pixels.dtype} from {low} to {high}"
        )
    scaled = pixels if largest == 255 else np.rint(pixels * np.float32(255))
    return np.ascontiguousarray(scaled, dtype=np.uint8)


if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

_INTERPOLATIONS = ("bilinear", "bicubic", "lanczos")


@dataclass(frozen=True)
class ImagePreprocessing:
    """Resize, crop the centre and normalise, as at the evaluation of an ImageNet network.

    The defaults are those of torchvision's ResNet-50; for another network, take its authors'.

    Parameters
    ----------
    size : int, default=224
        Height and width of the result, in pixels.
    crop_fraction : float, default=0.875
        Side of the central square that is kept, as a fraction of the image's shorter side.
    interpolation : {"bilinear", "bicubic", "lanczos"}, default="bilinear"
        How pixels are resampled, with antialiasing.
    mean : tuple of 1 or 3 floats, default=(0.485, 0.456, 0.406)
        Subtracted from each channel after scaling to [0, 1]. One number makes grey images.
    std : tuple of as many floats, default=(0.229, 0.224, 0.225)
        Divides each channel afterwards.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    The networks of the EfficientNet-Lite family:

    >>> from skcollision.features import ImagePreprocessing
    >>> preprocess = ImagePreprocessing(
    ...     interpolation="bicubic", mean=(127 / 255,) * 3, std=(128 / 255,) * 3
    ... )
    >>> from PIL import Image
    >>> preprocess(Image.new("RGB", (640, 480))).shape
    torch.Size([3, 224, 224])
    """

    size: int = 224
    crop_fraction: float = 0.875
    interpolation: str = "bilinear"
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        known = self.interpolation in _INTERPOLATIONS
        positive = len(self.std) == len(self.mean) and min(self.std) > 0
        for name, holds, wanted in (
            ("size", self.size >= 1, "a positive int"),
            ("crop_fraction", 0 < self.crop_fraction <= 1, "above 0 and at most 1"),
            ("interpolation", known, f"one of {', '.join(map(repr, _INTERPOLATIONS))}"),
            ("mean", len(self.mean) in (1, 3), "1 or 3 floats"),
            ("std", positive, "as many positive floats as 'mean' has"),
        ):
            if not holds:
                got = repr(getattr(self, name))
                raise wrong(name, "ImagePreprocessing", f"be {wanted}", got)

    def __call__(self, image: PILImage) -> Tensor:
        """Make a tensor of an image.

        Parameters
        ----------
        image : PIL.Image.Image
            An image of any size.

        Returns
        -------
        Tensor of shape (n_channels, size, size)
            Normalised pixels, in float32.
        """
        from PIL import Image

        image = image.convert("L" if len(self.mean) == 1 else "RGB")
        side = self.crop_fraction * min(image.size)
        left, top = ((extent - side) / 2 for extent in image.size)
        # Cropping and resizing in one step: no large image is made of one that is long and thin.
        square = image.resize(
            (self.size, self.size),
            Image.Resampling[self.interpolation.upper()],
            box=(left, top, left + side, top + side),
        )
        pixels = np.asarray(square, dtype=np.float32).reshape(self.size, self.size, -1)
        mean, std = np.asarray([self.mean, self.std], dtype=np.float32)
        normal = (pixels / 255 - mean) / std
        return torch.from_numpy(normal.transpose(2, 0, 1).copy())
