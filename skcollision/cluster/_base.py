"""The estimator contract that all linear clusterers share."""

from __future__ import annotations

import math
import os
from abc import abstractmethod
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from skcollision._callbacks import CallbackSupportMixin, EpochTasks, with_callbacks
from skcollision.blocks import FeatureBlocks
from skcollision.cluster._linear_model import LinearClusterModel
from skcollision.cluster._numbering import canonical_order
from skcollision.cluster._prior import target_proportions
from skcollision.cluster._resumption import Resumption
from skcollision.cluster._surplus import SurplusMerging
from skcollision.cluster._warnings import warn_of_empty, warn_of_gap
from skcollision.criteria import ClusteringCriterion
from skcollision.engine import (
    SHARPNESS,
    LinearHeads,
    MatchedPrior,
    Measures,
    Normalisation,
    PriorEstimate,
    StreamedFeatures,
    Trainer,
    TrainingFeatures,
    TrainingSettings,
    crowding,
    default_weight_decay,
    fit_normalisation,
    heads_of_k_means,
    initial_heads,
    row_blocks,
    select_restart,
    worse_than_start,
)

# Without max_iter: at least this many optimiser steps from K-means and from a random start, and
# passes over the data.
DEFAULT_STEPS = 80
DEFAULT_STEPS_FROM_RANDOM = 150
DEFAULT_EPOCHS = 5


class BaseSelfLabellingClusterer(SurplusMerging, CallbackSupportMixin, LinearClusterModel):
    """Fit a softmax linear classifier to labels that it gives itself.

    Subclasses say which criterion to minimise in `_make_criterion`; everything a user touches is
    here. A subclass's ``__init__`` takes at least the parameters constrained below, and `prior`.

    Examples
    --------
    >>> from skcollision import CollisionClusterer
    >>> from skcollision.cluster import BaseSelfLabellingClusterer
    >>> issubclass(CollisionClusterer, BaseSelfLabellingClusterer)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [None, Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "optimizer": [StrOptions({"adam", "sgd"})],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "schedule": [StrOptions({"cosine", "constant"})],
        "weight_decay": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "normalize": ["boolean"],
        "n_components": [None, Interval(Integral, 1, None, closed="left")],
        "n_neighbors": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
        "merge_surplus": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    @abstractmethod
    def _make_criterion(self) -> ClusteringCriterion:
        """Return what to minimise, with this estimator's parameters."""

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Cluster the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite, in float32 or float64; other types are converted. Contiguous arrays
            are read in place, a batch at a time. `FeatureBlocks`, and memory maps of more than 256
            MiB, are streamed: of what is kept, only `labels_` grows with n_samples.
        y : ignored
            Present so that pipelines and searches can pass it on to their scorers.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; a weight of 2 counts a point twice, though as a neighbour once, 0
            leaves it out of the fit.
        checkpoint : path-like, default=None
            File to write after every epoch. Where it is there already, the fit goes on from it, to
            the same result bit for bit; it must be of the same data and parameters, and on the
            same machine. It is left there at the end: delete it to start afresh.

        Returns
        -------
        self
            The fitted clusterer.

        Raises
        ------
        ValueError
            If X has NaN, infinity, fewer points than clusters or the same point in every row, a
            parameter is out of its range, or `checkpoint` is of another fit.

        Warns
        -----
        ConvergenceWarning
            If a cluster ends empty, or pseudo-labels end above `solver_tol`.
        """
        data, weight = self._check_data(X, sample_weight, reset=True)
        random_state, criterion, normalisation = self._begin(data, weight)
        run = Resumption(checkpoint, self, normalisation, random_state)
        source, random_state = self._source(data), run.random_state
        kind = StreamedFeatures if isinstance(data, FeatureBlocks) else TrainingFeatures
        views = kind(
            source,
            weight,
            n_components=self.n_components,
            n_neighbors=self.n_neighbors,
            n_clusters=self.n_clusters,
            random_state=random_state,
        )
        self._check_merging(views)
        trainer, progress = run.trainer(criterion, source.device), run.progress()
        if trainer is None:
            trainer = self._new_trainer(views, len(data), criterion, weight, random_state)
        n_epochs = trainer.settings.n_epochs
        n_left = n_epochs - (0 if progress is None else len(progress.history.seconds))
        tasks = EpochTasks(self, n_left, X=data, metadata={"sample_weight": weight})

        def on_epoch_end(epoch: int, measures: Measures) -> bool:
            best = int(np.argmin(measures.objective))
            if self.verbose:
                name, value = type(self).__name__, measures.objective[best]
                print(f"{name}: epoch {epoch + 1}/{n_epochs}, objective {value:.5f}")
            return tasks.end_epoch(lambda: self._model_attributes(trainer, best))

        history = trainer.run(
            views.features, weight, on_epoch_end, progress=progress, save=run.save
        )
        kept = None
        if trainer.start is not None:
            restarts, shares, kept = worse_than_start(trainer.heads, trainer.start, views)
            trainer.return_to_start(restarts, shares)
        final = trainer.evaluate(views.features, weight)
        best = select_restart(trainer.heads, views, final.objective, kept)
        trainer.keep(best)
        if views.graph is not None:
            trainer.distil(views.points(), self._labels_to_learn(trainer, views), weight)
        trainer.lift()
        self._store(trainer, 0, final.objective[best], final.duality_gap[best])
        self.history_ = history.as_dict()
        self.n_iter_ = len(history.seconds)
        self._describe(data, weight)
        if self._merges():
            self._leave_out_empty(data, weight)
        self._number_clusters(data, weight)
        warn_of_empty(self.n_clusters_, len(self._used_clusters(weight)))
        warn_of_gap(criterion, self.objective_, self.duality_gap_)
        tasks.close()
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Continue with one pass over more rows.

        The first call fixes the normalisation, so its rows should be typical; all `n_init` restarts
        are then trained on, and the best so far predicts. After `fit`, its model is refined.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`; at least `n_clusters` rows in the first call. They are used as
            they are: without the whole data there are no neighbourhoods to average over.
        y : ignored
            Present for pipelines.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        self
            The clusterer; `labels_` and `cluster_centers_` are of these rows.

        Raises
        ------
        ValueError
            As `fit`.
        """
        first = not hasattr(self, "_trainer")
        data, weight = self._check_data(X, sample_weight, reset=first)
        if first:
            random_state, criterion, _ = self._begin(data, weight)
            source = self._source(data)
            heads = initial_heads(source, self.n_clusters, self.n_init, random_state=random_state)
            self._trainer = self._trainer_of(heads, len(data), criterion, weight, random_state)
            self.n_iter_ = 0
        else:
            source = self._source(data)
            self._trainer.to(source.device)
        measures = self._trainer.run_once(source, weight)
        best = int(np.argmin(measures.objective))
        self._store(self._trainer, best, measures.objective[best], measures.duality_gap[best])
        self.n_iter_ += 1
        self._describe(data, weight)
        warn_of_empty(self.n_clusters_, len(self._used_clusters(weight)))
        return self

    def _begin(
        self, X: np.ndarray | FeatureBlocks, weight: np.ndarray | None
    ) -> tuple[np.random.RandomState, ClusteringCriterion, Normalisation]:
        """Check what depends on the data's size, and measure their normalisation."""
        random_state = check_random_state(self.random_state)
        criterion = self._make_criterion()
        # Measured in any case: it finds features that leave nothing to cluster.
        normalisation = fit_normalisation(X, weight, unit_rows=True, softens=True)
        self._normalisation = normalisation if self.normalize else None
        return random_state, criterion, normalisation

    def _new_trainer(
        self,
        views: TrainingFeatures | StreamedFeatures,
        n_samples: int,
        criterion: ClusteringCriterion,
        weight: np.ndarray | None,
        random_state: np.random.RandomState,
    ) -> Trainer:
        """Start from K-means of neighbourhoods, or of points too few for any, else at random."""
        how: dict[str, Any] = {"basis": views.basis, "random_state": random_state}
        rest = n_samples, criterion, weight, random_state
        points = None
        if views.graph is not None:
            points = views.landmarks()
        elif self.n_neighbors == "auto":
            points = views.distinct_points(weight)
        if points is None or len(points) < self.n_clusters:
            heads = initial_heads(views.features, self.n_clusters, self.n_init, **how)
            return self._trainer_of(heads, *rest)
        how["sharpness"] = SHARPNESS / self._crowding()
        heads = heads_of_k_means(points, self.n_clusters, self.n_init, **how)
        # K-means does not know which cluster is to have which of given proportions.
        matched = (
            None
            if isinstance(self.prior, str)
            else MatchedPrior(
                self.n_init, target_proportions(self.prior, self.n_clusters, type(self).__name__)
            )
        )
        trainer = self._trainer_of(heads, *rest, prior=matched, n_steps=DEFAULT_STEPS)
        # K-means sees clusters in few dimensions well, but knows nothing of demanded proportions.
        if self._crowding() < 1 and self._estimates_prior() and views.graph is not None:
            trainer.remember_start()
        return trainer

    def _trainer_of(
        self,
        heads: LinearHeads,
        n_samples: int,
        criterion: ClusteringCriterion,
        weight: np.ndarray | None,
        random_state: np.random.RandomState,
        *,
        prior: PriorEstimate | None = None,
        n_steps: int = DEFAULT_STEPS_FROM_RANDOM,
    ) -> Trainer:
        """Prepare to train a new model, by default for `n_steps` steps."""
        n_points = n_samples if weight is None else np.count_nonzero(weight)
        settings = self._settings(math.ceil(n_points / self.batch_size), n_steps)
        if self._estimates_prior():
            prior = PriorEstimate(self.n_init, self.n_clusters)
        return Trainer(heads, criterion, settings, random_state, prior)

    def _estimates_prior(self) -> bool:
        return isinstance(self.prior, str) and self.prior == "estimate"

    def _settings(self, n_batches: int, n_steps: int) -> TrainingSettings:
        n_epochs = self.max_iter or max(DEFAULT_EPOCHS, math.ceil(n_steps / n_batches))
        decay = self.weight_decay
        if decay == "auto":
            decay = default_weight_decay(self.n_clusters, self._n_features())
        return TrainingSettings(
            n_epochs=n_epochs,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            weight_decay=decay,
            tol=self.tol,
        )

    def _crowding(self) -> float:
        return crowding(self.n_clusters, self._n_features())

    def _n_features(self) -> float:
        """Return their number for the rules for few, which hold for normalised rows."""
        return self.n_features_in_ if self.normalize else math.inf

    def _leave_out_empty(self, X: np.ndarray | FeatureBlocks, weight: np.ndarray | None) -> None:
        """Leave clusters that no point is assigned to out of the model."""
        used = self._used_clusters(weight)
        if len(used) < self.n_clusters_:
            self._join_clusters(self._trainer, np.eye(self.n_clusters_)[:, used])
            self._store(self._trainer, 0, self.objective_, self.duality_gap_)
            self._describe(X, weight)

    def _model_attributes(self, trainer: Trainer, restart: int) -> dict[str, Any]:
        weight, bias = trainer.heads.numpy()
        return {"coef_": weight[restart], "intercept_": bias[restart]}

    def _store(self, trainer: Trainer, restart: int, objective: float, duality_gap: float) -> None:
        """Make one restart of the trainer the model, and keep the trainer for `partial_fit`."""
        trainer.to(torch.device("cpu"))
        self._trainer = trainer
        for name, value in self._model_attributes(trainer, restart).items():
            setattr(self, name, value)
        self.n_clusters_ = len(self.coef_)
        if trainer.prior is not None:
            self.class_prior_ = trainer.prior.proportions[restart]
        self.objective_ = float(objective)
        self.duality_gap_ = float(duality_gap)

    def _describe(self, X: np.ndarray | FeatureBlocks, weight: np.ndarray | None) -> None:
        """Set what the model says of the rows it was trained on."""
        n_clusters = len(self.coef_)
        self.labels_ = np.empty(len(X), dtype=np.int32)
        sums, masses = np.zeros(self.coef_.shape), np.zeros(n_clusters)
        for rows, block, logits in self._logits(X):
            self.labels_[rows] = logits.argmax(1).cpu().numpy()
            probs = logits.softmax(1).cpu().numpy()
            if weight is not None:
                probs *= weight[rows, None]
            sums += probs.T @ block
            masses += probs.sum(0)
        # A cluster without any mass has no centre of its own; it is given the common one.
        share = np.maximum(masses, np.finfo(np.float64).tiny)[:, None]
        centres = np.where(masses[:, None] > 0, sums / share, sums.sum(0) / masses.sum())
        self.cluster_centers_ = centres.astype(X.dtype)

    def _number_clusters(self, X: np.ndarray | FeatureBlocks, weight: np.ndarray | None) -> None:
        """Put the clusters of the model in an order that rounding cannot change."""
        prior = getattr(self, "prior", "uniform")
        order = canonical_order(self.labels_, row_blocks(X), weight, prior, self.n_clusters_)
        self._trainer.join(np.eye(self.n_clusters_)[:, order])
        self._store(self._trainer, 0, self.objective_, self.duality_gap_)
        if self._trainer.prior is None and hasattr(self, "class_prior_"):
            self.class_prior_ = self.class_prior_[order]
        self.cluster_centers_ = self.cluster_centers_[order]
        self.labels_ = np.argsort(order).astype(np.int32)[self.labels_]

    def _used_clusters(self, weight: np.ndarray | None) -> np.ndarray:
        return np.unique(self.labels_ if weight is None else self.labels_[weight > 0])
