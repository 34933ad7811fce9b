"""ImageGalleryDisplay: the most and the least certain images of each cluster."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval, validate_parameter_constraints
from sklearn.utils.validation import _num_samples

from skcollision.plotting._colors import INK
from skcollision.plotting._matplotlib import one_axes
from skcollision.plotting._responses import final_estimator, predicted_proba
from skcollision.plotting._thumbnails import thumbnails

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from sklearn.base import BaseEstimator

# Clusters below each other before another block is begun, and the width of a tile in inches.
_MOST_ROWS, _TILE = 20, 0.5


class ImageGalleryDisplay:
    """Images of each cluster, the most certain on the left, the least certain on the right.

    A row is a cluster; certainty falls from left to right. In a small cluster no image is shown
    twice. More than 20 clusters are set in several blocks. Use :meth:`from_estimator` or
    :meth:`from_predictions` to make one.

    Parameters
    ----------
    images : sequence of n_samples images
        Paths, PIL images or arrays of shape (height, width), with 1, 3 or 4 channels last or first;
        also one array of them. Sizes may differ. Only images that are shown are opened. Arrays of
        uint8 are shown as they are, others scaled alike.
    most_certain : sequence of n_clusters arrays of int
        For each cluster the indices of images, certainty falling.
    least_certain : sequence of n_clusters arrays of int
        Likewise; the last is the least certain.
    names : array-like of shape (n_clusters,)
        Names of the clusters.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the gallery was drawn.
    figure_ : matplotlib Figure
        The figure around it.
    image_ : matplotlib AxesImage
        All images in one.
    names_ : list of matplotlib Text
        Names of the clusters.
    tiles_ : dict of int to tuple
        For each image shown, by its index, the row and column of pixels in `image_` where it
        begins, and its width, which is its height.

    Raises
    ------
    ValueError
        If lengths differ.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from skcollision.plotting import ImageGalleryDisplay
    >>> images = np.arange(3 * 4).reshape(3, 2, 2)
    >>> y_proba = [[0.6, 0.4], [0.9, 0.1], [0.2, 0.8]]
    >>> display = ImageGalleryDisplay.from_predictions(images, y_proba, n_images=1)
    >>> [indices.tolist() for indices in display.most_certain]
    [[1], [2]]
    """

    def __init__(
        self,
        images: Sequence[Any],
        most_certain: Sequence[ArrayLike],
        least_certain: Sequence[ArrayLike],
        names: ArrayLike,
    ) -> None:
        # Frames and series are indexed by labels, not by position.
        self.images = images.to_numpy() if hasattr(images, "to_numpy") else images
        self.most_certain = [np.asarray(each, dtype=np.intp) for each in most_certain]
        self.least_certain = [np.asarray(each, dtype=np.intp) for each in least_certain]
        self.names = np.asarray(names)
        if not len(self.most_certain) == len(self.least_certain) == len(self.names) > 0:
            raise ValueError(
                "The 'most_certain', 'least_certain' and 'names' parameters of ImageGalleryDisplay "
                f"must have one entry a cluster. Got {len(self.most_certain)}, "
                f"{len(self.least_certain)} and {len(self.names)} instead."
            )

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        images: Sequence[Any] | None = None,
        *,
        n_images: int = 6,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the gallery of a fitted clusterer.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `predict_proba`; pipelines and searches too.
        X : array-like of shape (n_samples, ...)
            What it predicts from.
        images : sequence of n_samples images, default=None
            The images of these points; None where X is the images.
        n_images : int, default=6
            Images shown on either side.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure, as large as needed.

        Returns
        -------
        ImageGalleryDisplay
            The picture, drawn.

        Raises
        ------
        TypeError
            If the estimator has no `predict_proba`.
        ValueError
            As :meth:`from_predictions`.
        """
        probs = predicted_proba(estimator, X, cls.__name__)
        names = getattr(final_estimator(estimator), "classes_", None)
        shown: Any = X if images is None else images
        return cls.from_predictions(shown, probs, names=names, n_images=n_images, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        images: Sequence[Any],
        y_proba: ArrayLike,
        *,
        names: ArrayLike | None = None,
        n_images: int = 6,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the gallery of soft assignments.

        Parameters
        ----------
        images : sequence of n_samples images
            Paths, PIL images or arrays; see the class.
        y_proba : array-like of shape (n_samples, n_clusters)
            Probability of each cluster.
        names : array-like of shape (n_clusters,), default=None
            Names of the clusters; None for their numbers.
        n_images : int, default=6
            Images shown on either side.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure, as large as needed.

        Returns
        -------
        ImageGalleryDisplay
            The picture, drawn.

        Raises
        ------
        ValueError
            If `y_proba` has not one finite row an image, or an image cannot be read.
        """
        validate_parameter_constraints(
            {"n_images": [Interval(Integral, 1, None, closed="left")]},
            {"n_images": n_images},
            cls.__name__,
        )
        probs = np.asarray(y_proba)
        n = _num_samples(images)
        if probs.ndim != 2 or len(probs) != n or not probs.size or not np.isfinite(probs).all():
            raise ValueError(
                f"The 'y_proba' parameter of {cls.__name__} must be finite and have shape "
                f"({n}, n_clusters), one row an image. Got shape {probs.shape} instead."
            )
        order = np.argsort(-probs.max(axis=1), kind="stable")
        cluster = probs.argmax(axis=1)[order]
        members = [order[cluster == k] for k in range(probs.shape[1])]
        most = [each[:n_images] for each in members]
        least = [each[n_images:][-n_images:] for each in members]
        clusters = np.arange(probs.shape[1]) if names is None else names
        return cls(images, most, least, clusters).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the gallery.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure, as large as needed.

        Returns
        -------
        ImageGalleryDisplay
            Itself, with the artists as attributes.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If an image cannot be read.
        """
        places, (height, width) = self._places()
        axes: Any = one_axes(type(self).__name__, ax, (_TILE * width + 0.6, _TILE * height + 0.6))
        pixels = thumbnails([self.images[int(i)] for i in places], type(self).__name__)
        side = len(pixels[0]) if pixels else 1
        pitch = side + math.ceil(side / 12)
        pitch += pitch % 2  # so that half a tile is a whole number of pixels
        canvas = np.full((int(height * pitch), int(width * pitch), 3), 255, np.uint8)
        self.tiles_ = {}
        for (i, (row, column)), picture in zip(places.items(), pixels, strict=True):
            top, left = int(row * pitch), int(column * pitch)
            canvas[top : top + side, left : left + side] = picture
            self.tiles_[i] = (top, left, side)
        self.ax_, self.figure_ = axes, axes.figure
        self.image_ = axes.imshow(canvas)
        self._write_names(pitch)
        axes.set_axis_off()
        return self

    def _layout(self) -> tuple[int, int, int]:
        """Return images on either side, rows and the number of blocks."""
        n_side = max(len(each) for each in [*self.most_certain, *self.least_certain])
        n_blocks = math.ceil(len(self.names) / _MOST_ROWS)
        return n_side, math.ceil(len(self.names) / n_blocks), n_blocks

    def _places(self) -> tuple[dict[int, tuple[float, float]], tuple[float, float]]:
        """Return row and column of each image, and how many there are, in tiles."""
        n_side, n_rows, n_blocks = self._layout()
        pitch = 2 * n_side + 2.0  # with half a tile between the sides, and room for names
        places: dict[int, tuple[float, float]] = {}
        for k, (most, least) in enumerate(zip(self.most_certain, self.least_certain, strict=True)):
            row, left = float(k % n_rows), (k // n_rows) * pitch
            right = left + 2 * n_side + 0.5 - len(least)
            places |= {int(i): (row, left + column) for column, i in enumerate(most)}
            places |= {int(i): (row, right + column) for column, i in enumerate(least)}
        return places, (float(n_rows), n_blocks * pitch - 1.5)

    def _write_names(self, pitch: int) -> None:
        """Write the name before each row, and over each block what its sides are."""
        n_side, n_rows, n_blocks = self._layout()
        self.names_ = []
        style: dict[str, Any] = {"color": INK, "fontsize": 9}
        for k, name in enumerate(self.names):
            x = (k // n_rows) * (2 * n_side + 2) - 0.15
            y = k % n_rows + 0.46
            text = self.ax_.text(x * pitch, y * pitch, str(name), ha="right", va="center", **style)
            self.names_.append(text)
        for block in range(n_blocks):
            left = block * (2 * n_side + 2)
            for heading, start in (("most certain", left), ("least certain", left + n_side + 0.5)):
                x = (start + n_side / 2) * pitch
                self.ax_.text(x, -0.1 * pitch, heading, ha="center", va="bottom", **style)
