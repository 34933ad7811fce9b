"""From an image to the tensor that a network was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

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
                raise ValueError(
                    f"The {name!r} parameter of ImagePreprocessing must be {wanted}. "
                    f"Got {getattr(self, name)!r} instead."
                )

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
