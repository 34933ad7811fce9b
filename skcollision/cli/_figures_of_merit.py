"""The three figures by which the command line compares labels with classes."""

from typing import Any

from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from skcollision.metrics import clustering_accuracy_score


def figures_of_merit(y_true: NDArray[Any], y_pred: NDArray[Any]) -> dict[str, float]:
    """ACC, NMI and ARI of a clustering, as fractions."""
    return {
        "ACC": float(clustering_accuracy_score(y_true, y_pred)),
        "NMI": float(normalized_mutual_info_score(y_true, y_pred)),
        "ARI": float(adjusted_rand_score(y_true, y_pred)),
    }
