"""Optimisers of linear heads, whose state can be cut and joined as the heads are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

MEAN_DECAY, SQUARE_DECAY, EPS = 0.9, 0.999, 1e-12


class ColumnAdam:
    """Adam whose second moment is shared by all weights of one cluster, a column.

    Adam divides each coordinate by its own root mean square gradient, and so trains features that
    hardly vary as fast as those that carry the clusters: its result depends on the basis that the
    features are written in. With one second moment a column, a step is a rotation-invariant
    direction of about the length of the rate. All restarts then settle in the same few optima.
    """

    def __init__(self) -> None:
        self.n_steps = 0
        self.mean: Tensor | None = None
        self.square: Tensor | None = None

    @torch.no_grad()
    def step(self, columns: Tensor, gradient: Tensor, rate: float) -> None:
        """Move the columns (D, C) in place."""
        square = gradient.square().sum(0)
        if self.mean is None or self.square is None:
            self.mean, self.square = torch.zeros_like(gradient), torch.zeros_like(square)
        self.n_steps += 1
        self.mean.lerp_(gradient, 1 - MEAN_DECAY)
        self.square.lerp_(square, 1 - SQUARE_DECAY)
        size = (self.square / (1 - SQUARE_DECAY**self.n_steps)).sqrt_().add_(EPS)
        columns.addcmul_(self.mean, rate / (1 - MEAN_DECAY**self.n_steps) / size, value=-1)

    def map(self, change: Callable[[Tensor], Tensor]) -> None:
        """Change the moments as the columns were changed."""
        if self.mean is not None and self.square is not None:
            self.mean, self.square = change(self.mean), change(self.square)

    def state(self) -> dict[str, Any]:
        """Return what training goes on from."""
        return {"n_steps": self.n_steps, "mean": self.mean, "square": self.square}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.n_steps, self.mean, self.square = (state[key] for key in ("n_steps", "mean", "square"))


class GradientDescent:
    """Plain gradient descent, as in the paper."""

    @torch.no_grad()
    def step(self, columns: Tensor, gradient: Tensor, rate: float) -> None:
        """Move the columns in place."""
        columns.sub_(gradient, alpha=rate)

    def map(self, change: Callable[[Tensor], Tensor]) -> None:
        """Do nothing: there is no state."""

    def state(self) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Do nothing."""


OPTIMIZERS: dict[str, type[ColumnAdam] | type[GradientDescent]] = {
    "adam": ColumnAdam,
    "sgd": GradientDescent,
}
