"""How good clusters are: with known classes, which are used here only, and without."""

from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from skcollision.metrics._agreement import AgreementScorer
from skcollision.metrics._calibration import (
    RiskCoverage,
    accuracy_at_coverage,
    clustering_calibration_error,
    risk_coverage_curve,
)
from skcollision.metrics._matching import LabelMatching, clustering_accuracy_score, match_labels
from skcollision.metrics._names import clustering_accuracy_scorer, get_scorer, get_scorer_names
from skcollision.metrics._scorers import MutualInfoScorer, NeighborInfoScorer, ObjectiveScorer

__all__ = [
    "AgreementScorer",
    "LabelMatching",
    "MutualInfoScorer",
    "NeighborInfoScorer",
    "ObjectiveScorer",
    "RiskCoverage",
    "accuracy_at_coverage",
    "adjusted_rand_score",
    "clustering_accuracy_score",
    "clustering_accuracy_scorer",
    "clustering_calibration_error",
    "get_scorer",
    "get_scorer_names",
    "match_labels",
    "normalized_mutual_info_score",
    "risk_coverage_curve",
]
