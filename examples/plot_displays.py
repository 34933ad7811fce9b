"""
Pictures of a clustering
========================

Every Display of :mod:`skcollision.plotting` on handwritten digits: what the fit did, what the
clusters hold, how far their certainty can be trusted, and what other clusterers make of the same
points. Classes serve only to judge; no fit sees them.
"""

# %%
# The fit
# -------
# Objective and entropy of the mean prediction, of all restarts over the epochs. The objective falls
# to the end, as weight decay comes down with the learning rate; so it does not tell whether the fit
# has settled, but a second fit with another seed does. The entropy shows how equal clusters are.

# sphinx_gallery_thumbnail_number = 7
import matplotlib.pyplot as plt
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skcollision import CollisionClusterer
from skcollision.model_selection import NClustersSearch
from skcollision.plotting import (
    ClusterMapDisplay,
    ClusterSizesDisplay,
    ComparisonDisplay,
    HistoryDisplay,
    ImageGalleryDisplay,
    MatchedConfusionMatrixDisplay,
    NClustersDisplay,
    ReliabilityDisplay,
    RiskCoverageDisplay,
    SearchHeatMapDisplay,
)

digits = load_digits()
X, y = digits.data, digits.target
clusterer = CollisionClusterer(n_clusters=10, random_state=0).fit(X)
HistoryDisplay.from_estimator(clusterer)
plt.show()

# %%
# The clusters
# ------------
# Images first: of each cluster the six most certain and the six least certain.

ImageGalleryDisplay.from_estimator(clusterer, X, digits.images)
plt.show()

# %%
# Their sizes, beside the proportions that the fit has estimated and aimed at.

ClusterSizesDisplay.from_estimator(clusterer, X)
plt.show()

# %%
# A map: the less certain a point, the more transparent. Two of 64 dimensions show only so much;
# coordinates of t-SNE or UMAP can be given instead.

ClusterMapDisplay.from_estimator(clusterer, X)
plt.show()

# %%
# Against known classes
# ---------------------
# Each cluster stands in the column of the class it is matched with.

MatchedConfusionMatrixDisplay.from_estimator(clusterer, X, y)
plt.show()

# %%
# Is a certainty of 80 % right in 80 % of the cases, and are the more certain points more often
# right? Both pictures take several clusterers on the same axes. One of them here is a pipeline.

pipeline = make_pipeline(PCA(10), CollisionClusterer(n_clusters=10, random_state=0)).fit(X)
_, (left, right) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
for name, each in {"64 features": clusterer, "10 components": pipeline}.items():
    ReliabilityDisplay.from_estimator(each, X, y, name=name, ax=left)
    RiskCoverageDisplay.from_estimator(each, X, y, name=name, ax=right)
plt.show()

# %%
# Beside other clusterers
# -----------------------
# Clusters have the name and colour of the class they are matched with; one without a class has its
# own name, in brackets, and what HDBSCAN calls noise is grey.

others = [KMeans(n_clusters=10, n_init=10, random_state=0), HDBSCAN(min_cluster_size=20, copy=True)]
ComparisonDisplay.from_estimators([clusterer, *(each.fit(X) for each in others)], X, y)
plt.show()

# %%
# Searches
# --------
# Scores over two parameters of a search, the best one framed. Without labels the score is the
# mutual information of points held out, in nats. Short fits keep this example quick.

short = CollisionClusterer(n_clusters=10, n_init=1, max_iter=30, random_state=0)
grid = {"lam": [1, 10, 100], "fairness_weight": [1.0, 2.0, 4.0]}
search = GridSearchCV(short, grid, cv=2).fit(X)
SearchHeatMapDisplay.from_estimator(search, "lam", "fairness_weight")
plt.show()

# %%
# And how well clusters of each number stand apart, read from the neighbour graph.

search = NClustersSearch(random_state=0).fit(X)
NClustersDisplay.from_estimator(search)
plt.show()
