"""Feature matrices that do not fit in memory, or lie on several ranks."""

from skcollision.blocks._feature_blocks import FeatureBlocks
from skcollision.blocks._shards import ShardedRows

__all__ = ["FeatureBlocks", "ShardedRows"]
