"""
Features to a report, in ten lines
==================================

From a matrix of features to a page that shows what is in each cluster, to look at or to pass on.
"""

# %%
# Each row is a piece of one of two photographs, its features the colours in it.

import numpy as np
from sklearn.datasets import load_sample_images

pieces = np.concatenate(
    [
        photograph[:416].reshape(13, 32, 20, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)
        for photograph in load_sample_images().images
    ]
)
features = pieces.reshape(-1, 4, 8, 4, 8, 3).mean(axis=(2, 4)).reshape(len(pieces), -1)
features.shape

# %%
# These are the lines that it takes. Without ``images`` the page has the numbers of the rows, with
# ``texts`` their texts. ``report.to_html("report.html")`` writes it to a file, which needs no
# network and no other file; ``skcollision report`` does so on the command line.

from skcollision import CollisionClusterer
from skcollision.plotting import ClusterReport

clusterer = CollisionClusterer(n_clusters=4, random_state=0).fit(features)
report = ClusterReport.from_estimator(clusterer, features, images=pieces)
report

# %%
# What it says is there in Python, too:

for cluster in report.clusters:
    print(f"cluster {cluster.name}: {cluster.size} pieces, nearest to {cluster.neighbors[0][0]}")

# %%
# A gallery is the same as a picture:

from skcollision.plotting import ImageGalleryDisplay

display = ImageGalleryDisplay.from_estimator(clusterer, features, pieces)
