"""What classifiers train on: rows of points and their neighbourhoods, and the losses of labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skcollision.engine import Features, LinearHeads, NormalisedRows
from skcollision.losses import collision_cross_entropy, soft_cross_entropy

# Length of a neighbourhood's features in units of the point's: how far a model relies on them.
SCALE = 0.5


class SideBySide:
    """Features of points, and after them those of their neighbourhoods, shortened."""

    # Where labels are few, neighbourhoods, which vary less, help; where many, what they blur does.
    def __init__(self, points: NormalisedRows, neighbourhoods: Tensor) -> None:
        self._points, self._neighbourhoods = points, neighbourhoods
        self.shape = len(points), points.shape[1] + neighbourhoods.shape[1]
        self.dtype, self.device = points.dtype, points.device

    def __len__(self) -> int:
        return len(self._points)

    def __getitem__(self, rows: np.ndarray) -> Tensor:
        return torch.cat([self._points[rows], SCALE * self._neighbourhoods[rows]], 1)


class Chosen:
    """Some rows of features."""

    def __init__(self, features: NormalisedRows | SideBySide, rows: np.ndarray) -> None:
        self._features, self._rows = features, rows
        self.shape = len(rows), features.shape[1]
        self.dtype, self.device = features.dtype, features.device

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: np.ndarray) -> Tensor:
        return self._features[self._rows[rows]]


LOSSES: dict[str, Callable[..., Tensor]] = {
    "collision": collision_cross_entropy,
    "shannon": soft_cross_entropy,
}


@dataclass(frozen=True)
class LabelsOfAll:
    """Mean cross-entropy of a batch, every point of which has a soft label."""

    labels: Tensor  # (N, K), on the device that trains
    cross_entropy: Callable[..., Tensor]

    def loss(
        self, heads: LinearHeads, logits: Tensor, rows: np.ndarray, sample_weight: Tensor | None
    ) -> Tensor:
        """Return the loss of each restart on the batch."""
        labels = self.labels[torch.from_numpy(rows)]
        losses = self.cross_entropy(logits, labels, reduction="none", sample_weight=sample_weight)
        return losses.mean(1) if sample_weight is None else losses.sum(1) / sample_weight.sum()


class LabelsOfSome:
    """Shannon cross-entropy of the labelled points, whatever points are in the batch."""

    # With few labels a batch would have next to none, and its gradient next to no meaning.
    def __init__(
        self,
        features: Features,
        codes: np.ndarray,  # (N,) classes of all points as numbers, -1 for unknown
        sample_weight: np.ndarray | None,
        *,
        labelled_weight: float,  # how many points a labelled one counts as
        batch_size: int,  # most labelled points that a step sees
        random_state: np.random.RandomState,
    ) -> None:
        weight = np.ones(len(codes)) if sample_weight is None else sample_weight
        self._rows = np.flatnonzero((codes >= 0) & (weight > 0))
        self._mass = labelled_weight * float(weight[self._rows].sum() / weight.sum())
        like = features[self._rows[:1]]
        self._labels = torch.from_numpy(codes[self._rows]).to(like.device)
        self._weight = torch.as_tensor(weight[self._rows], dtype=like.dtype, device=like.device)
        self._features, self._batch_size = features, batch_size
        self._random_state = random_state

    def loss(
        self, heads: LinearHeads, logits: Tensor, rows: np.ndarray, sample_weight: Tensor | None
    ) -> Tensor:
        """Return the loss of each restart on labelled points, scaled to one a point."""
        drawn = np.arange(len(self._rows))
        if len(drawn) > self._batch_size:
            drawn = self._random_state.choice(drawn, self._batch_size, replace=False)
        of_drawn = torch.from_numpy(drawn)
        log_probs = heads(self._features[self._rows[drawn]]).log_softmax(2)
        of_labels = log_probs[:, torch.arange(len(drawn)), self._labels[of_drawn]]
        weight = self._weight[of_drawn]
        return -self._mass * (of_labels @ weight) / weight.sum()
