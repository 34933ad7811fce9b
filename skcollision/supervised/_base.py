"""What the linear classifiers share: the estimator contract, and rows and losses to train on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils._param_validation import Interval
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from skcollision import engine
from skcollision._callbacks import CallbackSupportMixin
from skcollision.cluster._passes import place
from skcollision.cluster._softmax_model import LinearSoftmaxModel
from skcollision.cluster._training import model_attributes, train
from skcollision.criteria import ClusteringCriterion, PseudoLabels
from skcollision.engine import LinearHeads, NormalisedRows, Trainer
from skcollision.losses import collision_cross_entropy, soft_cross_entropy
from skcollision.supervised._labels import check_soft_labels, is_soft

# Without max_iter: at least this many optimiser steps, and passes over the data.
DEFAULT_STEPS = 500
DEFAULT_EPOCHS = 10
# Most evaluations of a convex objective after that, in search of its optimum.
LBFGS_STEPS = 200

# Rows are softened at this many times the root mean square distance from the centre.
SOFTENING = 2.0
LOSSES: dict[str, Callable[..., Tensor]] = {
    "collision": collision_cross_entropy,
    "shannon": soft_cross_entropy,
}


@dataclass(frozen=True)
class LabelsOfAll:
    """Mean cross-entropy of a batch, every point of which has a soft label."""

    labels: Tensor  # (N, K), on the device that trains
    cross_entropy: Callable[..., Tensor]

    def loss(
        self, heads: LinearHeads, logits: Tensor, rows: np.ndarray, sample_weight: Tensor | None
    ) -> Tensor:
        """Return the loss of each restart on the batch."""
        labels = self.labels[torch.from_numpy(rows)]
        losses = self.cross_entropy(logits, labels, reduction="none", sample_weight=sample_weight)
        return losses.mean(1) if sample_weight is None else losses.sum(1) / sample_weight.sum()


@dataclass(kw_only=True, eq=False, repr=False)
class BaseLinearClassifier(CallbackSupportMixin, ClassifierMixin, LinearSoftmaxModel):
    """A softmax linear classifier on normalised features: all but what it learns from."""

    classes: ArrayLike | None = None
    max_iter: int | None = None
    batch_size: int = 1000
    learning_rate: float = 1.0
    weight_decay: float = 1e-4
    normalize: bool = True
    tol: float = 1e-5
    device: str = "auto"
    random_state: int | np.random.RandomState | None = None
    verbose: bool | int = False

    # `out` says where results go, not what they are: nothing to route.
    __metadata_request__predict: ClassVar = {"out": UNUSED}

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "classes": [None, "array-like"],
        "max_iter": [None, Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "normalize": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Compute the logits of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
            Logits, in the floating dtype of X; for two classes the second's less the first's.
        """
        logits = super().decision_function(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict(self, X: ArrayLike, *, out: np.ndarray | None = None) -> np.ndarray:
        """Assign each point to its most probable class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.
        out : ndarray of shape (n_samples,), default=None
            What to write the classes to, such as a memory map.

        Returns
        -------
        ndarray of shape (n_samples,)
            Entries of `classes_`. It is `out` where that is given.
        """
        check_is_fitted(self)
        codes = self._collect(X, lambda logits: logits.argmax(1))
        if out is None:
            return self.classes_[codes]
        place(out, codes.shape, self.classes_.dtype)[:] = self.classes_[codes]
        return out

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy; towards soft labels, its expectation.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Classes, or soft labels, whose columns are in the order of `classes_`.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        float
            Share of points whose prediction is right, or mean probability that it is if the true
            class is drawn from the soft label.

        Raises
        ------
        ValueError
            If soft labels have another number of classes, or weights are negative or all zero.
        """
        predicted, name = self.predict(X), type(self).__name__
        _, weight = self._check_data(X, sample_weight, reset=False)
        if not is_soft(y):
            return float(accuracy_score(y, predicted, sample_weight=weight))
        labels = check_soft_labels(y, np.empty((len(predicted), 0)), name)
        if labels.shape[1] != len(self.classes_):
            raise ValueError(
                f"Soft labels y of {name} must have a column for each of its {len(self.classes_)} "
                f"classes. Got {labels.shape[1]} columns instead."
            )
        columns = (self.classes_ == predicted[:, None]).argmax(axis=1)
        right = labels[np.arange(len(labels)), columns]
        return float(np.average(right, weights=weight))

    def _begin(self, X: np.ndarray, weight: np.ndarray | None) -> NormalisedRows:
        """Measure the features' normalisation; return the rows as heads see them."""
        # Measured in any case: it finds features that say nothing.
        # Labels say whether lengths matter: of embeddings, which have nearly the same, they do not.
        normalisation = engine.fit_normalisation(X, weight, softening=SOFTENING)
        self._normalisation = normalisation if self.normalize else None
        self._check_unit(X)
        rows = self._normalised(X)
        return rows.stretched(weight) if self.normalize else rows

    def _settings(self, n_points: int, rate: float = 1.0) -> engine.TrainingSettings:
        """Return how to train on so many points, at `rate` times the learning rate."""
        n_batches = math.ceil(n_points / self.batch_size)
        n_epochs = self.max_iter or max(DEFAULT_EPOCHS, math.ceil(DEFAULT_STEPS / n_batches))
        return engine.TrainingSettings(
            n_epochs=n_epochs,
            batch_size=self.batch_size,
            optimizer="adam",
            learning_rate=rate * self.learning_rate,
            schedule="cosine",
            weight_decay=self.weight_decay,
            tol=self.tol,
        )

    def _supervised(
        self,
        features: Any,
        labels: np.ndarray | Tensor,
        random_state: np.random.RandomState,
        *,
        loss: str = "shannon",
        n_restarts: int = 1,
    ) -> Trainer:
        """Prepare to train a new model on soft labels (N, K)."""
        heads = engine.random_heads(features, labels.shape[1], n_restarts, random_state)
        if isinstance(features, NormalisedRows):
            heads.basis = stretching(features)
        return Trainer(
            heads,
            NoCriterion(),
            self._settings(len(features)),
            random_state,
            supervision=LabelsOfAll(torch.as_tensor(labels, device=features.device), LOSSES[loss]),
        )

    def _train(
        self, trainer: Trainer, features: Any, X: np.ndarray, weight: np.ndarray | None
    ) -> None:
        """Train all restarts, and go on with that of the lowest objective."""
        of_points = engine.weight_like(features, weight)
        history = train(self, trainer, features, of_points, X=X, sample_weight=weight)
        final = trainer.evaluate(features, of_points)
        best = int(np.argmin(final.objective))
        trainer.keep(best)
        self.objective_ = float(final.objective[best])
        self.history_ = history.as_dict()
        self.n_iter_ = len(history.seconds)

    def _finish(self, trainer: Trainer, points: NormalisedRows, weight: np.ndarray | None) -> None:
        """Go to the optimum of a convex objective, where all points fit into one batch."""
        if self.max_iter is not None or len(points) > self.batch_size:
            return
        rows, of_points = np.arange(len(points)), engine.weight_like(points, weight)
        features, columns = points[rows], trainer.heads.columns.requires_grad_()
        steps = torch.optim.LBFGS(
            [columns],
            max_iter=LBFGS_STEPS,
            max_eval=LBFGS_STEPS,
            tolerance_grad=1e-6,
            line_search_fn="strong_wolfe",
        )

        supervision = trainer.supervision
        assert supervision is not None

        def objective() -> Tensor:
            steps.zero_grad()
            loss = supervision.loss(trainer.heads, trainer.heads(features), rows, of_points)
            value = (loss + self.weight_decay / 2 * trainer.heads.square_norm()).sum()
            value.backward()
            return value

        before = columns.detach().clone()
        steps.step(objective)
        trainer.heads.columns = columns.detach()
        final = float(trainer.evaluate(points, of_points).objective[0])
        if final <= self.objective_:
            self.objective_ = final
        else:
            trainer.heads.columns = before

    def _store(self, trainer: Trainer) -> None:
        for name, value in model_attributes(trainer, 0).items():
            setattr(self, name, value)


def stretching(rows: NormalisedRows) -> Tensor:
    """Return the sparse matrix (D, D) that maps coefficients to those on unstretched columns.

    It is on the CPU, as not all devices have sparse ones.
    """
    places = torch.arange(rows.shape[1])
    ones = torch.ones_like(places, dtype=rows.dtype)
    factors = ones if rows.stretch is None else rows.stretch.cpu()
    return torch.sparse_coo_tensor(torch.stack([places, places]), factors, check_invariants=False)


class NoCriterion(ClusteringCriterion):
    """Nothing to minimise beside the labels that are given."""

    def loss(
        self, logits: Tensor, solved: PseudoLabels | None, sample_weight: Tensor | None
    ) -> Tensor:
        """Return zeros."""
        return logits.new_zeros(len(logits))
