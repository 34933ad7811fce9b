"""Labels that are given: what training minimises beside its criterion."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from torch import Tensor

from skcollision.engine._heads import LinearHeads


class Supervision(Protocol):
    """A loss that knows the labels of some points."""

    def loss(
        self, heads: LinearHeads, logits: Tensor, rows: np.ndarray, sample_weight: Tensor | None
    ) -> Tensor:
        """Return the differentiable loss of each restart, shape (R,).

        `logits` of shape (R, B, K) are what `heads` say of the batch of points `rows`, and
        `sample_weight` are the weights (B,) of these.
        """
