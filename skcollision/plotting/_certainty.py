"""How far the certainty of points can be trusted, and the images at either end of it."""

import math
import os
from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval, validate_parameter_constraints
from sklearn.utils.validation import _num_samples

from skcollision.metrics import clustering_calibration_error, risk_coverage_curve
from skcollision.plotting import _display as base
from skcollision.plotting._display import INK, PALETTE, Display, as_vectors

_DIAGONAL = "perfectly calibrated"


class _CertaintyDisplay(Display):
    """Base of the pictures that compare certainty with classes."""

    from_predictions: Any

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: ArrayLike, y: ArrayLike, *, name: str | None = None, **options: Any
    ) -> Self:
        """Draw the picture of a fitted clusterer.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `predict_proba`; pipelines and searches too.
        X, y : array-like of shape (n_samples, n_features) and (n_samples,)
            Features and classes, integers, booleans or strings.
        name : str, default=None
            Name for the legend; None for that of the estimator's class.
        **options
            Other parameters of `from_predictions`, such as `ax`.
        """
        probs = base.predicted_proba(estimator, X, cls.__name__)
        name = type(estimator).__name__ if name is None else name
        return cls.from_predictions(y, probs, name=name, **options)


class ReliabilityDisplay(_CertaintyDisplay):
    """Reliability diagram of soft assignments: accuracy over certainty.

    Clusters are matched with classes, points are put into bins by the probability of their cluster,
    and for each bin the share of right points is drawn over the mean certainty; the larger the
    marker, the more points are in the bin. Below the diagonal a clusterer is too sure. Several can
    share axes. The source is that of :func:`~skcollision.metrics.clustering_calibration_error`.

    Parameters
    ----------
    certainty, accuracy, share : array-like of shape (n_bins,)
        For each bin the mean certainty of its points, the share of right ones among them, and their
        share of all points.
    name : str, default=None
        Name for the legend.

    Attributes
    ----------
    calibration_error : float
        Expected calibration error, the mean gap between certainty and accuracy.
    line_ : matplotlib Line2D
        The curve.
    markers_ : matplotlib PathCollection
        One marker a bin, its area in proportion to the share of points.

    Examples
    --------
    >>> from skcollision.plotting import ReliabilityDisplay
    >>> y_proba = [[0.75, 0.25], [0.75, 0.25], [0.75, 0.25], [0.75, 0.25]]
    >>> display = ReliabilityDisplay.from_predictions(["a", "a", "a", "b"], y_proba)
    >>> display.certainty.tolist(), display.accuracy.tolist()
    ([0.75], [0.75])
    """

    _figsize = 5.0, 5.0

    def __init__(
        self, certainty: ArrayLike, accuracy: ArrayLike, share: ArrayLike, name: str | None = None
    ) -> None:
        self.certainty, self.accuracy, self.share = as_vectors(
            "ReliabilityDisplay", certainty=certainty, accuracy=accuracy, share=share
        )
        self.name = name
        self.calibration_error = float(self.share @ np.abs(self.accuracy - self.certainty))

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        n_bins: int = 15,
        name: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw the diagram of soft assignments.

        Parameters
        ----------
        y_true, y_proba, n_bins
            As :func:`~skcollision.metrics.clustering_calibration_error`; empty bins are left out.
        name, ax
            As in the class and in :meth:`plot`; axes may have other diagrams.
        """
        clustering_calibration_error(y_true, y_proba, n_bins=n_bins)  # checks all of them
        coverage, risk, value = risk_coverage_curve(y_true, y_proba)
        # Shares of all points at each distinct certainty, and of right ones.
        share = np.diff(coverage, prepend=0)
        right = np.diff(coverage * (1 - risk), prepend=0)
        index = np.ceil(value * n_bins).astype(np.intp).clip(1, n_bins)
        index = np.unique(index, return_inverse=True)[1]  # without the empty bins
        total = np.bincount(index, weights=share)
        certainty = np.bincount(index, weights=share * value) / total
        accuracy = np.bincount(index, weights=right) / total
        return cls(certainty, accuracy.clip(0, 1), total, name).plot(ax)

    def _draw(self, axes: Any) -> None:
        if _DIAGONAL not in axes.get_legend_handles_labels()[1]:
            axes.plot([0, 1], [0, 1], color=INK, linestyle=":", label=_DIAGONAL)
        error = f"ECE = {self.calibration_error:.3f}"
        label = error if self.name is None else f"{self.name} ({error})"
        color = PALETTE[(len(axes.lines) - 1) % len(PALETTE)]  # the diagonal is a line too
        curve = self.certainty, self.accuracy
        (self.line_,) = axes.plot(*curve, color=color, label=label)
        area = 4 + 500 * self.share
        self.markers_ = axes.scatter(*curve, s=area, color=color, alpha=0.6, linewidths=0)
        axes.set(xlabel="certainty (area: share of points)", ylabel="accuracy")
        axes.set(xlim=(0, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.legend()


class RiskCoverageDisplay(_CertaintyDisplay):
    """Risk-coverage curve of soft assignments: the error of the most certain share of the points.

    The curve ends at the error of all points. A certainty that ranks points well starts low and
    rises; one that says nothing stays level. Several can share axes.

    Parameters
    ----------
    coverage, risk : array-like of shape (n_thresholds,)
        Shares of the points, rising to 1, and the share of wrong ones among them.
    name : str, default=None
        Name for the legend.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The curve.

    Examples
    --------
    >>> from skcollision.plotting import RiskCoverageDisplay
    >>> y_proba = [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]]
    >>> display = RiskCoverageDisplay.from_predictions([0, 1, 1, 1], y_proba)
    >>> display.risk.tolist()
    [0.0, 0.0, 0.0, 0.25]
    """

    def __init__(self, coverage: ArrayLike, risk: ArrayLike, name: str | None = None) -> None:
        self.coverage, self.risk = as_vectors("RiskCoverageDisplay", coverage=coverage, risk=risk)
        self.name = name

    @classmethod
    def from_predictions(
        cls, y_true: ArrayLike, y_proba: ArrayLike, *, name: str | None = None, ax: Any = None
    ) -> Self:
        """Draw the curve of soft assignments.

        Parameters
        ----------
        y_true, y_proba, name, ax
            As :meth:`ReliabilityDisplay.from_predictions`.
        """
        curve = risk_coverage_curve(y_true, y_proba)
        return cls(curve.coverage, curve.risk, name).plot(ax)

    def _draw(self, axes: Any) -> None:
        # A marker as well, or a single certainty for all points would be invisible.
        color = PALETTE[len(axes.lines) % len(PALETTE)]
        (self.line_,) = axes.plot(
            self.coverage, self.risk, color=color, marker="o", markevery=[-1], label=self.name
        )
        axes.set_xlabel("coverage: share of the points, the most certain first")
        axes.set(ylabel="risk: error rate among them", xlim=(0, 1.02), ylim=(0, None))
        if self.name is not None:
            axes.legend()


# Clusters below each other before another block is begun, and the width of a tile in inches.
_MOST_ROWS, _TILE = 20, 0.5
_CHANNELS = (1, 3, 4)
_LARGEST = 96  # pixels; photographs are reduced to it


class ImageGalleryDisplay(Display):
    """Images of each cluster, the most certain on the left, the least certain on the right.

    A row is a cluster; certainty falls from left to right. In a small cluster no image is shown
    twice. More than 20 clusters are set in several blocks.

    Parameters
    ----------
    images : sequence of n_samples images
        Paths, PIL images or arrays of shape (height, width), with 1, 3 or 4 channels last or first;
        also one array of them. Sizes may differ. Only images that are shown are opened. Arrays of
        uint8 are shown as they are, others scaled alike.
    most_certain, least_certain : sequence of n_clusters arrays of int
        For each cluster the indices of images, certainty falling.
    names : array-like of shape (n_clusters,)
        Names of the clusters.

    Attributes
    ----------
    image_ : matplotlib AxesImage
        All images in one.
    names_ : list of matplotlib Text
        Names of the clusters.
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
        # In tiles: a block has both sides, half a tile between them and 1.5 tiles after it.
        self._n_blocks = math.ceil(len(self.names) / _MOST_ROWS)
        self._n_rows = math.ceil(len(self.names) / self._n_blocks)
        self._side = max(len(each) for each in [*self.most_certain, *self.least_certain])
        self._block = 2 * self._side + 2
        self._width = self._n_blocks * self._block - 1.5
        self._figsize = _TILE * self._width + 0.6, _TILE * self._n_rows + 0.6

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: ArrayLike, images: Sequence[Any] | None = None, **options: Any
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
            Probability of each cluster.
        n_images : int, default=6
            Images shown on either side.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure, as large as needed.

        Raises
        ------
        ValueError
            If `y_proba` has not one finite row an image, or an image cannot be read.
        """
        at_least_one = [Interval(Integral, 1, None, closed="left")]
        constraints, given = {"n_images": at_least_one}, {"n_images": n_images}
        validate_parameter_constraints(constraints, given, cls.__name__)
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

    def _draw(self, axes: Any) -> None:
        places: dict[int, tuple[float, float]] = {}  # row and column of each image, in tiles
        for k, (most, least) in enumerate(zip(self.most_certain, self.least_certain, strict=True)):
            row, start = k % self._n_rows, k // self._n_rows * self._block
            right = start + self._block - 1.5 - len(least)
            places |= {int(i): (row, start + column) for column, i in enumerate(most)}
            places |= {int(i): (row, right + column) for column, i in enumerate(least)}
        pixels = _thumbnails([self.images[i] for i in places])
        side = len(pixels[0]) if pixels else 1
        pitch = side + math.ceil(side / 12)
        pitch += pitch % 2  # so that half a tile is a whole number of pixels
        canvas = np.full((self._n_rows * pitch, int(self._width * pitch), 3), 255, np.uint8)
        self.tiles_ = {}
        for (i, place), picture in zip(places.items(), pixels, strict=True):
            top, left = (int(each * pitch) for each in place)
            canvas[top : top + side, left : left + side] = picture
            self.tiles_[i] = (top, left, side)
        self.image_ = axes.imshow(canvas)
        style: dict[str, Any] = {"color": INK, "fontsize": 9}
        self.names_ = []
        for k, name in enumerate(self.names):
            x, y = k // self._n_rows * self._block - 0.15, k % self._n_rows + 0.46
            text = axes.text(x * pitch, y * pitch, str(name), ha="right", va="center", **style)
            self.names_.append(text)
        for middle in self._side / 2 + self._block * np.arange(self._n_blocks):
            for heading, shift in (("most certain", 0.0), ("least certain", self._side + 0.5)):
                x, y = (middle + shift) * pitch, -0.1 * pitch
                axes.text(x, y, heading, ha="center", va="bottom", **style)
        axes.set_axis_off()


def _thumbnails(images: list[Any]) -> list[np.ndarray]:
    """Return uint8 arrays of shape (side, side, 3), each image whole, in proportion, on white."""
    from PIL import Image

    arrays = [_as_array(image) for image in images]
    side = min(_LARGEST, max((max(array.shape[:2]) for array in arrays), default=1))
    # All that are not bytes are scaled alike, from the least to the greatest value of them.
    others = [array for array in arrays if array.dtype != np.uint8]
    if not all(array.dtype.kind in "biuf" and np.isfinite(array).all() for array in others):
        raise ValueError("The 'images' parameter of ImageGalleryDisplay must hold finite numbers.")
    low = min((float(array.min()) for array in others), default=0.0)
    high = max((float(array.max()) for array in others), default=0.0)
    scale = 255 / (high - low) if high > low else 1.0
    squares = []
    for array in arrays:
        if array.dtype != np.uint8:
            array = np.rint((array.astype(np.float64) - low) * scale).astype(np.uint8)
        image = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).convert("RGB")
        image.thumbnail((side, side))
        square = Image.new("RGB", (side, side), "white")
        square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
        squares.append(np.asarray(square))
    return squares


def _as_array(image: Any) -> np.ndarray:
    """Return an array of shape (height, width, channels)."""
    from PIL import Image, ImageOps

    if isinstance(image, (str, os.PathLike)):
        try:
            with Image.open(image) as opened:
                return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
        except OSError as error:
            raise ValueError(
                "The 'images' parameter of ImageGalleryDisplay has a file that cannot be read, "
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
            "The 'images' parameter of ImageGalleryDisplay must hold paths, PIL images or arrays "
            "of shape (height, width), with 1, 3 or 4 channels last or first. "
            f"Got shape {np.shape(image)} instead."
        )
    return array
