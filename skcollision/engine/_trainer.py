"""Alternate between pseudo-labels and gradient steps, all restarts at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skcollision.criteria._base import ClusteringCriterion
from skcollision.engine._batches import Batch, count_points
from skcollision.engine._features import Features
from skcollision.engine._heads import LinearHeads, from_plain, to_plain
from skcollision.engine._history import History, Measures, Progress
from skcollision.engine._optimizer import ColumnAdam
from skcollision.engine._prior import START_STEPS, MatchedPrior, PriorEstimate
from skcollision.engine._schedule import (
    OPEN_SCHEDULES,
    SCHEDULES,
    Factors,
    Plateau,
    annealed,
)
from skcollision.engine._supervision import Supervision
from skcollision.engine._threads import threads_worth
from skcollision.losses import marginal_entropy, soft_cross_entropy

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": ColumnAdam,
    "sgd": torch.optim.SGD,
}

# Distillation takes at least so many steps: it starts close to the solution of a convex problem.
DISTILLATION_STEPS = 100

# Its weight decay, in units of that of clustering. There decay chooses between clusterings; here
# the labels are given, and it would only make the heads less sure than these are.
DISTILLATION_DECAY = 0.01


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
    """Heads with the optimiser and solver state that training them goes on from.

    Parameters
    ----------
    heads : LinearHeads
        What to train, in place.
    criterion : ClusteringCriterion
        What to minimise.
    settings : TrainingSettings
        How.
    random_state : numpy.random.RandomState
        Draws the batches.
    prior : PriorEstimate, optional
        Follows the predictions, and gives the criterion its target proportions.
    supervision : Supervision, optional
        Adds a loss of labels that are given.

    Attributes
    ----------
    start : LinearHeads or None
        The heads as `remember_start` found them.
    """

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
        self._random_state = random_state
        self._optimizer = self._new_optimizer()
        self._decay = settings.weight_decay
        self._n_steps = 0

    def state(self) -> dict[str, Any]:
        """Return copies of all that training goes on from, as plain numbers, strings and arrays.

        The criterion is not among it: how to write one down is its maker's to know.
        """
        moments = self._optimizer.state[self.heads.columns]
        return {
            "heads": self.heads.state(),
            "heads_at_start": None if self.start is None else self.start.state(),
            "moments": {name: to_plain(value) for name, value in moments.items()},
            "settings": asdict(self.settings),
            "random_state": self._random_state.get_state(legacy=False),
            "prior": None if self.prior is None else self.prior.state(),
            "n_steps": self._n_steps,
        }

    @classmethod
    def from_state(
        cls, state: dict[str, Any], criterion: ClusteringCriterion, device: torch.device
    ) -> Trainer:
        """Make a trainer that goes on, bit for bit, as the one that `state` was taken of.

        `criterion` is that trainer's, whose target proportions are replaced by estimated ones.
        """
        prior = state["prior"]
        trainer = cls(
            LinearHeads.from_state(state["heads"], device),
            criterion,
            TrainingSettings(**state["settings"]),
            restored_random_state(state["random_state"]),
            None if prior is None else PriorEstimate.from_state(prior),
        )
        trainer._optimizer.state[trainer.heads.columns] = {
            name: from_plain(value, device) for name, value in state["moments"].items()
        }
        trainer._n_steps = state["n_steps"]
        if state["heads_at_start"] is not None:
            trainer.start = LinearHeads.from_state(state["heads_at_start"], device)
        return trainer

    def run(
        self,
        source: Features,
        sample_weight: np.ndarray | None,
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
                self._set(schedule(fraction))
                return self._step(batch, sample_weight, estimates=fraction >= estimates_from)

            measures, n_steps = self._pass(source, sample_weight, step)
            history.append(measures, time.perf_counter() - start)
            has_settled = progress.plateau.reached(measures.objective, n_steps)
            progress.is_over = on_epoch_end(epoch, measures) or has_settled
            save(self, progress)
        return history

    def run_once(self, source: Features, sample_weight: np.ndarray | None) -> Measures:
        """Pass over the data once, at a rate that falls with the steps taken so far."""
        schedule = OPEN_SCHEDULES[self.settings.schedule]

        def step(batch: Batch) -> Measures:
            self._set(schedule(self._n_steps))
            return self._step(batch, sample_weight, estimates=self._n_steps >= START_STEPS)

        return self._pass(source, sample_weight, step)[0]

    @torch.no_grad()
    def evaluate(self, source: Features, sample_weight: np.ndarray | None) -> Measures:
        """Measure the heads as they are on a pass over random batches, as training ends."""
        self._decay = self.settings.weight_decay
        return self._pass(
            source, sample_weight, lambda batch: self._measure(batch, sample_weight)[2]
        )[0]

    def distil(
        self,
        points: Features,
        labels_of: Callable[[Batch], Tensor],
        sample_weight: np.ndarray | None,
    ) -> None:
        """Teach a single restart to predict from a point what it predicted from more than that.

        Minimises Shannon's cross-entropy towards the soft labels (B, K) of each batch, held fixed.
        """
        self._optimizer = self._new_optimizer()
        size, random_state = self.settings.batch_size, self._random_state
        n_batches = math.ceil(count_points(points.n_samples, sample_weight) / size)
        n_epochs = math.ceil(DISTILLATION_STEPS / n_batches)
        # Draws an order that is not used. Without it a random_state would give other models than
        # it always has.
        points.batches(size, sample_weight, random_state)
        for epoch in range(n_epochs):
            for batch in points.batches(size, sample_weight, random_state):
                progress = (epoch + batch.start) / n_epochs
                self._set(Factors(annealed(progress).rate, DISTILLATION_DECAY))
                self._optimizer.zero_grad()
                loss = soft_cross_entropy(
                    self.heads(batch.features)[0],
                    labels_of(batch),
                    sample_weight=batch.weights(sample_weight),
                )
                (loss + 0.5 * self._decay * self.heads.square_norm().sum()).backward()
                self._optimizer.step()

    def remember_start(self) -> None:
        """Keep a copy of the heads as they are, for `return_to_start`."""
        columns = self.heads.columns.detach().clone()
        self.start = LinearHeads.of_columns(columns, self.heads.n_restarts, self.heads.basis)

    @torch.no_grad()
    def return_to_start(self, restarts: np.ndarray, shares: np.ndarray) -> None:
        """Undo the training of some restarts (S,), whose clusters then have the shares (S, K)."""
        assert self.start is not None
        ends, starts = (
            heads.columns.view(len(heads.columns), heads.n_restarts, -1)
            for heads in (self.heads, self.start)
        )
        ends[:, restarts] = starts[:, restarts]
        self.start = None
        if self.prior is not None:
            self.prior.begin_again(restarts, shares)
            self.criterion = self.criterion.with_prior(self.prior.proportions)

    def keep(self, restart: int) -> None:
        """Go on with one restart alone; the others are forgotten."""
        n_clusters, basis = self.heads.n_clusters, self.heads.basis
        columns = np.arange(restart * n_clusters, (restart + 1) * n_clusters)
        if self.prior is not None:
            columns = columns[self.prior.keep(restart)]
            self.criterion = self.criterion.with_prior(self.prior.proportions)
            if isinstance(self.prior, MatchedPrior):
                self.prior = None  # from here on clusters stay where they stand
        self._replace_heads(1, lambda values: values[..., columns].clone(), basis)

    def join(self, members: np.ndarray) -> None:
        """Join clusters (K, K') or leave some out, for a restart that is alone.

        The weights of several are only where to distil from: no linear head predicts their sum.
        """
        prior = getattr(self.criterion, "prior", None)
        if prior is not None:
            self.criterion = self.criterion.with_prior(joined_shares(prior, members))
        if self.prior is not None:
            self.prior.proportions = joined_shares(self.prior.proportions, members)
        means = torch.from_numpy(members / members.sum(0)).to(self.heads.columns)
        self._replace_heads(1, lambda values: values @ means, self.heads.basis)

    def lift(self) -> None:
        """Go on with the whole features, where the heads were trained on a basis of theirs."""
        if self.heads.basis is not None:
            self._replace_heads(self.heads.n_restarts, self.heads.lifted, None)

    def _replace_heads(
        self, n_restarts: int, change: Callable[[Tensor], Tensor], basis: Tensor | None
    ) -> None:
        """Change weights, and the optimiser's moments of them alike."""
        state = self._optimizer.state[self.heads.columns]
        columns = change(self.heads.columns.detach())
        self.heads = LinearHeads.of_columns(columns, n_restarts, basis)
        self._optimizer = self._new_optimizer()
        self._optimizer.state[self.heads.columns] = {
            name: change(value) if isinstance(value, Tensor) else value
            for name, value in state.items()
        }

    def to(self, device: torch.device) -> None:
        """Move heads and optimiser, so that a trainer can be stored away from its GPU."""
        self.heads.to(device)
        for state in self._optimizer.state.values():
            for name, value in state.items():
                state[name] = value.to(device) if isinstance(value, Tensor) else value

    def _pass(
        self,
        source: Features,
        sample_weight: np.ndarray | None,
        visit: Callable[[Batch], Measures],
    ) -> tuple[Measures, int]:
        """Visit every batch once; return the mean of what was measured, and how many they are."""
        n_points, size = count_points(source.n_samples, sample_weight), self.settings.batch_size
        largest = math.ceil(n_points / math.ceil(n_points / size))
        measured, masses = [], []
        with threads_worth(largest * self.heads.columns.numel()):
            for batch in source.batches(size, sample_weight, self._random_state):
                measured.append(visit(batch))
                masses.append(batch.mass(sample_weight))
        return Measures.mean(measured, masses), len(measured)

    def _new_optimizer(self) -> torch.optim.Optimizer:
        make = OPTIMIZERS[self.settings.optimizer]
        return make(self.heads.parameters(), lr=self.settings.learning_rate)

    def _set(self, factors: Factors) -> None:
        self._decay = self.settings.weight_decay * factors.decay
        for group in self._optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * factors.rate

    def _step(self, batch: Batch, sample_weight: np.ndarray | None, *, estimates: bool) -> Measures:
        self._optimizer.zero_grad()
        logits, objective, measures = self._measure(batch, sample_weight)
        if self.prior is not None and estimates:
            self.prior.update(logits, batch.weights(sample_weight))
            self.criterion = self.criterion.with_prior(self.prior.proportions)
        objective.sum().backward()
        self._optimizer.step()
        self._n_steps += 1
        return measures

    def _measure(
        self, batch: Batch, sample_weight: np.ndarray | None
    ) -> tuple[Tensor, Tensor, Measures]:
        """Solve for the labels of a batch; return its logits, the objective, and what it says."""
        weight = batch.weights(sample_weight)
        logits = self.heads(batch.features)
        fixed = logits.detach()
        solved = self.criterion.solve(fixed, weight)
        objective = self.criterion.loss(logits, solved, weight)
        objective = objective + 0.5 * self._decay * self.heads.square_norm()
        if self.supervision is not None:
            objective = objective + self.supervision.loss(self.heads, logits, batch.rows, weight)
        gap = torch.zeros_like(objective.detach())
        if solved is not None:
            objective = objective + solved.cost
            gap = solved.duality_gap
        entropy = marginal_entropy(fixed, weight)
        return (
            fixed,
            objective,
            Measures(*(t.detach().cpu().numpy() for t in (objective, entropy, gap))),
        )


def joined_shares(shares: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return the shares of joined clusters (..., K') among those that are left."""
    joined = shares @ members
    return np.asarray(joined / joined.sum(axis=-1, keepdims=True))


def restored_random_state(state: dict[str, Any]) -> np.random.RandomState:
    """Make a source of random numbers that goes on from `state`, a ``get_state(legacy=False)``."""
    random_state = np.random.RandomState(getattr(np.random, state["bit_generator"])())
    random_state.set_state(state)
    return random_state
