"""Pictures of clusterings; they need matplotlib, the extra "plot", and a page needs none of it.

The ``from_`` methods of each display compute, draw and return it; ``plot`` draws it once more,
elsewhere. Artists are attributes, for changes to the picture: ``ax_`` and ``figure_`` are the axes,
or those of all panels, and the figure, and each class lists its others.
"""

from skcollision.plotting._certainty import ReliabilityDisplay, RiskCoverageDisplay
from skcollision.plotting._comparison import ComparisonDisplay
from skcollision.plotting._gallery import ImageGalleryDisplay
from skcollision.plotting._heat_map import SearchHeatMapDisplay
from skcollision.plotting._maps import ClusterMapDisplay
from skcollision.plotting._report import ClusterReport, ClusterSummary
from skcollision.plotting._searches import HistoryDisplay, NClustersDisplay
from skcollision.plotting._sizes import ClusterSizesDisplay, MatchedConfusionMatrixDisplay

__all__ = [
    "ClusterMapDisplay",
    "ClusterReport",
    "ClusterSizesDisplay",
    "ClusterSummary",
    "ComparisonDisplay",
    "HistoryDisplay",
    "ImageGalleryDisplay",
    "MatchedConfusionMatrixDisplay",
    "NClustersDisplay",
    "ReliabilityDisplay",
    "RiskCoverageDisplay",
    "SearchHeatMapDisplay",
]
