"""DeepClusterer and SemiSupervisedDeepClassifier."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, ClusterMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from skcollision._ambient import isolated
from skcollision._callbacks import with_callbacks
from skcollision._warnings import warn
from skcollision.cluster._docstrings import documented_like
from skcollision.deep._base import BaseDeepEstimator
from skcollision.deep._network import ClusteringNetwork


@dataclass(eq=False, repr=False)
class DeepClusterer(ClusterMixin, BaseDeepEstimator):
    """Cluster images by training a network on labels that it gives itself.

    A backbone and a linear head on its features are trained together by any criterion of
    :mod:`skcollision.criteria`. A second view of each image, an augmentation or a neighbour, is
    held to the same label.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, K.
    criterion : str or ClusteringCriterion, default="collision"
        What to minimise: "collision" (the paper's λ = 100, and a fairness of the predictions of
        weight 1), "mutual_information", "miadm", "sela", "imsat", "iic" or "scan", each with its
        authors' weights, or an object with weights and cluster proportions as its fields.
    backbone : "vgg4", "torchvision/NAME", "timm/NAME", nn.Module or callable, default="vgg4"
        Network from samples (B, C, H, W) to features. A module is copied, with its weights; a
        callable is given (C, H, W), or (F,) for vectors, and returns one:
        ``functools.partial(VGG4, width=0.25)``.
    augment : "auto", callable, VirtualAdversary or None, default="auto"
        From a float32 batch (B, C, H, W) to a second view of each sample, such as a pipeline of
        kornia or torchvision.transforms.v2. "auto" takes kornia's: crops, flips and colours for RGB
        images, whose floats must lie in [0, 1], small affine maps for others, none for vectors.
    n_neighbors : int, default=0
        If positive, the second view is one of so many nearest samples, augmented, by the cosine of
        a pretrained backbone's features: SCAN's pairs.
    overclustering : int, default=None
        Clusters of a second head, trained by the same criterion and then not used, as in IIC.
    label_rounds : int, default=None
        Rounds, over the whole fit, in which pseudo-labels of all samples are solved for at once and
        kept, N x K numbers: SeLa's memory. None labels each batch anew.
    image_shape : tuple, default=None
        Shape of a sample, (H, W), (H, W, C) or (C, H, W), where X has flattened ones.
    channels : {"auto", "first", "last"}, default="auto"
        Which axis of a sample has the channels; "auto" takes the one of length 1 or 3.
    pretrained : path or dict, default=None
        State dict that the backbone starts from, or a file of one, which is read without running
        code. It must have all of the backbone's weights; others are not used.
    max_iter : int, default=50
        Epochs.
    batch_size : int, default=250
        Most samples a step, over all devices. Fairness is that of a batch: take several times K.
    optimizer : {"adam", "adamw", "sgd"}, default="adam"
        "adam" adds the weight decay to the gradient, "adamw" does not; "sgd" has momentum 0.9.
    learning_rate : float, default=1e-3
        Learning rate at the start. Lower it if clusters die in the first steps: see `history_`.
    backbone_learning_rate : float, default=None
        Another one for the backbone; 0 keeps its weights, None takes `learning_rate`.
    schedule : {"cosine", "constant"}, default="cosine"
        How the rates fall, to zero or not at all.
    weight_decay : float, default=0.01
        Coefficient of half the square norm of all parameters, the paper's.
    precision : {"32-true", "16-mixed", "bf16-mixed"}, default="32-true"
        Lightning Fabric's precision of the network; criteria compute in float32.
    device : str, default="auto"
        "cpu", "cuda", "cuda:i", or "auto" for CUDA where it is there.
    n_devices : int, default=1
        Devices, or processes on a CPU, to share each batch among; it is labelled as a whole. With
        `ShardedRows`, those of the process group.
    strategy : str, default="auto"
        Lightning Fabric's strategy for several of them, such as "ddp".
    compile : bool, default=False
        Whether to train through ``torch.compile``.
    checkpoint : path, default=None
        File that training is saved in after each epoch. A fit that finds it goes on from there, to
        the bitwise same result on the same machine with as many threads. Delete it to start anew.
    warm_start : bool, default=False
        Whether `fit` goes on from the network of the fit before, with a new optimiser, for another
        criterion, such as SCAN's second stage, or other images.
    random_state : int, RandomState instance or None, default=None
        Initial weights, batches and augmentations. A fit draws from torch's generator and restores
        it; an augmentation that draws from elsewhere is not reproducible.
    verbose : bool, default=False
        Print the objective after each epoch.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), int32
        Clusters of the training images, as `predict` gives them.
    network_ : nn.Module
        Standardisation, backbone and head, on the CPU in evaluation mode: from samples, bytes
        scaled to [0, 1], to logits.
    history_ : dict of ndarray of shape (n_iter_,)
        Means over each epoch: "objective", "marginal_entropy" H(σ̄) of a batch's mean prediction
        and "duality_gap" of its labels, in nats; "learning_rate" at its end, and "seconds" since
        the start.
    objective_ : float
        Objective of the last epoch, in nats, without weight decay.
    n_iter_ : int
        Epochs.
    image_shape_ : tuple
        Shape of a sample as the network takes it, (C, H, W) or (F,).
    n_features_in_ : int
        Values of a sample.

    See Also
    --------
    SemiSupervisedDeepClassifier : With labels for some of the images.
    skcollision.cluster.CollisionClusterer : On features that are given.

    References
    ----------
    Zhang & Boykov, arXiv:2303.07321, section 5.2.

    Examples
    --------
    >>> from functools import partial
    >>> from sklearn.datasets import load_digits
    >>> from skcollision.deep import VGG4, DeepClusterer
    >>> X = load_digits(n_class=2).images / 16  # N x 8 x 8
    >>> small = partial(VGG4, width=0.1)
    >>> clusterer = DeepClusterer(2, backbone=small, max_iter=4, batch_size=60, random_state=0)
    >>> clusterer.fit(X).predict_proba(X).shape
    (360, 2)
    """

    n_clusters: int = 8

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        **BaseDeepEstimator._parameter_constraints,
    }

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    @isolated()
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Cluster images.

        Parameters
        ----------
        X : array-like or Tensor of shape (N, H, W), (N, H, W, C), (N, C, H, W) or (N, n_features)
            Images, uint8 or floating with values in [0, 1]; rows are flattened images where
            `image_shape` is given, otherwise vectors. An array or memory map is not copied. With
            `ShardedRows` of them, the ranks of a process group train one network; `labels_` are
            those of the own images, and `checkpoint` is that of rank 0.
        y : ignored
            Present for pipelines and searches.

        Returns
        -------
        self
            The fitted clusterer.

        Raises
        ------
        ValueError
            If X has NaN, infinity, too few samples, the same sample in every row or a shape that
            does not fit, if training diverges, or a parameter is out of its range.
        ImportError
            If a library of the extra 'deep' is missing.

        Warns
        -----
        ConvergenceWarning
            If a cluster ends empty.
        """
        samples = self._check_samples(X, reset=True)
        self._fit(X, samples, self.n_clusters)
        self.labels_ = self._collect(self.network_, samples, _labels).astype(np.int32)
        used = np.unique(samples.joined(lambda: np.unique(self.labels_)))
        n_empty = self.n_clusters - len(used)
        if n_empty:
            warn(
                f"{n_empty} of n_clusters={self.n_clusters} clusters ended empty. Lower "
                "n_clusters, or raise the fairness in 'criterion' to keep them all in use.",
                ConvergenceWarning,
            )
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Assign each sample to its most probable cluster.

        Parameters
        ----------
        X : array-like or Tensor
            Samples, of the shape of those in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,), int32
            Cluster numbers from 0 to n_clusters - 1.
        """
        return self.predict_proba(X).argmax(axis=1).astype(np.int32)  # which overflow stops


def _labels(network: ClusteringNetwork, batch: Tensor) -> Tensor:
    return network.logits(batch).argmax(1)


#: What marks a sample without a label, as in :mod:`sklearn.semi_supervised`.
UNLABELLED = -1


@documented_like(DeepClusterer)
@dataclass(kw_only=True, eq=False, repr=False)
class SemiSupervisedDeepClassifier(ClassifierMixin, BaseDeepEstimator):
    """Classify images from labels of some of them, and self-labelling of all.

    A network is trained as by :class:`DeepClusterer`, with one cluster a class. Shannon's
    cross-entropy of labelled images, which join each batch, is added to the criterion.

    Parameters
    ----------
    supervised_weight : float, default=1.0
        Weight of the labels' cross-entropy.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Names of the classes, sorted, as y has them.

    See Also
    --------
    DeepClusterer : Without labels, and what the parameters mean.

    Examples
    --------
    >>> from functools import partial
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skcollision.deep import VGG4, SemiSupervisedDeepClassifier
    >>> X, y = load_digits(n_class=3, return_X_y=True)
    >>> y = np.where(np.arange(len(y)) < 30, y, -1)[:90]
    >>> classifier = SemiSupervisedDeepClassifier(
    ...     backbone=partial(VGG4, width=0.05), image_shape=(8, 8), max_iter=2, batch_size=30
    ... )
    >>> classifier.fit(X[:90] / 16, y).classes_
    array([0, 1, 2])
    """

    supervised_weight: float = 1.0

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "supervised_weight": [Interval(Real, 0, None, closed="neither")],
        **BaseDeepEstimator._parameter_constraints,
    }

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    @isolated()
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn from labelled and unlabelled images.

        Parameters
        ----------
        X : array-like or Tensor of shape (N, H, W), (N, H, W, C), (N, C, H, W) or (N, n_features)
            Images, as in :meth:`DeepClusterer.fit`.
        y : array-like of shape (N,)
            Classes, -1 for unknown; names of classes go with -1 in an array of objects. Those of
            the own images with `ShardedRows`.

        Returns
        -------
        self
            The fitted classifier.

        Raises
        ------
        ValueError
            If fewer than two classes are named in y, or as :meth:`DeepClusterer.fit`.
        """
        samples, name = self._check_samples(X, reset=True), type(self).__name__

        def own_labels() -> np.ndarray:
            if y is None:
                raise ValueError(f"{name} requires y to be passed, but the target y is None.")
            labels: np.ndarray = column_or_1d(y, warn=True)
            check_consistent_length(range(len(samples)), labels)
            return labels

        labels = samples.joined(own_labels)
        if labels.dtype.kind in "fO":
            check_array(labels, dtype=None, ensure_2d=False, input_name="y")
        if labels.dtype.kind in "USO" and (labels == str(UNLABELLED)).any():
            raise ValueError(
                f"{name} cannot mark unknown classes by the string '-1'. Make y an array of "
                "objects with the integer -1 for unknown."
            )
        check_classification_targets(labels[labels != UNLABELLED])
        known = labels != UNLABELLED
        targets = np.full(len(labels), UNLABELLED, dtype=np.int64)
        self.classes_, targets[known] = np.unique(labels[known], return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"{name} needs labels of at least two classes, and y has {len(self.classes_)} "
                f"class(es) beside {UNLABELLED} for unknown."
            )
        self._fit(X, samples, len(self.classes_), targets)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Name the most probable class of each image.

        Parameters
        ----------
        X : array-like or Tensor
            Samples, of the shape of those in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes.
        """
        check_is_fitted(self)
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])
