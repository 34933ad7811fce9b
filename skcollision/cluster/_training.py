"""A training with what users see of it: callbacks, and a line an epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from skcollision._callbacks import EpochTasks
from skcollision.engine import Features, History, Measures, Progress, Trainer


def train(
    estimator: Any,
    trainer: Trainer,
    features: Features,
    weight: Tensor | None,
    *,
    X: Any,
    sample_weight: np.ndarray | None,
    progress: Progress | None = None,
    **options: Any,
) -> History:
    """Train on features and weights; `X` and `sample_weight` are those that callbacks see."""
    n_epochs = trainer.settings.n_epochs
    n_left = n_epochs - (0 if progress is None else len(progress.history.seconds))
    tasks = EpochTasks(estimator, n_left, X=X, metadata={"sample_weight": sample_weight})

    def on_epoch_end(epoch: int, measures: Measures) -> bool:
        best = int(np.argmin(measures.objective))
        if estimator.verbose:
            name, value = type(estimator).__name__, measures.objective[best]
            print(f"{name}: epoch {epoch + 1}/{n_epochs}, objective {value:.5f}")
        return tasks.end_epoch(lambda: model_attributes(trainer, best))

    history = trainer.run(features, weight, on_epoch_end, progress=progress, **options)
    tasks.close()
    return history


def model_attributes(trainer: Trainer, restart: int) -> dict[str, np.ndarray]:
    """Return the fitted weights of a restart."""
    weight, bias = trainer.heads.numpy()
    return {"coef_": weight[restart], "intercept_": bias[restart]}
