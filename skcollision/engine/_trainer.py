"""Alternate between pseudo-labels and gradient steps, all restarts at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from skcollision.criteria._base import ClusteringCriterion
from skcollision.engine._features import BLOCK_ROWS, Features
from skcollision.engine._heads import LinearHeads
from skcollision.engine._history import History, Measures
from skcollision.engine._optimizer import ColumnAdam
from skcollision.engine._prior import START, START_STEPS, PriorEstimate
from skcollision.engine._threads import threads_worth
from skcollision.losses import marginal_entropy, soft_cross_entropy

# Training has settled when no epoch, and no run of this many steps, lowered the objective.
PATIENCE_EPOCHS = 10
PATIENCE_STEPS = 100

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": ColumnAdam,
    "sgd": torch.optim.SGD,
}

# Weight decay begins this many times higher, and comes down with the learning rate.
EXTRA_DECAY = 5.0

# Distillation takes at least so many steps: it starts close to the solution of a convex problem.
DISTILLATION_STEPS = 100

# Its weight decay, in units of that of clustering. There decay chooses between clusterings; here
# the labels are given, and it would only make the heads less sure than these are.
DISTILLATION_DECAY = 0.01


class Factors(NamedTuple):
    """What a schedule multiplies learning rate and weight decay with."""

    rate: float
    decay: float


def _annealed(progress: float) -> Factors:
    # Strong decay smooths the objective: the restarts meet in few optima. Coming down, it leaves
    # predictions as sure as the final decay makes them.
    factor = 0.5 * (1 + math.cos(math.pi * progress))
    return Factors(factor, 1 + EXTRA_DECAY * factor)


def _annealed_openly(n_steps: int) -> Factors:
    factor = 1 / (1 + n_steps / 100)
    return Factors(factor, 1 + EXTRA_DECAY * factor)


# By the fraction of training that is over.
SCHEDULES: dict[str, Callable[[float], Factors]] = {
    "constant": lambda progress: Factors(1.0, 1.0),
    "cosine": _annealed,
}

# Their counterparts for training without a known end, by the number of steps taken.
OPEN_SCHEDULES: dict[str, Callable[[int], Factors]] = {
    "constant": lambda n_steps: Factors(1.0, 1.0),
    "cosine": _annealed_openly,
}


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
    """

    def __init__(
        self,
        heads: LinearHeads,
        criterion: ClusteringCriterion,
        settings: TrainingSettings,
        random_state: np.random.RandomState,
        prior: PriorEstimate | None = None,
    ) -> None:
        self.heads = heads
        self.criterion = criterion
        self.prior = prior
        self.settings = settings
        self._random_state = random_state
        self._optimizer = self._new_optimizer()
        self._decay = settings.weight_decay
        self._n_steps = 0

    def run(
        self,
        source: Features,
        sample_weight: np.ndarray | None,
        on_epoch_end: Callable[[int, Measures], bool],
    ) -> History:
        """Train until settled, told to stop by `on_epoch_end`, or `n_epochs` have passed."""
        history, plateau = History(), _Plateau(self.settings.tol)
        schedule = SCHEDULES[self.settings.schedule]
        start = time.perf_counter()
        for epoch in range(self.settings.n_epochs):

            def step(rows: np.ndarray, fraction: float, epoch: int = epoch) -> Measures:
                progress = (epoch + fraction) / self.settings.n_epochs
                self._set(schedule(progress))
                return self._step(source, rows, sample_weight, estimates=progress >= START)

            measures, n_steps = self._pass(source, sample_weight, step)
            history.append(measures, time.perf_counter() - start)
            told_to_stop = on_epoch_end(epoch, measures)
            if told_to_stop or plateau.reached(measures.objective, n_steps):
                break
        return history

    def run_once(self, source: Features, sample_weight: np.ndarray | None) -> Measures:
        """Pass over the data once, at a rate that falls with the steps taken so far."""
        schedule = OPEN_SCHEDULES[self.settings.schedule]

        def step(rows: np.ndarray, _: float) -> Measures:
            self._set(schedule(self._n_steps))
            estimates = self._n_steps >= START_STEPS
            return self._step(source, rows, sample_weight, estimates=estimates)

        return self._pass(source, sample_weight, step)[0]

    @torch.no_grad()
    def evaluate(self, source: Features, sample_weight: np.ndarray | None) -> Measures:
        """Measure the heads as they are on a pass over random batches, as training ends."""
        self._decay = self.settings.weight_decay
        return self._pass(
            source, sample_weight, lambda rows, _: self._measure(source, rows, sample_weight)[2]
        )[0]

    @torch.no_grad()
    def predictions(self, source: Features) -> Tensor:
        """Return the soft predictions of the first restart, shape (N, K)."""
        rows = torch.arange(source.n_samples).split(BLOCK_ROWS)
        return torch.cat([self.heads(source.batch(block.numpy()))[0].softmax(1) for block in rows])

    def distil(self, points: Features, labels: Tensor, sample_weight: np.ndarray | None) -> None:
        """Teach a single restart to predict from a point what it predicted from more than that.

        Minimises Shannon's cross-entropy towards the soft `labels` (N, K), held fixed.
        """
        self._optimizer = self._new_optimizer()
        n_batches = len(self._batches(points.n_samples, sample_weight))
        n_epochs = math.ceil(DISTILLATION_STEPS / n_batches)
        for epoch in range(n_epochs):
            for index, rows in enumerate(self._batches(points.n_samples, sample_weight)):
                progress = (epoch + index / n_batches) / n_epochs
                self._set(Factors(_annealed(progress).rate, DISTILLATION_DECAY))
                self._optimizer.zero_grad()
                loss = soft_cross_entropy(
                    self.heads(points.batch(rows))[0],
                    labels[torch.from_numpy(rows)],
                    sample_weight=_weights_of(rows, sample_weight, points),
                )
                (loss + 0.5 * self._decay * self.heads.square_norm().sum()).backward()
                self._optimizer.step()

    def keep(self, restart: int) -> None:
        """Go on with one restart alone; the others are forgotten."""
        n_clusters, basis = self.heads.n_clusters, self.heads.basis
        columns = slice(restart * n_clusters, (restart + 1) * n_clusters)
        if self.prior is not None:
            self.prior.keep(restart)
            self.criterion = self.criterion.with_prior(self.prior.proportions)
        self._replace_heads(1, lambda values: values[..., columns].clone(), basis)

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
        visit: Callable[[np.ndarray, float], Measures],
    ) -> tuple[Measures, int]:
        """Visit every batch once; return the mean of what was measured, and how many they are.

        `visit` is given the rows of a batch and the fraction of the pass that came before it.
        """
        batches = self._batches(source.n_samples, sample_weight)
        with threads_worth(len(batches[0]) * self.heads.columns.numel()):
            measured = [visit(rows, index / len(batches)) for index, rows in enumerate(batches)]
        masses = [_total_weight(rows, sample_weight) for rows in batches]
        return Measures.mean(measured, masses), len(batches)

    def _batches(self, n_samples: int, sample_weight: np.ndarray | None) -> list[np.ndarray]:
        """Split the points that have weight into random batches of nearly equal size."""
        rows = np.arange(n_samples) if sample_weight is None else np.flatnonzero(sample_weight)
        n_batches = math.ceil(len(rows) / self.settings.batch_size)
        # A single batch keeps its order: the same points in another order or with their weights
        # written out as copies then give the same sums.
        if n_batches > 1:
            rows = self._random_state.permutation(rows)
        return np.array_split(rows, n_batches)

    def _new_optimizer(self) -> torch.optim.Optimizer:
        make = OPTIMIZERS[self.settings.optimizer]
        return make(self.heads.parameters(), lr=self.settings.learning_rate)

    def _set(self, factors: Factors) -> None:
        self._decay = self.settings.weight_decay * factors.decay
        for group in self._optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * factors.rate

    def _step(
        self,
        source: Features,
        rows: np.ndarray,
        sample_weight: np.ndarray | None,
        *,
        estimates: bool,
    ) -> Measures:
        self._optimizer.zero_grad()
        logits, objective, measures = self._measure(source, rows, sample_weight)
        if self.prior is not None and estimates:
            self.prior.update(logits, _weights_of(rows, sample_weight, source))
            self.criterion = self.criterion.with_prior(self.prior.proportions)
        objective.sum().backward()
        self._optimizer.step()
        self._n_steps += 1
        return measures

    def _measure(
        self, source: Features, rows: np.ndarray, sample_weight: np.ndarray | None
    ) -> tuple[Tensor, Tensor, Measures]:
        """Solve for the labels of a batch; return its logits, the objective, and what it says."""
        weight = _weights_of(rows, sample_weight, source)
        logits = self.heads(source.batch(rows))
        fixed = logits.detach()
        solved = self.criterion.solve(fixed, weight)
        objective = self.criterion.loss(logits, solved, weight)
        objective = objective + 0.5 * self._decay * self.heads.square_norm()
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


class _Plateau:
    """Notice that the best restart's objective has stopped falling."""

    def __init__(self, tol: float) -> None:
        self._tol = tol
        self._best = math.inf
        self._epochs = self._steps = 0

    def reached(self, objective: np.ndarray, n_steps: int) -> bool:
        lowest = float(objective.min())
        self._epochs, self._steps = self._epochs + 1, self._steps + n_steps
        if lowest < self._best - self._tol:
            self._best, self._epochs, self._steps = lowest, 0, 0
        patience_is_over = self._epochs >= PATIENCE_EPOCHS and self._steps >= PATIENCE_STEPS
        return self._tol > 0 and patience_is_over


def _weights_of(
    rows: np.ndarray, sample_weight: np.ndarray | None, source: Features
) -> Tensor | None:
    if sample_weight is None:
        return None
    return torch.as_tensor(sample_weight[rows], dtype=source.dtype, device=source.device)


def _total_weight(rows: np.ndarray, sample_weight: np.ndarray | None) -> float:
    return float(len(rows) if sample_weight is None else sample_weight[rows].sum())
