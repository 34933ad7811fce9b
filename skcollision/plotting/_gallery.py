"""The images of each cluster, and thumbnails of any images."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import _num_samples

from skcollision._errors import check_positive, wrong
from skcollision._extras import import_extra
from skcollision.inspection._points import by_certainty
from skcollision.metrics._calibration import check_proba
from skcollision.plotting import _display as base
from skcollision.plotting._display import INK, Display

# Clusters below each other before another block is begun, and the width of a tile in inches.
_MOST_ROWS, _TILE = 20, 0.5
_CHANNELS = (1, 3, 4)
_LARGEST = 96  # pixels; photographs are reduced to it
_CAPTION = 0.32  # room for the certainty below a tile, in tiles


@dataclass(eq=False, repr=False)
class ImageGalleryDisplay(Display):
    """Images of each cluster, the most certain on the left, the least certain on the right.

    A row is a cluster; certainty falls from left to right and stands below each image. In a small
    cluster no image is shown twice. More than 20 clusters are set in several blocks.

    Parameters
    ----------
    images : sequence of n_samples images
        Paths, PIL images or arrays of shape (height, width), with 1, 3 or 4 channels last or first;
        also one array of them. Of different sizes, they are brought to one. Only images that are
        shown are opened. Arrays of uint8 are shown as they are, others scaled alike.
    most_certain, least_certain : sequence of n_clusters arrays of int
        For each cluster the indices of images, certainty falling.
    names : array-like of shape (n_clusters,)
        Names of the clusters.
    certainty : array-like of shape (n_samples,), default=None
        Certainty of each image; None to print none.

    Attributes
    ----------
    image_ : matplotlib AxesImage
        All images in one.
    names_ : list of matplotlib Text
        Names of the clusters.
    certainties_ : dict of int to matplotlib Text
        The certainty of each image shown, by its index.
    tiles_ : dict of int to tuple
        For each image shown, by its index, the row and column of pixels in `image_` where it
        begins, and its width, which is its height.

    Examples
    --------
    >>> import numpy as np
    >>> from skcollision.plotting import ImageGalleryDisplay
    >>> images = np.arange(3 * 4).reshape(3, 2, 2)
    >>> y_proba = [[0.6, 0.4], [0.9, 0.1], [0.2, 0.8]]
    >>> display = ImageGalleryDisplay.from_predictions(images, y_proba, n_images=1)
    >>> [indices.tolist() for indices in display.most_certain]
    [[1], [2]]
    """

    images: Any
    most_certain: Any
    least_certain: Any
    names: Any
    certainty: Any = None

    def __post_init__(self) -> None:
        self.images = by_position(self.images)
        self.most_certain = [np.asarray(each, dtype=np.intp) for each in self.most_certain]
        self.least_certain = [np.asarray(each, dtype=np.intp) for each in self.least_certain]
        self.names = np.asarray(self.names)
        self.certainty = None if self.certainty is None else np.asarray(self.certainty)
        lengths = [len(self.most_certain), len(self.least_certain), len(self.names)]
        if len(set(lengths)) > 1 or not lengths[0]:
            must = "have, as 'least_certain' and 'names', one entry a cluster"
            raise wrong("most_certain", type(self).__name__, must, lengths)
        # In tiles: a block has both sides, half a tile between them and 1.5 tiles after it.
        self._n_blocks = math.ceil(len(self.names) / _MOST_ROWS)
        self._n_rows = math.ceil(len(self.names) / self._n_blocks)
        self._side = max(len(each) for each in [*self.most_certain, *self.least_certain])
        self._block = 2 * self._side + 2
        self._width = self._n_blocks * self._block - 1.5
        self._row_height = 1.0 if self.certainty is None else 1.0 + _CAPTION
        self._figsize = _TILE * self._width + 0.6, _TILE * self._row_height * self._n_rows + 0.6

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: ArrayLike, images: Sequence[Any] | None = None, **options: Any
    ) -> Self:
        """Draw the gallery of a fitted clusterer.

        Parameters
        ----------
        estimator, X
            As of :meth:`ClusterReport.from_estimator`.
        images : sequence of n_samples images, default=None
            The images of these points; None where X is the images.
        **options
            `n_images` and `ax` of :meth:`from_predictions`.
        """
        probs = base.predicted_proba(estimator, X, cls.__name__)
        names = getattr(base.final_estimator(estimator), "classes_", None)
        shown: Any = X if images is None else images
        return cls.from_predictions(shown, probs, names=names, **options)

    @classmethod
    def from_predictions(
        cls,
        images: Sequence[Any],
        y_proba: ArrayLike,
        *,
        names: ArrayLike | None = None,
        n_images: int = 6,
        ax: Any = None,
    ) -> Self:
        """Draw the gallery of soft assignments.

        Parameters
        ----------
        images, names
            As in the class; without names clusters are numbered.
        y_proba : array-like of shape (n_samples, n_clusters)
            Probability of each cluster; rows sum to 1.
        n_images : int, default=6
            Images shown on either side.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure, as large as needed.

        Raises
        ------
        ValueError
            If `y_proba` is not one distribution an image, or an image cannot be read.
        """
        check_positive(n_images, "n_images", cls.__name__)
        probs = check_proba(y_proba, cls.__name__)
        if len(probs) != _num_samples(images):
            must = f"have one row an image, {_num_samples(images)}"
            raise wrong("y_proba", cls.__name__, must, len(probs))
        members = by_certainty(probs)
        most = [each[:n_images] for each in members]
        least = [each[n_images:][-n_images:] for each in members]
        clusters = np.arange(probs.shape[1]) if names is None else names
        return cls(images, most, least, clusters, probs.max(axis=1)).plot(ax)

    def _draw(self, axes: Any) -> None:
        places: dict[int, tuple[int, float]] = {}  # row and column of each image, in tiles
        for k, (most, least) in enumerate(zip(self.most_certain, self.least_certain, strict=True)):
            row, start = k % self._n_rows, k // self._n_rows * self._block
            right = start + self._block - 1.5 - len(least)
            places |= {int(i): (row, start + column) for column, i in enumerate(most)}
            places |= {int(i): (row, right + column) for column, i in enumerate(least)}
        pixels = thumbnails([self.images[i] for i in places], type(self).__name__)
        side = len(pixels[0]) if pixels else 1
        pitch = side + math.ceil(side / 12)
        pitch += pitch % 2  # so that half a tile is a whole number of pixels
        height = math.ceil(pitch * self._row_height)  # of a row of tiles
        canvas = np.full((self._n_rows * height, int(self._width * pitch), 3), 255, np.uint8)
        self.tiles_ = {}
        for (i, (row, column)), picture in zip(places.items(), pixels, strict=True):
            top, left = row * height, int(column * pitch)
            canvas[top : top + side, left : left + side] = picture
            self.tiles_[i] = (top, left, side)
        self.image_ = axes.imshow(canvas)
        style: dict[str, Any] = {"color": INK, "fontsize": 9, "va": "center"}
        self.names_ = []
        for k, name in enumerate(self.names):
            x, y = k // self._n_rows * self._block - 0.15, k % self._n_rows * height + side / 2
            self.names_.append(axes.text(x * pitch, y, str(name), ha="right", **style))
        style |= {"ha": "center", "va": "bottom"}
        for middle in self._side / 2 + self._block * np.arange(self._n_blocks):
            axes.text(middle * pitch, -0.1 * pitch, "most certain", **style)
            x = (middle + self._side + 0.5) * pitch
            axes.text(x, -0.1 * pitch, "least certain", **style)
        self.certainties_ = {}
        if self.certainty is not None:
            style |= {"fontsize": 6, "va": "top"}
            for i, (top, left, _) in self.tiles_.items():
                place, text = (left + side / 2, top + side), f"{self.certainty[i]:.2f}"
                self.certainties_[i] = axes.text(*place, text, **style)
        axes.set_axis_off()


def by_position(images: Any) -> Any:
    """Return images that are indexed by position, as those of frames and series are not."""
    return images.to_numpy() if hasattr(images, "to_numpy") else images


def thumbnails(images: list[Any], caller: str) -> list[np.ndarray]:
    """Return uint8 arrays of shape (side, side, 3), each image whole, in proportion, on white."""
    import_extra("PIL", "plot", caller)
    from PIL import Image, ImageOps

    arrays = [_as_array(image, caller) for image in images]
    side = min(_LARGEST, max((max(array.shape[:2]) for array in arrays), default=1))
    # All that are not bytes are scaled alike, from the least to the greatest value of them.
    others = [array for array in arrays if array.dtype != np.uint8]
    if not all(array.dtype.kind in "biuf" and np.isfinite(array).all() for array in others):
        raise wrong("images", caller, "hold finite numbers", "others")
    bounds = [float(bound) for array in others for bound in (array.min(), array.max())] or [0.0]
    low, scale = min(bounds), 255 / ((max(bounds) - min(bounds)) or 255)
    squares = []
    for array in arrays:
        if array.dtype != np.uint8:
            array = np.rint((array.astype(np.float64) - low) * scale).astype(np.uint8)
        image = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).convert("RGB")
        # Enlarged ones show their pixels.
        is_small = max(image.size) <= side
        method = Image.Resampling.NEAREST if is_small else Image.Resampling.BICUBIC
        squares.append(np.asarray(ImageOps.pad(image, (side, side), method, color="white")))
    return squares


def _as_array(image: Any, caller: str) -> np.ndarray:
    """Return an array of shape (height, width, channels)."""
    from PIL import Image, ImageOps

    if isinstance(image, (str, os.PathLike)):
        try:
            with Image.open(image) as opened:
                return _as_array(ImageOps.exif_transpose(opened), caller)
        except OSError as error:
            raise wrong("images", caller, "be readable files", f"{image!r}: {error}") from error
    array = np.asarray(image.convert("RGB") if isinstance(image, Image.Image) else image)
    array = array[:, :, None] if array.ndim == 2 else array
    if array.ndim == 3 and array.shape[-1] not in _CHANNELS and array.shape[0] in _CHANNELS:
        array = np.moveaxis(array, 0, -1)
    if array.ndim != 3 or array.shape[-1] not in _CHANNELS or array.size == 0:
        must = "hold paths, PIL images or arrays of shape (height, width), with 1, 3 or 4 channels "
        raise wrong("images", caller, f"{must}last or first", f"shape {np.shape(image)}")
    return array
