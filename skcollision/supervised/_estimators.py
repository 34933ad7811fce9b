"""CollisionClassifier and SemiSupervisedCollisionClassifier."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets

from skcollision import engine
from skcollision._ambient import isolated
from skcollision._callbacks import with_callbacks
from skcollision._warnings import warn_of_batches
from skcollision.cluster._docstrings import documented_like
from skcollision.cluster._training import target_proportions
from skcollision.criteria import ClusteringCriterion, CollisionCriterion
from skcollision.engine import NormalisedRows, PriorEstimate, Trainer, weight_like
from skcollision.graph import default_neighbors
from skcollision.supervised import _base as base
from skcollision.supervised import _labels
from skcollision.supervised._base import BaseLinearClassifier


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
        mean square of all lengths. The normalisation is kept in the model.
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
        "loss": [StrOptions(set(base.LOSSES))],
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
                raise ValueError(
                    f"The 'classes' parameter of {name} must name each of the {n_columns} columns "
                    f"of y. Got {len(classes)} names instead."
                )
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


# Fewer than in clustering: neighbours of one class matter more than clusters that hang together.
MOST_NEIGHBORS = 5
# Learning rate of self-labelling, in units of that of supervision: it refines what labels taught.
RATE = 0.3


@documented_like(CollisionClassifier)
@dataclass(kw_only=True, eq=False, repr=False)
class SemiSupervisedCollisionClassifier(BaseLinearClassifier):
    r"""Linear softmax classifier for data of which few points have a label.

    All points take part in self-labelling, as in :class:`CollisionClusterer`, and those with a
    label in supervision. With predictions σ it minimises

    .. math:: L(\sigma) + w \frac1N \sum_{i \text{ labelled}} -\ln \sigma_{i l_i}
              + \frac{\gamma}{2} \|W\|^2 ,

    where L is a clustering criterion with its own soft pseudo-labels, by default the collision
    cross-entropy of eq. (11). It starts from the optimum for the labelled points alone, a convex
    problem, so that pseudo-labels mean something from the first step on. While it learns, it sees
    beside each point the mean of the point's neighbourhood; then it learns to predict the same from
    points alone.

    Parameters
    ----------
    criterion : ClusteringCriterion, default=None
        The self-labelling loss L: any of :mod:`skcollision.criteria` that has a `prior`, or your
        own. None is ``CollisionCriterion(lam=10, fairness_weight=1)``.
    labelled_weight : float, default=3.0
        Weight w of a labelled point's loss against that of self-labelling a point.
    classes : array-like of shape (n_classes,), default=None
        Names of the classes; None takes the sorted labels in y. Each needs a labelled point.
    prior : "estimate", "uniform" or array-like of shape (n_classes,), default="estimate"
        Target proportions of the classes, in the order of `classes_`: ones that start equal and
        follow the predictions with caution, equal ones, or positive shares that sum to 1 or counts.
    batch_size : int, default=1000
        Most points a step, and most labelled points beside them.
    learning_rate : float, default=1.0
        Initial learning rate, for features of unit length; it falls to 0 along a cosine.
        Self-labelling takes 0.3 of it.
    n_components : int, default=128
        Dimensions of the principal subspace that neighbours are looked for and averaged in; None
        for all features.
    n_neighbors : int or "auto", default="auto"
        Nearest points to average over, along random walks of 4 to 12 steps over the graph that
        joins them; 0 for none. "auto" is 5, or a tenth of the mean class where that is less.

    Attributes
    ----------
    transduction_ : ndarray of shape (n_samples,)
        Class of each training point: its label, or what it is predicted as with its neighbourhood.
    class_prior_ : ndarray of shape (n_classes,)
        The proportions in use; the estimate where `prior` is "estimate".
    objective_ : float
        The minimised objective, in nats.
    history_ : dict of ndarray
        Curves of the fit: "objective", "marginal_entropy" (that of the mean prediction) and
        "duality_gap" of the pseudo-labels, of shape (n_iter_, 1), in nats, and "seconds" of
        shape (n_iter_,).

    See Also
    --------
    CollisionClusterer : Without any labels.
    sklearn.semi_supervised.SelfTrainingClassifier : Labels its surest predictions.

    Notes
    -----
    Points without a label are marked with the integer -1, as in :mod:`sklearn.semi_supervised`;
    among classes that are strings, in an array of dtype object. Splitters of cross-validation see
    -1 as one more class; `score` leaves out the points that have it.

    References
    ----------
    Zhang & Boykov, arXiv:2303.07321, eq. (11) and Table 5.

    Examples
    --------
    >>> import numpy as np
    >>> from skcollision import SemiSupervisedCollisionClassifier
    >>> from skcollision.datasets import make_embeddings
    >>> X, y = make_embeddings(300, 3, 16, spread=0.5, random_state=0)
    >>> few = np.full(300, -1)
    >>> few[:20] = y[:20]
    >>> classifier = SemiSupervisedCollisionClassifier(max_iter=50, random_state=0).fit(X, few)
    >>> classifier.score(X, y) > 0.95
    True
    """

    criterion: ClusteringCriterion | None = None
    labelled_weight: float = 3.0
    prior: str | ArrayLike = "estimate"
    n_components: int | None = 128
    n_neighbors: int | str = "auto"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseLinearClassifier._parameter_constraints,
        "criterion": [None, ClusteringCriterion],
        "labelled_weight": [Interval(Real, 0, None, closed="neither")],
        "prior": [StrOptions({"uniform", "estimate"}), "array-like"],
        "n_components": [None, Interval(Integral, 1, None, closed="left")],
        "n_neighbors": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
    }

    @with_callbacks
    @isolated()
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn from few labels and all points.

        Parameters
        ----------
        X, sample_weight
            As in :meth:`CollisionClassifier.fit`, but as a neighbour each point counts once.
        y : array-like of shape (n_samples,)
            Classes, and the integer -1 for points without a label.

        Returns
        -------
        self
            The fitted classifier.

        Raises
        ------
        ValueError
            If X has NaN, infinity or the same point in every row, y has no labels, those of one
            class only or none of one of the `classes`, or a parameter is out of its range.
        """
        data, weight = self._check_data(X, sample_weight, reset=True)
        name = type(self).__name__
        self.classes_, codes = _labels.partial_codes(y, data, weight, self.classes, name)
        n_classes = len(self.classes_)
        warn_of_batches(self.batch_size, len(data), n_classes)
        self.class_prior_ = target_proportions(self.prior, n_classes, name)
        given = _labels.one_hot(codes, n_classes, data.dtype)
        used = np.arange(len(data)) if weight is None else np.flatnonzero(weight)
        data, of_used = data[used], None if weight is None else weight[used]
        random_state, points = check_random_state(self.random_state), self._begin(data, of_used)
        features = self._features(points, of_used, random_state)
        trainer = self._trainer(features, codes[used], given[used], of_used, random_state)
        self._train(trainer, features, data, of_used)
        if trainer.prior is not None:
            self.class_prior_ = trainer.prior.proportions[0]
        labels = engine.soft_predictions(trainer.heads, 0, features)
        labels = np.where((codes[used] != _labels.UNLABELLED)[:, None], given[used], labels)
        if features is not points:
            trainer = self._supervised(points, labels, random_state)
            trainer.run(points, weight_like(points, of_used), lambda epoch, measures: False)
        self._store(trainer)
        classes = self.classes_[codes]
        if len(used) < len(codes):  # points without weight have their label, or a prediction
            classes = np.where(codes != _labels.UNLABELLED, classes, self.predict(X))
        classes[used] = self.classes_[labels.argmax(axis=1)]
        self.transduction_ = classes
        return self

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy on the points that have a label.

        Parameters
        ----------
        X, sample_weight
            As in :meth:`CollisionClassifier.score`.
        y : array-like of shape (n_samples,)
            Classes; points with -1 are left out.

        Returns
        -------
        float
            Share of labelled points whose prediction is right.

        Raises
        ------
        ValueError
            If no point has a label, or none of those that have one has weight.
        """
        predicted, name = self.predict(X), type(self).__name__
        data, weight = self._check_data(X, sample_weight, reset=False)
        hard = _labels.check_hard_labels(y, data, name)
        known, labels = _labels.labelled_points(hard, name)
        if weight is not None and not weight[known].any():
            raise ValueError("'sample_weight' is zero for all points that have a label.")
        right = predicted[known] == labels
        return float(np.average(right, weights=None if weight is None else weight[known]))

    def _features(
        self, points: NormalisedRows, weight: np.ndarray | None, random_state: np.random.RandomState
    ) -> NormalisedRows | base.SideBySide:
        """Return what to train on: the points, beside their neighbourhoods where there are any."""
        n_classes, n_neighbors = len(self.classes_), self.n_neighbors
        if n_neighbors == "auto":
            n_neighbors = min(MOST_NEIGHBORS, default_neighbors(len(points), n_classes))
        if not n_neighbors or len(points) < 2:
            return points
        sample = engine.TrainingSample(
            points,
            weight,
            n_components=self.n_components,
            n_neighbors=n_neighbors,
            n_clusters=n_classes,
            random_state=random_state,
        )
        return base.SideBySide(points, sample.seen)

    def _trainer(
        self,
        features: NormalisedRows | base.SideBySide,
        codes: np.ndarray,
        labels: np.ndarray,
        weight: np.ndarray | None,
        random_state: np.random.RandomState,
    ) -> Trainer:
        """Prepare to train on labels and self-labels, from what labels alone teach."""
        known = np.flatnonzero(codes != _labels.UNLABELLED)
        of_known = base.Chosen(features, known)
        start = self._supervised(of_known, labels[known], random_state)
        weight_of_known = None if weight is None else weight[known]
        start.run(of_known, weight_like(of_known, weight_of_known), lambda epoch, measures: False)
        criterion = self.criterion or CollisionCriterion(lam=10.0, fairness_weight=1.0)
        estimated = isinstance(self.prior, str) and self.prior == "estimate"
        uniform = isinstance(self.prior, str) and self.prior == "uniform"
        if not uniform or hasattr(criterion, "prior"):
            criterion = criterion.with_prior(self.class_prior_)
        return Trainer(
            start.heads,
            criterion,
            self._settings(len(features), RATE),
            random_state,
            PriorEstimate(1, len(self.classes_)) if estimated else None,
            base.LabelsOfSome(
                features,
                codes,
                weight,
                labelled_weight=self.labelled_weight,
                batch_size=self.batch_size,
                random_state=random_state,
            ),
        )
