"""What is in a cluster: its points by certainty, and the terms that tell its texts from others."""

from skcollision.inspection._points import doubtful_points, representative_points
from skcollision.inspection._terms import top_terms

__all__ = ["doubtful_points", "representative_points", "top_terms"]
