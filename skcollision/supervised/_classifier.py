"""CollisionClassifier."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets

from skcollision._ambient import isolated
from skcollision._callbacks import with_callbacks
from skcollision._errors import wrong
from skcollision.supervised import _labels
from skcollision.supervised._base import LOSSES, BaseLinearClassifier


@dataclass(kw_only=True, eq=False, repr=False)
class CollisionClassifier(BaseLinearClassifier):
    r"""Linear softmax classifier for soft, noisy or plain labels.

    With soft labels y and predictions σ it minimises

    .. math:: \frac1N \sum_i -\ln \sum_k y_{ik} \sigma_{ik} + \frac{\gamma}{2} \|W\|^2 ,

    the collision cross-entropy: minus the log-probability that the predicted class is the true one,
    if that is drawn from the label. Shannon's cross-entropy, for comparison, teaches the model to
    be as unsure as each label; this one lets it be sure, and ignores labels that say nothing.

    Parameters
    ----------
    loss : {"collision", "shannon"}, default="collision"
        Cross-entropy between labels and predictions. For labels that are sure both are the same.
    transition_matrix : array-like of shape (n_classes, n_classes), default=None
        For noisy hard labels: T[c, l], the probability that class c is labelled l, both in the
        order of `classes_`. The soft label of a point labelled l is column l of T, divided by its
        sum; with ``loss="collision"`` that is forward loss correction.
    classes : array-like of shape (n_classes,), default=None
        Names of the classes, in the order of the columns of soft labels and of
        `transition_matrix`. None takes the sorted classes in y, or 0 to K - 1 for soft labels.
    n_init : int, default=5
        Restarts, trained side by side; that of the lowest objective is kept.
    max_iter : int, default=None
        Most epochs. None for as many as make 500 optimiser steps, and at least 10.
    batch_size : int, default=1000
        Most points a step; an epoch is cut into random batches of nearly equal size.
    learning_rate : float, default=1.0
        Initial learning rate, for features of unit length; it falls to 0 along a cosine.
    weight_decay : float, default=1e-4
        Coefficient γ. It starts 6 times as large and comes down with the learning rate.
    normalize : bool, default=True
        Centre the features and bring rows near unit length, so that the other defaults hold on any
        scale: a centred row x becomes :math:`\sqrt5 x / \sqrt{|x|^2 + 4 s^2}`, where s is the root
        mean square of all lengths. Columns that spread less than a fifth of what the widest does
        are then stretched to that, so that columns in small units count, too; `coef_` includes it.
        The normalisation is kept in the model.
    tol : float, default=1e-5
        Training stops when the best restart's objective has not fallen by this many nats in 10
        epochs and 100 steps; 0 never stops early. With ``loss="shannon"``, ``max_iter=None`` and
        no more points than `batch_size`, L-BFGS then goes on to the optimum.
    device : str, default="auto"
        "cpu", "cuda", "cuda:i", or "auto" for CUDA where there is one.
    random_state : int, RandomState instance or None, default=None
        Draws initial weights and batches. An int makes the fit reproducible to the bit on one
        machine.
    verbose : bool or int, default=False
        Print a line an epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Names of the classes.
    coef_ : ndarray of shape (n_classes, n_features)
        Weights, on the normalised features.
    intercept_ : ndarray of shape (n_classes,)
        Biases.
    objective_ : float
        The minimised objective of the best restart, in nats.
    history_ : dict of ndarray
        Curves of the fit: "objective" and "marginal_entropy" (that of the mean prediction) of shape
        (n_iter_, n_init), in nats, and "seconds" of shape (n_iter_,); "duality_gap" is 0.
    n_iter_ : int
        Epochs run.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X had string column names.

    See Also
    --------
    SemiSupervisedCollisionClassifier : Where most points have no label.
    sklearn.linear_model.LogisticRegression : Shannon's cross-entropy, for plain labels.

    Notes
    -----
    Shannon's cross-entropy is convex in W, so that all restarts meet. The collision cross-entropy
    is not, except for labels that are sure: it is the difference of two convex functions,
    :math:`\ln\sum_k e^{z_k} - \ln\sum_k y_k e^{z_k}` in the logits z. Restarts may then end in
    different optima, and `n_init` is there to choose among them.

    Metadata routing can pass `sample_weight` and `noise_rate` through pipelines and searches.

    References
    ----------
    Zhang & Boykov, arXiv:2303.07321, eq. (8) and (9). G. Patrini et al., "Making Deep Neural
    Networks Robust to Label Noise: a Loss Correction Approach", CVPR 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skcollision import CollisionClassifier
    >>> from skcollision.datasets import make_embeddings
    >>> X, y = make_embeddings(300, 3, 16, spread=0.5, random_state=0)
    >>> Y = 0.4 * np.eye(3)[y] + 0.2  # soft labels: 0.6 for the true class, 0.2 for the others
    >>> classifier = CollisionClassifier(random_state=0).fit(X, Y)
    >>> classifier.score(X, y) > 0.95
    True
    >>> bool(classifier.predict_proba(X).max(axis=1).mean() > 0.9)  # surer than its labels
    True
    """

    loss: str = "collision"
    transition_matrix: ArrayLike | None = None
    n_init: int = 5

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseLinearClassifier._parameter_constraints,
        "loss": [StrOptions(set(LOSSES))],
        "transition_matrix": [None, "array-like"],
        "n_init": [Interval(Integral, 1, None, closed="left")],
    }

    @with_callbacks
    @isolated()
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        noise_rate: ArrayLike | None = None,
    ) -> Self:
        """Learn from labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite, in float32 or float64; other types are converted.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Classes, or soft labels: rows that are not negative and sum to 1.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; a weight of 2 counts a point twice, 0 leaves it out.
        noise_rate : float or array-like of shape (n_samples,), default=None
            Probability η that a label in y was drawn from all classes alike. The soft label is then
            1 - η for the class in y plus η / K for every class.

        Returns
        -------
        self
            The fitted classifier.

        Raises
        ------
        ValueError
            If X has NaN, infinity or the same point in every row, y has one class only or rows that
            are not on the simplex, or a parameter is out of its range or does not fit the labels.
        """
        data, weight = self._check_data(X, sample_weight, reset=True)
        self.classes_, labels = self._soft_labels(y, data, noise_rate)
        if weight is not None:  # points of weight 0 are left out
            data, labels, weight = data[weight > 0], labels[weight > 0], weight[weight > 0]
        random_state, features = check_random_state(self.random_state), self._begin(data, weight)
        trainer = self._supervised(
            features, labels, random_state, loss=self.loss, n_restarts=self.n_init
        )
        self._train(trainer, features, data, weight)
        if self.loss == "shannon":
            self._finish(trainer, features, weight)
        self._store(trainer)
        return self

    def _soft_labels(
        self, y: Any, X: np.ndarray, noise_rate: ArrayLike | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the classes, and the labels of the rows of X as soft ones (N, K)."""
        name = type(self).__name__
        given = {"transition_matrix": self.transition_matrix, "noise_rate": noise_rate}
        noise = [repr(key) for key, value in given.items() if value is not None]
        if _labels.is_soft(y):
            if noise:
                raise ValueError(
                    f"Soft labels y of {name} say themselves how sure they are, so that "
                    f"{' and '.join(noise)} has no place. Leave it out, or pass classes as y."
                )
            labels = _labels.check_soft_labels(y, X, name)
            n_columns = labels.shape[1]
            if self.classes is None:
                return np.arange(n_columns), labels
            classes = _labels.named_classes(self.classes, np.empty(0), name)
            if len(classes) != n_columns:
                must = f"name each of the {n_columns} columns of y"
                raise wrong("classes", name, must, f"{len(classes)} names")
            return classes, labels
        hard = _labels.check_hard_labels(y, X, name)
        if hard.dtype.kind in "UO":
            _labels.check_one_kind(hard.tolist(), name)
        check_classification_targets(hard)
        classes = _labels.named_classes(self.classes, np.unique(hard), name)
        codes, n_classes = _labels.codes_of(hard, classes), len(classes)
        if len(noise) == 2:
            raise ValueError(
                f"{name} takes either 'transition_matrix' or 'noise_rate', not both. Write the "
                "rate into the matrix: (1 - rate) * T + rate / K."
            )
        if self.transition_matrix is not None:
            matrix = self.transition_matrix
            return classes, _labels.denoised(codes, matrix, X.dtype, n_classes, name)
        if noise_rate is not None:
            return classes, _labels.blurred(codes, noise_rate, X.dtype, n_classes, name)
        return classes, _labels.one_hot(codes, n_classes, X.dtype)
