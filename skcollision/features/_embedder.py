"""ImageEmbedder: the first step of a pipeline that starts with images."""

import copy
import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import KW_ONLY, dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from skcollision._ambient import isolated
from skcollision._extras import import_extra
from skcollision._networks import NamedNetwork, build_named, load_weights
from skcollision._parameters import StrictEstimator
from skcollision.engine import resolve_device
from skcollision.features._extractor import FeatureCache, embed, embed_test_image, network_key
from skcollision.features._images import ImageLike, ImagePreprocessing, as_images


@dataclass(eq=False, repr=False)
class ImageEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, StrictEstimator):
    """Turn images into features with a pretrained network, which is not trained further.

    `fit` loads the network. `transform` reads images batch by batch, a few batches at a time.

    Parameters
    ----------
    model : str or torch.nn.Module, default="torchvision/resnet50.IMAGENET1K_V1"
        "torchvision/NAME" or "timm/NAME", whose classifier is removed, or a module from a batch of
        images to a tensor of shape (n_images, n_features), or (n_images, n_features, height,
        width), which is averaged over the image. NAME may end in a name of weights; otherwise the
        library's default is taken. A module is copied; its classifier, if it has one, stays.
    weights : "pretrained", str or PathLike, default="pretrained"
        "pretrained" downloads the library's weights at the first `fit`, or keeps those of a
        module. A path is a local checkpoint of the network, in safetensors or saved with
        ``torch.save(network.state_dict(), path)``; loading it runs no code.
    preprocess : callable, default=None
        From a PIL image in RGB to a tensor of shape (n_channels, height, width). None takes that
        of the named weights, and that of :class:`ImagePreprocessing` for a module.
    batch_size : int, default=64
        Images that go through the network at a time.
    on_error : {"raise", "mask"}, default="raise"
        What to do about an image that cannot be read: raise a ValueError that names it, or set its
        features to zeros, record it in `failures_` and warn.
    cache_dir : str or PathLike, default=None
        Folder in which features are kept, by network and by the content of images. Every batch is
        written when it is done, so a run that was stopped goes on from there.
    device : str, default="auto"
        "auto", "cpu", "cuda" or "cuda:i".
    mixed_precision : bool, default=True
        Whether to compute in float16 on a GPU where that is safe. A CPU keeps the network's dtype.
    n_jobs : int, default=None
        Processes that read and preprocess images, as in joblib; None and 1 use this process alone.
    verbose : bool or int, default=False
        Whether to show progress (needs tqdm).

    Attributes
    ----------
    network_ : torch.nn.Module
        The network, in evaluation mode on the CPU.
    preprocess_ : callable
        Its preprocessing.
    failures_ : dict of int to str
        Rows of the last `transform` that could not be read, and why; empty unless
        ``on_error="mask"``.

    Notes
    -----
    A clusterer labels rows of zeros too. Leave them out with ``sample_weight``, or mark them
    afterwards: ``labels[list(embedder.failures_)] = -1``.

    Other weights, code or preprocessing use another file of the cache. The features of an image
    differ by rounding between batches of different sizes.

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

    model: str | nn.Module = "torchvision/resnet50.IMAGENET1K_V1"
    _: KW_ONLY
    weights: str | os.PathLike[str] = "pretrained"
    preprocess: Callable[[Any], Tensor] | None = None
    batch_size: int = 64
    on_error: str = "raise"
    cache_dir: str | os.PathLike[str] | None = None
    device: str = "auto"
    mixed_precision: bool = True
    n_jobs: int | None = None
    verbose: bool | int = False

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

    @_fit_context(prefer_skip_nested_validation=True)
    @isolated()
    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Load the network.

        Parameters
        ----------
        X, y : ignored
            `transform` reads the images.

        Returns
        -------
        self
            The embedder.

        Raises
        ------
        ValueError
            If there is no such network or device, a checkpoint does not fit, or the network does
            not turn images into features.
        ImportError
            If Pillow, or the library of a named network, cannot be imported.
        OSError
            If the weights cannot be downloaded.
        """
        resolve_device(self.device)
        import_extra("PIL.Image", "images", "ImageEmbedder")
        pretrained = self.weights == "pretrained"
        if isinstance(self.model, nn.Module):
            made = NamedNetwork(copy.deepcopy(self.model), (), ImagePreprocessing())
        else:
            owner = "The 'model' parameter of ImageEmbedder"
            made = build_named(self.model, owner, "a torch.nn.Module", pretrained=pretrained)
        if not pretrained:
            unused = tuple(f"{name}." for name in made.classifier)
            owner = "The 'weights' parameter of ImageEmbedder"
            load_weights(made.network, self.weights, owner, unused=unused)
        self.network_ = made.network.cpu().eval().requires_grad_(False)
        self.preprocess_ = self.preprocess or made.preprocess
        self._test_features = embed_test_image(self.network_, self.preprocess_)
        return self

    @isolated()
    def transform(self, X: Any) -> np.ndarray:
        """Embed images.

        Parameters
        ----------
        X : sequence of paths, arrays and PIL images, array-like or folder
            Images of any size, grey or in colour. An array has shape (n_images, height, width) or
            (n_images, height, width, n_channels) with 1, 3 or 4 channels, and integers from 0 to
            255 or floats from 0 to 1; arrays in a sequence have one dimension less. Of a folder,
            the files that :func:`~skcollision.features.image_paths` lists. Opacity is dropped,
            EXIF orientation applied, and the first image of an animation taken.

        Returns
        -------
        ndarray of shape (n_images, n_features), float32
            Features, always finite; zeros in the rows of `failures_`.

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
        device, n_jobs = resolve_device(self.device), effective_n_jobs(self.n_jobs)
        half = self.mixed_precision and device.type == "cuda"
        cache, missing = None, list(range(len(images)))
        if self.cache_dir is not None:
            name = network_key(self.network_, self._test_features) + "-float16" * half
            cache = FeatureCache(Path(self.cache_dir) / f"{name}.sqlite", images, n_jobs)
            missing = cache.recall(features)
        failures: dict[int, str] = {}
        with self._progress(len(images), len(images) - len(missing)) as bar:

            def preprocess(image: Any) -> Tensor:
                if bar is not None:  # batches may take long
                    bar.update()
                return self.preprocess_(image)

            batches = embed(
                self.network_,
                self.preprocess_ if n_jobs > 1 else preprocess,
                images,
                missing,
                device=device,
                half=half,
                batch_size=self.batch_size,
                n_workers=n_jobs if n_jobs > 1 else 0,
            )
            for rows, found, failed in batches:
                if found is not None:
                    features[rows] = found
                    if cache is not None:
                        cache.store(rows, found)
                failures |= failed
                if len(failures) == len(images) or (failures and self.on_error == "raise"):
                    raise ValueError(
                        f"{_describe(failures, images)}. Repair or leave out such images, or give "
                        "on_error='mask' to go on without them."
                    )
                if bar is not None:
                    bar.update(len(failed) + (n_jobs > 1) * len(rows))
        self.failures_ = failures
        if failures:
            rows_are = "Their features are zeros and 'failures_' has their rows"
            warnings.warn(f"{_describe(failures, images)}. {rows_are}.", UserWarning, stacklevel=2)
        return features

    @property
    def _n_features_out(self) -> int:
        return len(self._test_features)

    def _progress(self, n_images: int, n_done: int) -> Any:
        """Return a context with a bar of how many images are done, or None if not verbose."""
        if not self.verbose:
            return nullcontext()
        tqdm = import_extra("tqdm", "images", "verbose=True of ImageEmbedder").tqdm
        return tqdm(total=n_images, initial=n_done, unit="image", desc=type(self).__name__)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags


def _describe(failures: dict[int, str], images: Sequence[ImageLike]) -> str:
    shown = []
    for row, error in list(failures.items())[:5]:
        path = images[row]
        name = f" ({os.fspath(path)})" if isinstance(path, str | os.PathLike) else ""
        shown.append(f"image {row}{name}: {error}")
    more = ["..."] if len(failures) > len(shown) else []
    return f"{len(failures)} of {len(images)} images cannot be read: {'; '.join(shown + more)}"
