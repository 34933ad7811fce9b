"""Training: samples, optimiser, restarts and devices. Knows a criterion only by its interface."""

from skcollision.engine._heads import LinearHeads, random_heads
from skcollision.engine._normalisation import LARGEST_ENTRY, Normalisation, fit_normalisation
from skcollision.engine._number import scores_of_numbers
from skcollision.engine._prior import MatchedPrior, PriorEstimate
from skcollision.engine._proposals import propose
from skcollision.engine._rows import (
    NormalisedRows,
    default_sample_size,
    draw_sample,
    resolve_device,
    take_rows,
)
from skcollision.engine._sample import TrainingSample, weight_like
from skcollision.engine._schedule import (
    History,
    Measures,
    Progress,
    crowding,
    default_weight_decay,
)
from skcollision.engine._selection import (
    best_on_graph,
    certainty,
    find_surplus,
    hard_labels,
    lowest,
    match_certainty,
    soft_predictions,
)
from skcollision.engine._starts import SHARPNESS, heads_of_k_means
from skcollision.engine._trainer import (
    Features,
    Trainer,
    TrainingSettings,
    chosen_shares,
    joined_shares,
    restored_random_state,
)

__all__ = [
    "LARGEST_ENTRY",
    "SHARPNESS",
    "Features",
    "History",
    "LinearHeads",
    "MatchedPrior",
    "Measures",
    "Normalisation",
    "NormalisedRows",
    "PriorEstimate",
    "Progress",
    "Trainer",
    "TrainingSample",
    "TrainingSettings",
    "best_on_graph",
    "certainty",
    "chosen_shares",
    "crowding",
    "default_sample_size",
    "default_weight_decay",
    "draw_sample",
    "find_surplus",
    "fit_normalisation",
    "hard_labels",
    "heads_of_k_means",
    "joined_shares",
    "lowest",
    "match_certainty",
    "propose",
    "random_heads",
    "resolve_device",
    "restored_random_state",
    "scores_of_numbers",
    "soft_predictions",
    "take_rows",
    "weight_like",
]
