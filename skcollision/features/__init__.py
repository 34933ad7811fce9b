"""Features of images from pretrained networks, as a scikit-learn transformer."""

from skcollision.features._embedder import ImageEmbedder
from skcollision.features._images import ImagePreprocessing, image_paths

__all__ = ["ImageEmbedder", "ImagePreprocessing", "image_paths"]
