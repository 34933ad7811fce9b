"""Training: batches, optimiser, restarts and devices. Knows a criterion only by its interface."""

from skcollision.engine._batches import Batch
from skcollision.engine._block_source import BlockSource
from skcollision.engine._device import resolve_device
from skcollision.engine._features import (
    Features,
    FeatureSource,
    Normalisation,
    fit_normalisation,
    row_blocks,
)
from skcollision.engine._heads import LinearHeads
from skcollision.engine._history import History, Measures, Progress
from skcollision.engine._initial_heads import SHARPNESS, heads_of_k_means, initial_heads
from skcollision.engine._prior import MatchedPrior, PriorEstimate
from skcollision.engine._schedule import crowding, default_weight_decay
from skcollision.engine._selection import find_surplus, select_restart, worse_than_start
from skcollision.engine._streamed_features import StreamedFeatures
from skcollision.engine._supervision import Supervision
from skcollision.engine._trainer import (
    Trainer,
    TrainingSettings,
    joined_shares,
    restored_random_state,
)
from skcollision.engine._training_features import TrainingFeatures, soft_predictions

__all__ = [
    "SHARPNESS",
    "Batch",
    "BlockSource",
    "FeatureSource",
    "Features",
    "History",
    "LinearHeads",
    "MatchedPrior",
    "Measures",
    "Normalisation",
    "PriorEstimate",
    "Progress",
    "StreamedFeatures",
    "Supervision",
    "Trainer",
    "TrainingFeatures",
    "TrainingSettings",
    "crowding",
    "default_weight_decay",
    "find_surplus",
    "fit_normalisation",
    "heads_of_k_means",
    "initial_heads",
    "joined_shares",
    "resolve_device",
    "restored_random_state",
    "row_blocks",
    "select_restart",
    "soft_predictions",
    "worse_than_start",
]
