"""How well clusters agree with known classes; labels are used here only, never in fitting."""

from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from skcollision.metrics._accuracy import clustering_accuracy_score
from skcollision.metrics._matching import LabelMatching, match_labels
from skcollision.metrics._scorers import clustering_accuracy_scorer, get_scorer, get_scorer_names

__all__ = [
    "LabelMatching",
    "adjusted_rand_score",
    "clustering_accuracy_score",
    "clustering_accuracy_scorer",
    "get_scorer",
    "get_scorer_names",
    "match_labels",
    "normalized_mutual_info_score",
]
