"""SemiSupervisedDeepClassifier."""

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from skcollision._ambient import isolated
from skcollision._callbacks import with_callbacks
from skcollision.cluster._docstrings import documented_like
from skcollision.deep._base import BaseDeepEstimator
from skcollision.deep._clusterer import DeepClusterer

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
            Classes, -1 for unknown; names of classes go with -1 in an array of objects.

        Returns
        -------
        self
            The fitted classifier.

        Raises
        ------
        ValueError
            If fewer than two classes are named in y, or as :meth:`DeepClusterer.fit`.
        """
        samples = self._check_samples(X, reset=True)
        labels = self._check_labels(y)
        check_consistent_length(X, labels)
        known = labels != UNLABELLED
        targets = np.full(len(labels), UNLABELLED, dtype=np.int64)
        self.classes_, targets[known] = np.unique(labels[known], return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} needs labels of at least two classes, and y has "
                f"{len(self.classes_)} class(es) beside {UNLABELLED} for unknown."
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

    def _check_labels(self, y: ArrayLike) -> np.ndarray:
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        labels: np.ndarray = column_or_1d(y, warn=True)
        if labels.dtype.kind == "f":
            check_array(labels, ensure_2d=False, input_name="y")
        if labels.dtype.kind in "US" and (labels == np.array(str(UNLABELLED), labels.dtype)).any():
            raise ValueError(
                f"{type(self).__name__} cannot mark unknown classes in an array of strings. Make y "
                "an array of objects with -1 for unknown."
            )
        check_classification_targets(labels[labels != UNLABELLED])
        return labels
