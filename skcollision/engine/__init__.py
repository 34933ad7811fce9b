"""Training: batches, optimiser, restarts and devices. Knows a criterion only by its interface."""

from skcollision.engine._device import resolve_device
from skcollision.engine._features import FeatureSource, Normalisation, fit_normalisation
from skcollision.engine._heads import LinearHeads, initial_heads
from skcollision.engine._history import History, Measures
from skcollision.engine._trainer import Trainer, TrainingSettings

__all__ = [
    "FeatureSource",
    "History",
    "LinearHeads",
    "Measures",
    "Normalisation",
    "Trainer",
    "TrainingSettings",
    "fit_normalisation",
    "initial_heads",
    "resolve_device",
]
