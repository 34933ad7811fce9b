"""Stacked linear heads, R restarts of a softmax classifier as one matrix, and their optimisers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

# For fewer clusters than this, points are last in memory: sums over clusters then run over vectors
# of points.
NARROW = 16


class LinearHeads:
    """R linear classifiers side by side, so that one product serves all restarts.

    The product is bound by reading the features: 50 columns cost about what 10 do.

    Attributes
    ----------
    columns : Tensor of shape (D' + 1, R K)
        Weights, the bias as the last row: to an optimiser, the weight of a feature that is 1.
    n_restarts, n_clusters : int
        R and K.
    basis : Tensor of shape (D, D') or None
        Orthonormal directions that the features are coordinates on.
    """

    def __init__(self, columns: Tensor, n_restarts: int, basis: Tensor | None = None) -> None:
        self.columns, self.n_restarts, self.basis = columns.contiguous(), n_restarts, basis
        self.n_clusters = columns.shape[1] // n_restarts

    @classmethod
    def of_weights(cls, weight: Tensor, bias: Tensor, basis: Tensor | None = None) -> LinearHeads:
        """Make heads of weights (R, K, D') and biases (R, K)."""
        stacked = torch.cat([weight, bias[..., None]], 2)
        return cls(stacked.flatten(0, 1).T, len(weight), basis)

    def __call__(self, features: Tensor) -> Tensor:
        """Map features (B, D') to logits (R, B, K)."""
        if self.n_clusters < NARROW:
            logits = torch.addmm(self.columns[-1, :, None], self.columns[:-1].T, features.T)
            return logits.view(self.n_restarts, self.n_clusters, -1).transpose(1, 2)
        logits = torch.addmm(self.columns[-1], features, self.columns[:-1])
        logits = logits.view(-1, self.n_restarts, self.n_clusters)
        return logits.transpose(0, 1).contiguous()

    def square_norm(self) -> Tensor:
        """Return the squared Frobenius norm of each restart's weights, biases apart, (R,)."""
        squares = self.columns[:-1].square().sum(0)
        return squares.view(self.n_restarts, self.n_clusters).sum(1)

    def lifted(self, columns: Tensor) -> Tensor:
        """Write columns on the basis, or their moments, as columns on the features behind it."""
        if self.basis is None or columns.dim() < 2:
            return columns
        return torch.cat([self.basis.to(columns.device) @ columns[:-1], columns[-1:]])

    def numpy(self) -> tuple[np.ndarray, np.ndarray]:
        """Return copies of the weights (R, K, D) on the whole features, and biases (R, K)."""
        stacked = self.lifted(self.columns.detach().cpu()).numpy().T
        stacked = stacked.reshape(self.n_restarts, self.n_clusters, -1)
        return stacked[..., :-1].copy(), stacked[..., -1].copy()

    def state(self) -> dict[str, Any]:
        """Return what the heads are made of."""
        return {"columns": self.columns, "n_restarts": self.n_restarts, "basis": self.basis}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> LinearHeads:
        """Make the heads that a state was taken of."""
        return cls(state["columns"], state["n_restarts"], state["basis"])


def random_heads(
    features: Any, n_clusters: int, n_restarts: int, random_state: np.random.RandomState
) -> LinearHeads:
    """Draw weights uniform on ±1/√D with zero bias, as torch does and as in the paper (Kaiming).

    Predictions start almost uniform and symmetric, and depend on no sample.
    """
    n_features = features.shape[1]
    limit = n_features**-0.5
    drawn = random_state.uniform(-limit, limit, (n_restarts, n_clusters, n_features))
    weight = torch.as_tensor(drawn, dtype=features.dtype, device=features.device)
    return LinearHeads.of_weights(weight, torch.zeros_like(weight[..., 0]))


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
