"""SemiSupervisedCollisionClassifier."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor

from skcollision import engine
from skcollision._ambient import isolated
from skcollision._callbacks import with_callbacks
from skcollision._warnings import warn_of_batches
from skcollision.cluster._docstrings import documented_like
from skcollision.cluster._training import target_proportions
from skcollision.criteria import ClusteringCriterion, CollisionCriterion
from skcollision.engine import Features, LinearHeads, NormalisedRows, PriorEstimate, Trainer
from skcollision.graph import default_neighbors
from skcollision.supervised import _labels
from skcollision.supervised._base import BaseLinearClassifier, stretching
from skcollision.supervised._classifier import CollisionClassifier

# Fewer than in clustering: neighbours of one class matter more than clusters that hang together.
MOST_NEIGHBORS = 5
# Learning rate of self-labelling, in units of that of supervision: it refines what labels taught.
RATE = 0.3
# Length of a neighbourhood's features in units of the point's: how far a model relies on them.
# Where labels are few, neighbourhoods, which vary less, help; where many, what they blur does.
SCALE = 0.5


class LabelsOfSome:
    """Shannon cross-entropy of the labelled points, whatever points are in the batch."""

    # With few labels a batch would have next to none, and its gradient next to no meaning.
    def __init__(
        self,
        features: Features,
        codes: np.ndarray,  # (N,) classes of all points as numbers, -1 for unknown
        sample_weight: np.ndarray | None,
        *,
        labelled_weight: float,  # how many points a labelled one counts as
        batch_size: int,  # most labelled points that a step sees
        random_state: np.random.RandomState,
    ) -> None:
        weight = np.ones(len(codes)) if sample_weight is None else sample_weight
        self._rows = np.flatnonzero((codes >= 0) & (weight > 0))
        self._mass = labelled_weight * float(weight[self._rows].sum() / weight.sum())
        like = features[self._rows[:1]]
        self._labels = torch.from_numpy(codes[self._rows]).to(like.device)
        self._weight = torch.as_tensor(weight[self._rows], dtype=like.dtype, device=like.device)
        self._features, self._batch_size = features, batch_size
        self._random_state = random_state

    def loss(
        self, heads: LinearHeads, logits: Tensor, rows: np.ndarray, sample_weight: Tensor | None
    ) -> Tensor:
        """Return the loss of each restart on labelled points, scaled to one a point."""
        drawn = np.arange(len(self._rows))
        if len(drawn) > self._batch_size:
            drawn = self._random_state.choice(drawn, self._batch_size, replace=False)
        of_drawn = torch.from_numpy(drawn)
        log_probs = heads(self._features[self._rows[drawn]]).log_softmax(2)
        of_labels = log_probs[:, torch.arange(len(drawn)), self._labels[of_drawn]]
        weight = self._weight[of_drawn]
        return -self._mass * (of_labels @ weight) / weight.sum()


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
        X : array-like of shape (n_samples, n_features)
            Features, as in :meth:`CollisionClassifier.fit`.
        y : array-like of shape (n_samples,)
            Classes, and the integer -1 for points without a label.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; as a neighbour each point counts once.

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
        features, basis = self._features(points, of_used, random_state)
        trainer = self._trainer(features, codes[used], given[used], of_used, random_state)
        trainer.heads.basis = basis
        self._train(trainer, features, data, of_used)
        if trainer.prior is not None:
            self.class_prior_ = trainer.prior.proportions[0]
        labels = engine.soft_predictions(trainer.heads, 0, features)
        labels = np.where((codes[used] != _labels.UNLABELLED)[:, None], given[used], labels)
        if features is not points:
            trainer = self._taught(points, labels, of_used, random_state)
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
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.
        y : array-like of shape (n_samples,)
            Classes; points with -1 are left out.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

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
    ) -> tuple[NormalisedRows | Tensor, Tensor]:
        """Return the points, beside their neighbourhoods where there are any, and heads' basis.

        On it a point is its own neighbourhood: so callbacks may predict during the fit.
        """
        n_classes, n_neighbors = len(self.classes_), self.n_neighbors
        if n_neighbors == "auto":
            n_neighbors = min(MOST_NEIGHBORS, default_neighbors(len(points), n_classes))
        if not n_neighbors or len(points) < 2:
            return points, stretching(points)
        sample = engine.TrainingSample(
            points,
            weight,
            n_components=self.n_components,
            n_neighbors=n_neighbors,
            n_clusters=n_classes,
            random_state=random_state,
        )
        of_points = of_seen = stretching(points)
        if sample.basis is not None:
            of_seen = (of_points @ sample.basis.cpu()).to_sparse()
        basis = torch.cat([of_points, SCALE * of_seen], 1)
        return torch.cat([points.matrix(), SCALE * sample.seen], 1), basis

    def _taught(
        self,
        features: NormalisedRows | Tensor,
        labels: np.ndarray,
        weight: np.ndarray | None,
        random_state: np.random.RandomState,
    ) -> Trainer:
        """Train on soft labels alone."""
        trainer = self._supervised(features, labels, random_state)
        of_points = engine.weight_like(features, weight)
        trainer.run(features, of_points, lambda epoch, measures: False)
        return trainer

    def _trainer(
        self,
        features: NormalisedRows | Tensor,
        codes: np.ndarray,
        labels: np.ndarray,
        weight: np.ndarray | None,
        random_state: np.random.RandomState,
    ) -> Trainer:
        """Prepare to train on labels and self-labels, from what labels alone teach."""
        known = np.flatnonzero(codes != _labels.UNLABELLED)
        of_known = None if weight is None else weight[known]
        start = self._taught(features[known], labels[known], of_known, random_state)
        criterion = self.criterion or CollisionCriterion(lam=10.0, fairness_weight=1.0)
        name = self.prior if isinstance(self.prior, str) else None
        if name != "uniform" or hasattr(criterion, "prior"):
            criterion = criterion.with_prior(self.class_prior_)
        return Trainer(
            start.heads,
            criterion,
            self._settings(len(features), RATE),
            random_state,
            PriorEstimate(1, len(self.classes_)) if name == "estimate" else None,
            LabelsOfSome(
                features,
                codes,
                weight,
                labelled_weight=self.labelled_weight,
                batch_size=self.batch_size,
                random_state=random_state,
            ),
        )
