"""What training leaves to look at."""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass, field
from typing import Any

import numpy as np

from skcollision.engine._schedule import Plateau


@dataclass(frozen=True)
class Measures:
    """What a batch, or the mean over several, says of each restart: arrays (R,), in nats."""

    objective: np.ndarray  # the criterion's, with weight decay
    marginal_entropy: np.ndarray  # H(σ̄) of the mean prediction; ln K for balanced clusters
    duality_gap: np.ndarray  # certified gap of the pseudo-labels

    @classmethod
    def mean(cls, measured: list[Measures], weights: list[float]) -> Measures:
        """Average over batches, each with its weight."""
        columns = zip(*(astuple(one) for one in measured), strict=True)
        return cls(*(np.average(column, axis=0, weights=weights) for column in columns))


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
        curves = zip(*(astuple(one) for one in self.measures), strict=True)
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
