"""Stacked linear heads: R restarts of a softmax classifier as one matrix."""

from __future__ import annotations

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
        return torch.cat([self.basis @ columns[:-1], columns[-1:]])

    def numpy(self) -> tuple[np.ndarray, np.ndarray]:
        """Return copies of the weights (R, K, D) on the whole features, and biases (R, K)."""
        stacked = self.lifted(self.columns.detach()).cpu().numpy().T
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
