"""Features of images from pretrained networks, as a scikit-learn transformer."""

from skcollision.features._embedder import ImageEmbedder
from skcollision.features._images import image_paths
from skcollision.features._preprocessing import ImagePreprocessing

__all__ = ["ImageEmbedder", "ImagePreprocessing", "image_paths"]
