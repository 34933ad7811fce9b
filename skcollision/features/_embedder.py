"""ImageEmbedder: the first step of a pipeline that starts with images."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from skcollision.engine import resolve_device
from skcollision.features._cache import FeatureCache, NoCache
from skcollision.features._extractor import Extractor
from skcollision.features._extras import import_images_extra
from skcollision.features._images import ImageLike, as_images, describe_image
from skcollision.features._networks import build_network

_MOST_LISTED = 5


class ImageEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Turn images into features with a pretrained network.

    The network is used as it is; nothing is trained. `fit` loads it, `transform` reads the images
    batch by batch, so that no more than a few batches of them are in memory.

    Parameters
    ----------
    model : str or torch.nn.Module, default="torchvision/resnet50.IMAGENET1K_V1"
        The network: "torchvision/NAME" or "timm/NAME", without its classifier, or any module that
        turns a batch of images into a tensor of shape (n_images, n_features), or (n_images,
        n_features, height, width), which is averaged over the image. A point and a name of weights
        may follow a NAME, as in "timm/resnet50.a1_in1k"; without them the library's default is
        taken. A module is copied, and its classifier, if it has one, is yours to remove.
    weights : "pretrained", str or PathLike, default="pretrained"
        "pretrained" downloads the library's weights at the first `fit`, or keeps those that a
        module has. A path is that of a local checkpoint of the network, in safetensors or as saved
        with ``torch.save(network.state_dict(), path)``; it is loaded without running code.
    preprocess : callable, default=None
        From a PIL image in RGB to a tensor of shape (n_channels, height, width). None takes that
        of the named weights, and ``ImagePreprocessing()`` for a module.
    batch_size : int, default=64
        Images that go through the network at a time.
    on_error : {"raise", "mask"}, default="raise"
        What to do about an image that cannot be read. "raise" stops with a ValueError that names
        it. "mask" goes on: its row of features is all zeros, `failures_` says which and why, and a
        warning lists them.
    cache_dir : str or PathLike, default=None
        Folder in which features are kept, by network and by the content of images. Every batch is
        written when it is done, so that a run that was stopped goes on from there.
    device : str, default="auto"
        "auto", "cpu", "cuda" or "cuda:i".
    mixed_precision : bool, default=True
        Whether to compute in float16 on a GPU where that is safe. The CPU computes in the
        network's precision.
    n_jobs : int, default=None
        Processes that read and preprocess images, as of joblib; None and 1 do so in this process.
    verbose : bool or int, default=False
        Whether to show progress (needs tqdm).

    Attributes
    ----------
    network_ : torch.nn.Module
        The network, in evaluation mode on the CPU.
    preprocess_ : callable
        Its preprocessing.
    failures_ : dict of int to str
        What was wrong with which row of the last `transform`; empty unless ``on_error="mask"``.

    See Also
    --------
    skcollision.features.ImagePreprocessing : Resize, crop and normalise without torchvision.
    skcollision.features.image_paths : Images of a folder, in the order of the rows.

    Notes
    -----
    Rows of zeros are finite and easy to see, but a clusterer gives them labels. Leave them out with
    ``sample_weight``, or their labels after the fact::

        labels[list(embedder.failures_)] = -1

    A fitted embedder holds the network, and so does its pickle.

    The file of the cache depends on the network's weights and on the features of a test image, so
    that new code of a module or another preprocessing does not meet old features. Features of one
    image differ by rounding between batches of different sizes.

    Examples
    --------
    A network of one's own needs neither timm nor torchvision:

    >>> from pathlib import Path
    >>> import sklearn.datasets
    >>> from torch import nn
    >>> from skcollision.features import ImageEmbedder
    >>> network = nn.Sequential(nn.Conv2d(3, 8, kernel_size=16, stride=16), nn.ReLU())
    >>> photographs = Path(sklearn.datasets.__file__).parent / "images"
    >>> ImageEmbedder(network).fit_transform(photographs).shape
    (2, 8)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "model": [str, nn.Module],
        "weights": [str, os.PathLike],
        "preprocess": [None, callable],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "on_error": [StrOptions({"raise", "mask"})],
        "cache_dir": [None, str, os.PathLike],
        "device": [str],
        "mixed_precision": ["boolean"],
        "n_jobs": [None, Integral],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        model: str | nn.Module = "torchvision/resnet50.IMAGENET1K_V1",
        *,
        weights: str | os.PathLike[str] = "pretrained",
        preprocess: Callable[[Any], Tensor] | None = None,
        batch_size: int = 64,
        on_error: str = "raise",
        cache_dir: str | os.PathLike[str] | None = None,
        device: str = "auto",
        mixed_precision: bool = True,
        n_jobs: int | None = None,
        verbose: bool | int = False,
    ) -> None:
        self.model = model
        self.weights = weights
        self.preprocess = preprocess
        self.batch_size = batch_size
        self.on_error = on_error
        self.cache_dir = cache_dir
        self.device = device
        self.mixed_precision = mixed_precision
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Load the network.

        Parameters
        ----------
        X : ignored
            Images are read by `transform`.
        y : ignored
            Present for pipelines.

        Returns
        -------
        self
            The embedder.

        Raises
        ------
        ValueError
            If there is no such network or device, a checkpoint does not fit it, or it does not turn
            images into features.
        ImportError
            If Pillow, or the library of a named network, cannot be imported.
        OSError
            If the weights cannot be downloaded.
        """
        resolve_device(self.device)
        import_images_extra("PIL.Image")
        network, preprocess = build_network(self.model, self.weights)
        self._extractor = Extractor(network, self.preprocess or preprocess)
        self.network_, self.preprocess_ = network, self._extractor.preprocess
        self._n_features_out = self._extractor.n_features
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Embed images.

        Parameters
        ----------
        X : sequence of paths, arrays and PIL images, array-like or folder
            Images of any size, grey or in colour. An array has shape (n_images, height, width) or
            (n_images, height, width, n_channels) with 1, 3 or 4 channels, and integers from 0 to
            255 or floats from 0 to 1; arrays in a sequence have one dimension less. Of a folder,
            all files of :func:`~skcollision.features.image_paths`. An opacity channel is dropped,
            photographs are turned upright as their EXIF data say, and of an animation the first
            image is taken.

        Returns
        -------
        ndarray of shape (n_images, n_features)
            Features, in float32, always finite; zeros in the rows of `failures_`.

        Raises
        ------
        ValueError
            If an image cannot be read and ``on_error="raise"``, or none can; if X holds no images
            or the network gives NaN.
        TypeError
            If X holds anything else than images.

        Warns
        -----
        UserWarning
            If images cannot be read and ``on_error="mask"``.
        """
        check_is_fitted(self)
        images = as_images(X)
        features = np.zeros((len(images), self._n_features_out), dtype=np.float32)
        failures: dict[int, str] = {}
        with self._open_cache() as cache:
            missing = cache.recall(images, features)
            with self._progress(len(images), len(images) - len(missing)) as advance:
                for batch in self._batches(images, missing):
                    features[batch.rows] = batch.features
                    cache.store(batch.rows, batch.features)
                    failures |= batch.failures
                    self._check_failures(failures, images)
                    advance(len(batch.rows) + len(batch.failures))
        self.failures_ = failures
        if failures:
            warnings.warn(self._masked_rows(images), UserWarning, stacklevel=2)
        return features

    def _open_cache(self) -> NoCache:
        if self.cache_dir is None:
            return NoCache()
        half = "-float16" if self._uses_half() else ""
        return FeatureCache(self.cache_dir, self._extractor.key + half, self._n_workers() or 1)

    def _batches(self, images: Sequence[ImageLike], rows: Sequence[int]) -> Any:
        return self._extractor.batches(
            images,
            rows,
            batch_size=self.batch_size,
            n_workers=self._n_workers(),
            device=resolve_device(self.device),
            mixed_precision=self.mixed_precision,
        )

    def _uses_half(self) -> bool:
        return self.mixed_precision and resolve_device(self.device).type == "cuda"

    def _n_workers(self) -> int:
        """Return the number of processes beside this one."""
        n_jobs = effective_n_jobs(self.n_jobs)
        return n_jobs if n_jobs > 1 else 0

    @contextmanager
    def _progress(self, n_images: int, n_done: int) -> Iterator[Callable[[int], object]]:
        """Show how many images are done, where the user wants to know."""
        if not self.verbose:
            yield lambda count: None
            return
        tqdm = import_images_extra("tqdm").tqdm
        name = type(self).__name__
        with tqdm(total=n_images, initial=n_done, unit="image", desc=name) as bar:
            yield bar.update

    def _check_failures(self, failures: dict[int, str], images: Sequence[ImageLike]) -> None:
        if failures and (self.on_error == "raise" or len(failures) == len(images)):
            row = min(failures)
            none = "No image can be read" if len(failures) == len(images) > 1 else ""
            raise ValueError(
                f"{none or 'An image cannot be read'}: {describe_image(row, images[row])}: "
                f"{failures[row]}. Repair it or leave it out, or give on_error='mask' to go on "
                "without it."
            )

    def _masked_rows(self, images: Sequence[ImageLike]) -> str:
        listed = [
            f"{describe_image(row, images[row])}: {error}"
            for row, error in list(self.failures_.items())[:_MOST_LISTED]
        ]
        more = ["..."] if len(self.failures_) > _MOST_LISTED else []
        return (
            f"{len(self.failures_)} of {len(images)} images cannot be read. Their features are "
            f"zeros and 'failures_' has their rows: {'; '.join(listed + more)}"
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags
