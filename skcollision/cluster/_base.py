"""The estimator contract that all linear clusterers share."""

from __future__ import annotations

import math
import os
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from skcollision._ambient import isolated
from skcollision._callbacks import CallbackSupportMixin, with_callbacks
from skcollision._errors import wrong
from skcollision._parallel import in_background
from skcollision._warnings import warn_of_batches
from skcollision.blocks._shards import fit_on_first, led
from skcollision.cluster._linear_model import LinearClusterModel
from skcollision.cluster._outcome import (
    SurplusMerging,
    warn_of_columns,
    warn_of_empty,
    warn_of_gap,
)
from skcollision.cluster._training import Resumption, target_proportions, train
from skcollision.criteria import ClusteringCriterion
from skcollision.engine import (
    SHARPNESS,
    LinearHeads,
    MatchedPrior,
    Normalisation,
    PriorEstimate,
    Trainer,
    TrainingSample,
    TrainingSettings,
    best_on_graph,
    certainty,
    crowding,
    default_sample_size,
    default_weight_decay,
    draw_sample,
    fit_normalisation,
    heads_of_k_means,
    lowest,
    match_certainty,
    propose,
    random_heads,
    take_rows,
    weight_like,
)
from skcollision.graph import given_neighbors

# Without max_iter: at least this many optimiser steps from K-means and from a random start. A step
# costs as K^2; of more than 100 clusters K-means leaves less to do, so that fewer steps are enough.
DEFAULT_STEPS, LEAST_STEPS = 80, 20
DEFAULT_STEPS_FROM_RANDOM = 150
# Iterations of distillation, likewise: it starts close to the solution of a convex problem.
DISTILLATION_ITERATIONS, LEAST_ITERATIONS = 12, 4
STEPS_UP_TO_CLUSTERS = 100

# With n_init="auto": restarts, fewer where the columns of all would be more than this.
RESTARTS, COLUMNS = 3, 150

# With batch_size="auto": points a step, how many of them a cluster should have, and the most
# predictions of a step where that is more than one a cluster.
BATCH_SIZE, BATCH_PER_CLUSTER, BATCH_PREDICTIONS = 1000, 5, 2**26


@dataclass(kw_only=True, eq=False, repr=False)
class BaseSelfLabellingClusterer(SurplusMerging, CallbackSupportMixin, LinearClusterModel):
    """Fit a softmax linear classifier to labels that it gives itself.

    Subclasses say which criterion to minimise in `_make_criterion`; everything a user touches is
    here. Parameters are the fields of a dataclass, so that a subclass writes down only its own and
    the defaults that differ.

    Examples
    --------
    >>> from skcollision import CollisionClusterer
    >>> from skcollision.cluster import BaseSelfLabellingClusterer
    >>> issubclass(CollisionClusterer, BaseSelfLabellingClusterer)
    True
    """

    n_clusters: int = field(default=8, kw_only=False)
    fairness_weight: float = 1.0
    prior: str | ArrayLike = "estimate"
    n_init: int | str = "auto"
    max_iter: int | None = None
    batch_size: int | str = "auto"
    max_samples: int | str | None = "auto"
    optimizer: str = "adam"
    learning_rate: float = 1.0
    schedule: str = "cosine"
    weight_decay: float | str = "auto"
    normalize: bool = True
    n_components: int | None = 128
    n_neighbors: int | str = "auto"
    merge_surplus: bool = False
    tol: float = 1e-4
    device: str = "auto"
    random_state: int | np.random.RandomState | None = None
    verbose: bool | int = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "fairness_weight": [Interval(Real, 0, None, closed="left")],
        "prior": [StrOptions({"uniform", "estimate"}), "array-like"],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [None, Interval(Integral, 1, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_samples": [StrOptions({"auto"}), None, Interval(Integral, 1, None, closed="left")],
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
    @isolated()
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        neighbors: Any = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Cluster the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite, in float32 or float64; other types are converted. Contiguous arrays
            are read in place; only the sample that training sees is copied. `FeatureBlocks`, and
            memory maps of more than 256 MiB, are read twice: of what is kept, only `labels_` and
            `probabilities_` grow with n_samples. Arrays and data frames of dask are read by its
            workers, and only the sample comes here; those two are then arrays of dask, computed
            when they are asked for. With `ShardedRows` all ranks of a process group fit one model;
            those two are of the own rows, and parameters, `checkpoint` and callbacks those of
            rank 0.
        y : ignored
            Present so that pipelines and searches can pass it on to their scorers.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; a weight of 2 counts a point twice, though as a neighbour once, 0
            leaves it out of the fit. An array of dask where X is of dask, or any other.
        neighbors : sparse matrix of shape (n_samples, n_samples), default=None
            Distances of each point to its neighbours, any number of them, in place of those that
            `n_neighbors` asks for: what `sklearn.neighbors.kneighbors_graph` gives with
            ``mode="distance"``, or with ``mode="connectivity"`` for edges that weigh the same. Only
            ratios of distances matter. Training then sees all points; X must be in memory.
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
            parameter is out of its range, `neighbors` are not distances between the rows of X, or
            `checkpoint` is of another fit.

        Warns
        -----
        ConvergenceWarning
            If a cluster ends empty, or pseudo-labels end above `solver_tol`.
        UserWarning
            If a column of X numbers the rows or has more than nine tenths of the variance, or a
            batch has less than two points a cluster.
        """
        data, weight = self._check_data(X, sample_weight, reset=True)
        criterion = self._make_criterion()
        random_state = check_random_state(self.random_state)
        run = led(data, lambda: Resumption(checkpoint, self, random_state))
        size = self._sample_size() if neighbors is None else self._size_of_all(data)
        drawn = draw_sample(len(data), weight, size, run.random_state)
        rows = take_rows(data, drawn.rows)
        if neighbors is not None:
            neighbors = given_neighbors(neighbors, drawn.rows, len(data), data.dtype)
        warn_of_columns(rows, drawn.rows, getattr(self, "feature_names_in_", None))
        seen = {"X": getattr(data, "array", data), "sample_weight": weight}
        self._nearest, self._nearest_of = None, (drawn.rows, len(data))
        fit_on_first(
            self, data, lambda: self._learn(rows, drawn.weight, run, criterion, seen, neighbors)
        )
        warn_of_empty(self.n_clusters_, self._describe(data, weight))
        warn_of_gap(criterion, self.objective_, self.duality_gap_)
        return self

    @isolated()
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
            they are: without the whole data there are no neighbourhoods to average over. All rows
            of an array are trained on, of others a sample of `max_samples`.
        y : ignored
            Present for pipelines.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        self
            The clusterer; `labels_`, `probabilities_` and `cluster_centers_` are of these rows.

        Raises
        ------
        ValueError
            As `fit`.
        """
        first = not hasattr(self, "_trainer")
        data, weight = self._check_data(X, sample_weight, reset=first)
        random_state = led(data, lambda: check_random_state(self.random_state))
        size = None if isinstance(data, np.ndarray) else self._sample_size()
        drawn = draw_sample(len(data), weight, size, random_state)
        rows = take_rows(data, drawn.rows)
        start = first and random_state
        self._nearest = None
        fit_on_first(self, data, lambda: self._learn_more(rows, drawn.weight, start))
        warn_of_empty(self.n_clusters_, self._describe(data, weight))
        return self

    def _learn(
        self,
        rows: np.ndarray,
        weight: np.ndarray | None,
        run: Resumption,
        criterion: ClusteringCriterion,
        seen: dict[str, Any],
        neighbors: sparse.csr_array | None,
    ) -> None:
        """Train on a sample; `seen` is what callbacks see."""
        warn_of_batches(self._batch_size(), len(rows), self.n_clusters)
        run.check(self._measure_normalisation(rows, weight), neighbors)
        sample = TrainingSample(
            self._normalised(rows),
            weight,
            n_components=self.n_components,
            n_neighbors=self.n_neighbors,
            n_clusters=self.n_clusters,
            random_state=run.random_state,
            neighbors=neighbors,
        )
        self._nearest = None if sample.graph is None else sample.graph.nearest
        self._check_merging(sample)
        proposals = self._begin_proposals(sample, run.random_state)
        trainer = run.trainer(criterion, sample.points.device)
        trainer = trainer or self._new_trainer(sample, criterion, run.random_state)
        history = train(
            self,
            trainer,
            sample.seen,
            sample.weight,
            **seen,
            progress=run.progress(),
            save=run.save,
        )
        self.history_, self.n_iter_ = history.as_dict(), len(history.seconds)
        if sample.graph is None:
            trainer.keep(lowest(trainer.evaluate(sample.seen, sample.weight).objective))
        else:
            self._learn_labels_on_graph(trainer, sample, proposals())
        final = trainer.evaluate(sample.seen, sample.weight)
        self.objective_, self.duality_gap_ = map(float, (final.objective[0], final.duality_gap[0]))
        self._number_clusters(trainer, sample, rows)
        trainer.lift()
        self._store(trainer, 0)

    def _learn_more(
        self,
        rows: np.ndarray,
        weight: np.ndarray | None,
        start: np.random.RandomState | Literal[False],
    ) -> None:
        """Train on rows once, at the start from random weights."""
        if start:
            criterion = self._make_criterion()
            self._measure_normalisation(rows, weight)
        features = self._normalised(rows)
        size = min(self._batch_size(), len(rows))
        warn_of_batches(size, math.inf, self.n_clusters, "'batch_size' and the rows of a call")
        if start:
            heads = random_heads(features, self.n_clusters, self._n_init(), start)
            self._trainer = self._trainer_of(heads, len(rows), criterion, start)
            self.n_iter_ = 0
        self._trainer.to(features.device)
        measures = self._trainer.run_once(features, weight_like(features, weight))
        best = int(np.argmin(measures.objective))
        self.objective_ = float(measures.objective[best])
        self.duality_gap_ = float(measures.duality_gap[best])
        self._store(self._trainer, best)
        self.n_iter_ += 1

    def _size_of_all(self, data: Any) -> int:
        """Return the number of rows, all of which training must see where neighbours are given."""
        if not isinstance(data, np.ndarray):
            raise ValueError("neighbors are for X in memory. Got X in blocks, of dask or of ranks.")
        if isinstance(self.max_samples, Integral) and self.max_samples < len(data):
            must = f"be 'auto', None or at least n_samples={len(data)} where neighbors are given"
            raise wrong("max_samples", type(self).__name__, must, repr(self.max_samples))
        return len(data)

    def _sample_size(self) -> int | None:
        size = self.max_samples
        if isinstance(size, str):
            return default_sample_size(self.n_clusters)
        if size is not None and size < self.n_clusters:
            must = f"be at least n_clusters={self.n_clusters}"
            raise wrong("max_samples", type(self).__name__, must, repr(size))
        return size

    def _n_init(self) -> int:
        if self.n_init == "auto":
            return max(1, min(RESTARTS, round(COLUMNS / self.n_clusters)))
        return int(self.n_init)

    def _measure_normalisation(self, rows: np.ndarray, weight: np.ndarray | None) -> Normalisation:
        # Measured in any case: it finds features that leave nothing to cluster.
        normalisation = fit_normalisation(rows, weight)
        self._normalisation = normalisation if self.normalize else None
        self._check_unit(rows)
        return normalisation

    def _new_trainer(
        self,
        sample: TrainingSample,
        criterion: ClusteringCriterion,
        random_state: np.random.RandomState,
    ) -> Trainer:
        """Start from K-means of neighbourhoods, or of points too few for any, else at random."""
        n_points, n_restarts = len(sample.points), self._n_init()
        points, weight = sample.seen, sample.weight
        if sample.graph is None:
            points, weight = sample.points.unique(dim=0), None
        prefers_random = sample.graph is None and self.n_neighbors != "auto"
        if prefers_random or len(points) < self.n_clusters:
            heads = random_heads(sample.points, self.n_clusters, n_restarts, random_state)
            heads.basis = sample.basis
            return self._trainer_of(heads, n_points, criterion, random_state)
        heads = heads_of_k_means(
            points,
            weight,
            self.n_clusters,
            n_restarts,
            sharpness=SHARPNESS / self._crowding(),
            basis=sample.basis,
            random_state=random_state,
        )
        # K-means does not know which cluster is to have which of given proportions.
        matched = None
        if not isinstance(self.prior, str):
            matched = MatchedPrior(n_restarts, self._target_proportions())
        trainer = self._trainer_of(
            heads,
            n_points,
            criterion,
            random_state,
            prior=matched,
            n_steps=max(LEAST_STEPS, self._fewer(DEFAULT_STEPS)),
        )
        # K-means sees clusters in few dimensions well, but knows nothing of demanded proportions.
        if self._crowding() < 1 and self._estimates_prior() and sample.graph is not None:
            trainer.remember_start()
        return trainer

    def _trainer_of(
        self,
        heads: LinearHeads,
        n_points: int,
        criterion: ClusteringCriterion,
        random_state: np.random.RandomState,
        *,
        prior: PriorEstimate | None = None,
        n_steps: int = DEFAULT_STEPS_FROM_RANDOM,
    ) -> Trainer:
        """Prepare to train a new model, by default for `n_steps` steps."""
        if self._estimates_prior():
            prior = PriorEstimate(heads.n_restarts, self.n_clusters)
        return Trainer(heads, criterion, self._settings(n_points, n_steps), random_state, prior)

    def _target_proportions(self) -> np.ndarray:
        return target_proportions(self.prior, self.n_clusters, type(self).__name__)

    def _estimates_prior(self) -> bool:
        return isinstance(self.prior, str) and self.prior == "estimate"

    def _settings(self, n_points: int, n_steps: int) -> TrainingSettings:
        size = self._batch_size()
        n_epochs = self.max_iter or math.ceil(n_steps / math.ceil(n_points / size))
        decay = self.weight_decay
        if isinstance(decay, str):
            decay = default_weight_decay(self.n_clusters, self._n_features())
        return TrainingSettings(
            n_epochs=n_epochs,
            batch_size=size,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            weight_decay=decay,
            tol=self.tol,
        )

    def _fewer(self, number: int) -> int:
        """Return how many steps are enough where that many are for some clusters."""
        return round(number * min(1.0, (STEPS_UP_TO_CLUSTERS / self.n_clusters) ** 0.5))

    def _batch_size(self) -> int:
        if not isinstance(self.batch_size, str):
            return self.batch_size
        most = max(self.n_clusters, BATCH_PREDICTIONS // self.n_clusters)
        return max(BATCH_SIZE, min(BATCH_PER_CLUSTER * self.n_clusters, most))

    def _crowding(self) -> float:
        return crowding(self.n_clusters, self._n_features())

    def _n_features(self) -> float:
        """Return their number for the rules for few, which hold for normalised rows."""
        return self.n_features_in_ if self.normalize else math.inf

    def _begin_proposals(
        self, sample: TrainingSample, random_state: np.random.RandomState
    ) -> Callable[[], list[np.ndarray]]:
        """Look for clusterings of other kinds while heads are trained; return what waits for them.

        Where features are few, training's start competes in their place.
        """
        if not self._estimates_prior() or self._crowding() < 1:
            return list
        # a source of its own, as training draws at the same time
        source = np.random.RandomState(random_state.randint(np.iinfo(np.int32).max))
        n_tries = (self._n_init() + 1) // 2
        return in_background(lambda: propose(sample, self.n_clusters, n_tries, source))

    def _learn_labels_on_graph(
        self, trainer: Trainer, sample: TrainingSample, proposals: list[np.ndarray]
    ) -> None:
        """Choose labels by how well walks stay in them, and teach heads to predict them."""
        candidates = [trainer.heads] + ([] if trainer.start is None else [trainer.start])
        heads, restart, labels = best_on_graph(candidates, sample, trainer.prior, proposals)
        weight = 1 if sample.weight is None else sample.weight.cpu().numpy()
        shares = (weight * labels.T).sum(axis=1)
        sure = certainty(trainer.heads, restart, sample.seen)
        order = trainer.keep(restart, heads, shares / shares.sum())
        labels = self._without_surplus(trainer, sample, labels[:, order])
        n_iterations = max(LEAST_ITERATIONS, self._fewer(DISTILLATION_ITERATIONS))
        n_iterations = min(n_iterations, self.max_iter or n_iterations)
        trainer.distil(sample.points, labels, sample.weight, n_iterations=n_iterations)
        match_certainty(trainer.heads, sample.points, sure)
