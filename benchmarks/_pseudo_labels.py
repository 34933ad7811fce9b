"""Problems of the benchmarks of the pseudo-label solvers."""

from __future__ import annotations

from typing import Any

import numpy as np


def softmax_problem(
    n_points: int, n_clusters: int, scale: float = 1.5, dtype: Any = np.float32, seed: int = 0
) -> np.ndarray:
    """Return the softmax of normal logits: soft at scale 1, nearly one-hot at 40."""
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((n_points, n_clusters), dtype=np.float32) * np.float32(scale)
    probs = np.exp((logits - logits.max(axis=1, keepdims=True)).astype(dtype))
    probs /= probs.sum(axis=1, keepdims=True)
    return probs
