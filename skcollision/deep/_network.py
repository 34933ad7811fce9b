"""Standardisation, backbone and linear heads as one module."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class ClusteringNetwork(nn.Module):
    """From raw samples to the logits of all heads, of which the first predicts."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, backbone: nn.Module, n_outputs: list[int], mean: Tensor, std: Tensor, sample: Tensor
    ) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        self.backbone = backbone
        self.n_outputs = n_outputs
        with evaluating(self), torch.no_grad():
            self.n_features = self.features(sample).shape[1]
        self.head = nn.Linear(self.n_features, sum(n_outputs))
        # torch's own initialisation, small: predictions that start out sure start out in few
        # clusters, since what features have in common outweighs their differences.
        nn.init.zeros_(self.head.bias)

    def features(self, samples: Tensor) -> Tensor:
        """Return the backbone's features, flattened, (B, D)."""
        features: Tensor = self.backbone((samples - self.mean) / self.std)
        return features.flatten(1)

    def forward(self, samples: Tensor) -> Tensor:
        """Return the logits of all heads, (B, sum(n_outputs))."""
        logits: Tensor = self.head(self.features(samples))
        return logits

    def logits(self, samples: Tensor) -> Tensor:
        """Return the logits of the head that predicts, (B, K)."""
        return self(samples)[:, : self.n_outputs[0]]


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Hold a network in evaluation mode, and restore the mode of each of its parts after."""
    before = [(part, part.training) for part in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training
