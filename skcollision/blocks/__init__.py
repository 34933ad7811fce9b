"""Feature matrices that do not fit in memory, read block by block."""

from skcollision.blocks._feature_blocks import FeatureBlocks

__all__ = ["FeatureBlocks"]
