"""Pictures of clusterings; they need matplotlib, the extra "plot".

The ``from_`` methods of each display compute, draw and return it; ``plot`` draws it once more,
elsewhere. Artists are attributes, for changes to the picture.
"""

from skcollision.plotting._certainty import ReliabilityDisplay, RiskCoverageDisplay
from skcollision.plotting._cluster_map import ClusterMapDisplay
from skcollision.plotting._cluster_sizes import ClusterSizesDisplay
from skcollision.plotting._comparison import ComparisonDisplay
from skcollision.plotting._confusion_matrix import MatchedConfusionMatrixDisplay
from skcollision.plotting._history import HistoryDisplay
from skcollision.plotting._image_gallery import ImageGalleryDisplay
from skcollision.plotting._n_clusters import NClustersDisplay
from skcollision.plotting._search_heat_map import SearchHeatMapDisplay

__all__ = [
    "ClusterMapDisplay",
    "ClusterSizesDisplay",
    "ComparisonDisplay",
    "HistoryDisplay",
    "ImageGalleryDisplay",
    "MatchedConfusionMatrixDisplay",
    "NClustersDisplay",
    "ReliabilityDisplay",
    "RiskCoverageDisplay",
    "SearchHeatMapDisplay",
]
