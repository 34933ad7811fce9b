"""Alternate between pseudo-labels and gradient steps, all restarts at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from skcollision._threads import threads_worth
from skcollision.criteria._base import ClusteringCriterion, check_loss
from skcollision.engine._distillation import distilled
from skcollision.engine._heads import OPTIMIZERS, LinearHeads
from skcollision.engine._prior import START_STEPS, MatchedPrior, PriorEstimate
from skcollision.engine._schedule import (
    OPEN_SCHEDULES,
    SCHEDULES,
    Factors,
    History,
    Measures,
    Plateau,
    Progress,
)
from skcollision.losses import marginal_entropy


class Features(Protocol):
    """Rows to train on: a tensor, or what makes normalised rows when it is asked for them."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Tensor: ...


class Supervision(Protocol):
    """A loss that knows the labels of some points."""

    def loss(
        self, heads: LinearHeads, logits: Tensor, rows: np.ndarray, sample_weight: Tensor | None
    ) -> Tensor:
        """Return the differentiable loss of each restart, (R,), for logits of the given rows."""


@dataclass(frozen=True)
class TrainingSettings:
    """How to train; every field is documented by the estimators that expose it."""

    n_epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    schedule: str
    weight_decay: float
    tol: float


class Trainer:
    """Heads with the optimiser and the estimated proportions that training them goes on from."""

    def __init__(
        self,
        heads: LinearHeads,
        criterion: ClusteringCriterion,
        settings: TrainingSettings,
        random_state: np.random.RandomState,
        prior: PriorEstimate | None = None,
        supervision: Supervision | None = None,
    ) -> None:
        self.heads = heads
        self.supervision = supervision
        self.criterion = criterion if prior is None else criterion.with_prior(prior.proportions)
        self.prior = prior
        self.settings = settings
        self.start: LinearHeads | None = None
        self.random_state = random_state
        self._optimizer = OPTIMIZERS[settings.optimizer]()
        self._factors = Factors(1.0, 1.0)
        self._n_steps = 0

    def state(self) -> dict[str, Any]:
        """Return copies of all that training goes on from, as plain numbers, strings and arrays.

        The criterion is not among it: how to write one down is its maker's to know.
        """
        state = {
            "heads": self.heads.state(),
            "heads_at_start": None if self.start is None else self.start.state(),
            "optimizer": self._optimizer.state(),
            "settings": asdict(self.settings),
            "random_state": self.random_state.get_state(legacy=False),
            "prior": None if self.prior is None else self.prior.state(),
            "n_steps": self._n_steps,
        }
        return converted(state, lambda tensor: tensor.detach().cpu().numpy().copy())

    @classmethod
    def from_state(
        cls, state: dict[str, Any], criterion: ClusteringCriterion, device: torch.device
    ) -> Trainer:
        """Make a trainer that goes on, bit for bit, as the one that `state` was taken of.

        `criterion` is that trainer's, whose target proportions are replaced by estimated ones.
        """
        tensors = {
            key: converted(state[key], lambda array: torch.tensor(array, device=device), np.ndarray)
            for key in ("heads", "heads_at_start", "optimizer")
        }
        prior, start = state["prior"], tensors["heads_at_start"]
        trainer = cls(
            LinearHeads.from_state(tensors["heads"]),
            criterion,
            TrainingSettings(**state["settings"]),
            restored_random_state(state["random_state"]),
            None if prior is None else PriorEstimate.from_state(prior),
        )
        trainer._optimizer.load(tensors["optimizer"])
        trainer._n_steps = state["n_steps"]
        trainer.start = None if start is None else LinearHeads.from_state(start)
        return trainer

    def run(
        self,
        features: Features,
        weight: Tensor | None,
        on_epoch_end: Callable[[int, Measures], bool],
        *,
        progress: Progress | None = None,
        save: Callable[[Trainer, Progress], None] = lambda trainer, progress: None,
    ) -> History:
        """Train until settled, told to stop by `on_epoch_end`, or `n_epochs` have passed.

        Goes on from `progress`, and calls `save` with what to go on from after each epoch.
        """
        progress = progress or Progress(Plateau(self.settings.tol))
        history, schedule = progress.history, SCHEDULES[self.settings.schedule]
        estimates_from = 1.0 if self.prior is None else self.prior.start
        start = time.perf_counter() - (history.seconds[-1] if history.seconds else 0)
        for epoch in range(len(history.seconds), self.settings.n_epochs):
            if progress.is_over:
                break

            def step(batch: Batch, epoch: int = epoch) -> Measures:
                fraction = (epoch + batch.start) / self.settings.n_epochs
                self._factors = schedule(fraction)
                return self._step(batch, estimates=fraction >= estimates_from)

            measures, n_steps = self._pass(features, weight, step)
            history.append(measures, time.perf_counter() - start)
            has_settled = progress.plateau.reached(measures.objective, n_steps)
            progress.is_over = on_epoch_end(epoch, measures) or has_settled
            save(self, progress)
        return history

    def run_once(self, features: Features, weight: Tensor | None) -> Measures:
        """Pass over the data once, at a rate that falls with the steps taken so far."""
        schedule = OPEN_SCHEDULES[self.settings.schedule]

        def step(batch: Batch) -> Measures:
            self._factors = schedule(self._n_steps)
            return self._step(batch, estimates=self._n_steps >= START_STEPS)

        return self._pass(features, weight, step)[0]

    @torch.no_grad()
    def evaluate(self, features: Features, weight: Tensor | None) -> Measures:
        """Measure the heads as they are on a pass over random batches, as training ends."""
        self._factors = Factors(1.0, 1.0)
        return self._pass(features, weight, lambda batch: self._measure(batch)[2])[0]

    def distil(
        self, points: Tensor, labels: sparse.csr_array, weight: Tensor | None, *, n_iterations: int
    ) -> None:
        """Teach a single restart to predict soft labels (M, K) from points (M, D')."""
        decay = self.settings.weight_decay
        self.heads = distilled(
            self.heads, points, labels, weight, decay=decay, n_iterations=n_iterations
        )
        self._optimizer = OPTIMIZERS[self.settings.optimizer]()

    def remember_start(self) -> None:
        """Keep a copy of the heads as they are: a candidate in the end."""
        heads = self.heads
        self.start = LinearHeads(heads.columns.detach().clone(), heads.n_restarts, heads.basis)

    def keep(
        self, restart: int, heads: LinearHeads | None = None, shares: np.ndarray | None = None
    ) -> np.ndarray:
        """Go on with one restart alone, of these heads or the trainer's; forget the others.

        `shares` (K,) are those of its clusters, where they are known. Returns the order in which
        its clusters stand from now on.
        """
        self.heads, self.start = heads or self.heads, None
        n_clusters = self.heads.n_clusters
        order = np.arange(n_clusters)
        if self.prior is not None:
            order = self.prior.keep(restart, shares)
            self.criterion = self.criterion.with_prior(self.prior.proportions)
            if isinstance(self.prior, MatchedPrior):
                self.prior = None  # from here on clusters stay where they stand
        columns = restart * n_clusters + order
        self._change(lambda values: values[..., columns].clone(), 1, self.heads.basis)
        return order

    def join(self, members: np.ndarray) -> None:
        """Join clusters (K, K') of a restart that is alone.

        The weights of several are only where to distil from: no linear head predicts their sum.
        """
        prior = getattr(self.criterion, "prior", None)
        if prior is not None:
            self.criterion = self.criterion.with_prior(joined_shares(prior, members))
        if self.prior is not None:
            self.prior.proportions = joined_shares(self.prior.proportions, members)
        means = torch.from_numpy(members / members.sum(0)).to(self.heads.columns)
        self._change(lambda values: values @ means, 1, self.heads.basis)

    def select(self, clusters: np.ndarray) -> None:
        """Put the clusters of a lone restart in this order; leave out those not in it."""
        prior = getattr(self.criterion, "prior", None)
        if prior is not None:
            self.criterion = self.criterion.with_prior(chosen_shares(prior, clusters))
        if self.prior is not None:
            self.prior.proportions = chosen_shares(self.prior.proportions, clusters)
        self._change(lambda values: values[..., clusters].clone(), 1, self.heads.basis)

    def lift(self) -> None:
        """Go on with the whole features, where the heads were trained on a basis of theirs."""
        self._change(self.heads.lifted, self.heads.n_restarts, None)

    def to(self, device: torch.device) -> None:
        """Move heads and optimiser, so that a trainer can be stored away from its GPU."""
        basis = self.heads.basis
        basis = None if basis is None else basis.to(device)
        self._change(lambda values: values.to(device), self.heads.n_restarts, basis)

    def _change(
        self, change: Callable[[Tensor], Tensor], n_restarts: int, basis: Tensor | None
    ) -> None:
        self.heads = LinearHeads(change(self.heads.columns.detach()), n_restarts, basis)
        self._optimizer.map(change)

    def _pass(
        self, features: Features, weight: Tensor | None, visit: Callable[[Batch], Measures]
    ) -> tuple[Measures, int]:
        """Visit every batch once; return the mean of what was measured, and how many they are."""
        measured, masses = [], []
        with self._threads(features):
            for batch in self._batches(features, weight):
                measured.append(visit(batch))
                masses.append(batch.mass)
        return Measures.mean(measured, masses), len(measured)

    def _threads(self, features: Features) -> Any:
        n_points = min(len(features), self.settings.batch_size)
        return threads_worth(n_points * self.heads.columns.numel())

    def _batches(self, features: Features, weight: Tensor | None) -> Iterator[Batch]:
        """Yield all points in random batches of nearly equal size."""
        n_points, size = len(features), self.settings.batch_size
        n_batches = math.ceil(n_points / size)
        # A single batch keeps its order: the same points in another order or with their weights
        # written out as copies then give the same sums.
        order = np.arange(n_points) if n_batches == 1 else self.random_state.permutation(n_points)
        for number, rows in enumerate(np.array_split(order, n_batches)):
            of_rows = None if weight is None else weight[rows]
            yield Batch(rows, features[rows], of_rows, number / n_batches, n_batches == 1)

    def _step(self, batch: Batch, *, estimates: bool) -> Measures:
        columns = self.heads.columns.requires_grad_()
        logits, objective, measures = self._measure(batch)
        if self.prior is not None and estimates:
            self.prior.update(logits, batch.weight, is_all=batch.is_all)
            self.criterion = self.criterion.with_prior(self.prior.proportions)
        self._descend(columns, objective.sum())
        self._n_steps += 1
        return measures

    def _descend(self, columns: Tensor, objective: Tensor) -> None:
        (gradient,) = torch.autograd.grad(objective, columns)
        self._optimizer.step(columns, gradient, self.settings.learning_rate * self._factors.rate)
        columns.requires_grad_(False)

    def _decay_term(self) -> Tensor:
        return 0.5 * self.settings.weight_decay * self._factors.decay * self.heads.square_norm()

    def _measure(self, batch: Batch) -> tuple[Tensor, Tensor, Measures]:
        """Solve for the labels of a batch; return its logits, the objective, and what it says."""
        logits = self.heads(batch.features)
        fixed = logits.detach()
        solved = self.criterion.solve(fixed, batch.weight)
        loss = self.criterion.loss(logits, solved, batch.weight)
        check_loss(loss, self.heads.n_restarts, self.criterion)
        objective = loss + self._decay_term()
        if self.supervision is not None:
            objective = objective + self.supervision.loss(
                self.heads, logits, batch.rows, batch.weight
            )
        gap = torch.zeros_like(objective.detach())
        if solved is not None:
            objective = objective + solved.cost
            gap = solved.duality_gap
        entropy = marginal_entropy(fixed, batch.weight)
        return (
            fixed,
            objective,
            Measures(*(t.detach().cpu().numpy() for t in (objective, entropy, gap))),
        )


@dataclass(frozen=True)
class Batch:
    """Points that a step sees."""

    rows: np.ndarray  # (B,)
    features: Tensor  # (B, D')
    weight: Tensor | None  # (B,)
    start: float  # fraction of the pass over the data that came before them
    is_all: bool  # whether there are no others

    @property
    def mass(self) -> float:
        """Sum of their weights."""
        return float(len(self.rows) if self.weight is None else self.weight.sum())


def joined_shares(shares: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return the shares of joined clusters (..., K') among those that are left."""
    joined = shares @ members
    return np.asarray(joined / joined.sum(axis=-1, keepdims=True))


def chosen_shares(shares: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Return the shares (..., K') that some clusters have among themselves."""
    chosen = np.asarray(shares)[..., clusters]
    return np.asarray(chosen / chosen.sum(axis=-1, keepdims=True))


def restored_random_state(state: dict[str, Any]) -> np.random.RandomState:
    """Make a source of random numbers that goes on from `state`, a ``get_state(legacy=False)``."""
    random_state = np.random.RandomState(getattr(np.random, state["bit_generator"])())
    random_state.set_state(state)
    return random_state


def converted(state: Any, change: Callable[[Any], Any], kind: type = Tensor) -> Any:
    """Return nested dicts with every tensor, or value of another kind, changed."""
    if isinstance(state, dict):
        return {name: converted(value, change, kind) for name, value in state.items()}
    return change(state) if isinstance(state, kind) else state
