"""The course of training: rates, decay, when it has settled, and its history."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np

from skcollision.engine._normalisation import FEW_FEATURES

# Training has settled when no epoch, and no run of this many steps, lowered the objective.
PATIENCE_EPOCHS = 10
PATIENCE_STEPS = 100

# Weight decay begins this many times higher, and comes down with the learning rate.
EXTRA_DECAY = 5.0


class Factors(NamedTuple):
    """What a schedule multiplies learning rate and weight decay with."""

    rate: float
    decay: float


def annealed(progress: float) -> Factors:
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
    "cosine": annealed,
}

# Their counterparts for training without a known end, by the number of steps taken.
OPEN_SCHEDULES: dict[str, Callable[[int], Factors]] = {
    "constant": lambda n_steps: Factors(1.0, 1.0),
    "cosine": _annealed_openly,
}


def crowding(n_clusters: int, n_features: float) -> float:
    """Return the squared distance between neighbouring clusters, in units of that in many features.

    K clusters in few dimensions D are about K^(-1/D) apart.
    """
    return float(n_clusters ** (-2 / n_features)) if n_features < FEW_FEATURES else 1.0


def default_weight_decay(n_clusters: int, n_features: float) -> float:
    """Return the coefficient of weight decay for features of about unit length.

    Heads of Gaussians are slope * centres, and at a centre the logits of neighbours a distance d
    apart differ by slope * d^2 / 2. To keep crowded clusters apart, squared weights grow as d^-4;
    the decay gives way to that.
    """
    return 0.01 / n_clusters * crowding(n_clusters, n_features) ** 2


@dataclass
class Plateau:
    """Notices that the best restart's objective has stopped falling by `tol` nats; 0 for never."""

    tol: float
    best: float = math.inf  # the lowest so far that counts
    epochs: int = 0  # how much training came after it
    steps: int = 0

    def reached(self, objective: np.ndarray, n_steps: int) -> bool:
        """Take note of an epoch of `n_steps` steps; return whether training has settled."""
        lowest = float(objective.min())
        self.epochs, self.steps = self.epochs + 1, self.steps + n_steps
        if lowest < self.best - self.tol:
            self.best, self.epochs, self.steps = lowest, 0, 0
        patience_is_over = self.epochs >= PATIENCE_EPOCHS and self.steps >= PATIENCE_STEPS
        return self.tol > 0 and patience_is_over


@dataclass(frozen=True)
class Measures:
    """What a batch, or the mean over several, says of each restart: arrays (R,), in nats."""

    objective: np.ndarray  # the criterion's, with weight decay
    marginal_entropy: np.ndarray  # H(σ̄) of the mean prediction; ln K for balanced clusters
    duality_gap: np.ndarray  # certified gap of the pseudo-labels

    @classmethod
    def mean(cls, measured: list[Measures], weights: list[float]) -> Measures:
        """Average over batches, each with its weight."""
        rows = np.array([list(vars(one).values()) for one in measured])
        return cls(*np.average(rows, axis=0, weights=weights))


@dataclass
class History:
    """The measures of each epoch of a fit, and the seconds from its start to their end."""

    measures: list[Measures] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def append(self, measures: Measures, seconds: float) -> None:
        """Add an epoch."""
        self.measures.append(measures)
        self.seconds.append(seconds)

    def as_dict(self) -> dict[str, np.ndarray]:
        """Return curves of shape (epochs, R), and the seconds of shape (epochs,)."""
        curves = zip(*(vars(one).values() for one in self.measures), strict=True)
        names = ("objective", "marginal_entropy", "duality_gap")
        result = {name: np.array(curve) for name, curve in zip(names, curves, strict=True)}
        return {**result, "seconds": np.array(self.seconds)}


@dataclass
class Progress:
    """How far a training has come: what to go on from, beside the trainer itself."""

    plateau: Plateau
    history: History = field(default_factory=History)
    is_over: bool = False

    def state(self) -> dict[str, Any]:
        """Return all of it as plain numbers and arrays."""
        return {
            "plateau": asdict(self.plateau),
            "history": self.history.as_dict(),
            "is_over": self.is_over,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Progress:
        """Return what `state` was taken of."""
        curves = dict(state["history"])
        seconds = curves.pop("seconds").tolist()
        measures = [Measures(*rows) for rows in zip(*curves.values(), strict=True)]
        return cls(Plateau(**state["plateau"]), History(measures, seconds), state["is_over"])
