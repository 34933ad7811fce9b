"""Stacked linear heads: R restarts of a softmax classifier as one matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class LinearHeads(nn.Module):
    """R linear classifiers side by side, so that one product serves all restarts.

    The product is bound by reading the features: 50 columns cost about what 10 do.

    Parameters
    ----------
    weight : ndarray of shape (R, K, D)
        Initial weights.
    bias : ndarray of shape (R, K)
        Initial biases, of the same dtype.
    device : torch.device
        Where to keep them.
    basis : Tensor of shape (D', D), optional
        Orthonormal directions of the features of width D' that the heads are trained on.
    """

    def __init__(
        self,
        weight: np.ndarray,
        bias: np.ndarray,
        device: torch.device,
        basis: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.basis = basis
        self.n_restarts, self.n_clusters, _ = weight.shape
        stacked = np.concatenate([weight, bias[..., None]], axis=2)
        columns = np.ascontiguousarray(stacked.reshape(-1, stacked.shape[2]).T)
        # The bias is the last row: to the optimiser, the weight of a feature that is always 1.
        self.columns = nn.Parameter(torch.from_numpy(columns).to(device))

    @classmethod
    def of_columns(cls, columns: Tensor, n_restarts: int, basis: Tensor | None) -> LinearHeads:
        """Make heads of stacked columns, the bias as the last row, on the columns' device."""
        stacked = columns.cpu().numpy().T.reshape(n_restarts, -1, len(columns))
        return cls(stacked[..., :-1], stacked[..., -1], columns.device, basis)

    def state(self) -> dict[str, Any]:
        """Return copies of the stacked columns (D' + 1, R K) and of what gives them a meaning."""
        return {
            "columns": to_plain(self.columns),
            "n_restarts": self.n_restarts,
            "basis": to_plain(self.basis),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], device: torch.device) -> LinearHeads:
        """Make the heads that `state` was taken of."""
        columns, basis = (from_plain(state[name], device) for name in ("columns", "basis"))
        return cls.of_columns(columns, state["n_restarts"], basis)

    def forward(self, features: Tensor) -> Tensor:
        """Map features of shape (B, D) to logits of shape (R, B, K)."""
        logits = torch.addmm(self.columns[-1], features, self.columns[:-1])
        return logits.view(-1, self.n_restarts, self.n_clusters).transpose(0, 1).contiguous()

    def square_norm(self) -> Tensor:
        """Return the squared Frobenius norm of each restart's weights, biases apart, shape (R,)."""
        columns = self.columns[:-1].square().sum(0)
        return columns.view(self.n_restarts, self.n_clusters).sum(1)

    def lifted(self, columns: Tensor) -> Tensor:
        """Write weights on the basis, or their moments, as weights on the features behind it."""
        if self.basis is None or columns.dim() < 2:
            return columns
        return torch.cat([self.basis @ columns[:-1], columns[-1:]])

    def numpy(self) -> tuple[np.ndarray, np.ndarray]:
        """Return copies of the weights (R, K, D') on the whole features, and biases (R, K)."""
        stacked = self.lifted(self.columns.detach()).cpu().numpy().T
        stacked = stacked.reshape(self.n_restarts, self.n_clusters, -1)
        return stacked[..., :-1].copy(), stacked[..., -1].copy()


def to_plain(value: Any) -> Any:
    """Return a tensor as a NumPy array of its own; anything else as it is."""
    return value.detach().cpu().numpy().copy() if isinstance(value, Tensor) else value


def from_plain(value: Any, device: torch.device) -> Any:
    """Return an array as a tensor of its own on `device`; anything else as it is."""
    return torch.tensor(value, device=device) if isinstance(value, np.ndarray) else value
