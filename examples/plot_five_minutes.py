"""
Five-minute guide
=================

From features to clusters, and what to look at then: first with images, then with sentences. A
picture follows every step.

There is no release on PyPI yet. In a clone of the repository, with Python 3.11 to 3.13, run::

    pip install '.[plot]'

``plot`` adds matplotlib, for the pictures. A wheel that was built elsewhere will do, too:
``pip install FILE.whl``.
"""

# %%
# Fit
# ---
# Features are the numbers that describe an image or a sentence, best of all *embeddings*, which a
# pretrained network computes: :doc:`how to get them </images_and_sentences>`. Here the pixels of
# small pictures of handwritten digits stand in. Give the matrix, one row a picture, and the number
# of clusters. Nothing else has to be set, and nothing has to be scaled beforehand.
#
# The very first fit on a computer compiles for some seconds, and says so in one line; later ones
# find the result on disk.

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from skcollision import CollisionClusterer
from skcollision.plotting import ImageGalleryDisplay

digits = load_digits()
X = digits.data  # 1797 pictures, 64 pixels each

clusterer = CollisionClusterer(n_clusters=10, random_state=0).fit(X)
print("clusters of the first ten pictures:", clusterer.labels_[:10])

# %%
# What is in the clusters? A row is a cluster. On the left are the pictures that are most certainly
# in it, on the right those that are least.

ImageGalleryDisplay.from_estimator(clusterer, X, 16 - digits.images)
plt.show()

# %%
# How sure is it?
# ---------------
# Each point has a probability for each cluster, and so has each new point. The largest one is its
# *certainty*. :doc:`How far to believe it </calibration>` has a page of its own.

probability = clusterer.predict_proba(X)  # of shape (1797, 10)
certainty = probability.max(axis=1)
print("to look at first:", certainty.argsort()[:8])

# %%
# On a map, the less certain a picture is, the paler is its point. The names are the numbers of the
# clusters, not the digits.

from skcollision.plotting import ClusterMapDisplay

ClusterMapDisplay.from_estimator(clusterer, X, coordinates="tsne")
plt.show()

# %%
# Is it any good?
# ---------------
# The fit saw no label, and it would not have looked: ``fit(X, y)`` ignores y. If you know the
# classes of some points, hold the clusters against them. Each cluster is matched with one class;
# what lies off the diagonal is wrong.

from skcollision.metrics import clustering_accuracy_score
from skcollision.plotting import MatchedConfusionMatrixDisplay

print(f"{clustering_accuracy_score(digits.target, clusterer.labels_):.0%} are right")
MatchedConfusionMatrixDisplay.from_estimator(clusterer, X, digits.target)
plt.show()

# %%
# Has it settled?
# ---------------
# Without classes, fit once more with another seed, and hold one result against the other. If both
# find the same clusters, these are no accident of the start. Where the table has much off its
# diagonal, another number of clusters may suit the data better, or there may be no clear clusters.
# It does not say that the clusters are those you had in mind.

again = CollisionClusterer(n_clusters=10, random_state=1).fit(X)
display = MatchedConfusionMatrixDisplay.from_predictions(clusterer.labels_, again.labels_)
agreement = clustering_accuracy_score(clusterer.labels_, again.labels_)
display.ax_.set(
    title=f"{agreement:.0%} are in the same cluster", ylabel="first fit", xlabel="second fit"
)
plt.show()

# %%
# How many clusters?
# ------------------
# If you do not know the number, :class:`~skcollision.model_selection.NClustersSearch` makes a
# guess. It is near on most data, not on all: :doc:`How many clusters? </choosing_k>`

from skcollision.model_selection import NClustersSearch
from skcollision.plotting import NClustersDisplay

search = NClustersSearch(random_state=0).fit(X)
NClustersDisplay.from_estimator(search)
plt.show()

# %%
# Sentences
# ---------
# Sentences need features, too. Here they are weighted counts of words, which need no network;
# the model of sentence-transformers makes better ones. The sentences say what functions of SciPy
# do. It all goes into one pipeline, since the clusterer is an estimator like any of scikit-learn's.

import inspect

from scipy import linalg, ndimage, optimize, signal, stats
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

packages = [linalg, ndimage, optimize, signal, stats]
members = [getattr(package, name) for package in packages for name in package.__all__]
docs = [inspect.getdoc(member) or "" for member in members if inspect.isroutine(member)]
sentences = [doc.split("\n\n")[0].replace("\n", " ") for doc in docs if doc]

topics = make_pipeline(
    TfidfVectorizer(stop_words="english", sublinear_tf=True),
    TruncatedSVD(50, random_state=0),
    CollisionClusterer(n_clusters=8, random_state=0),
).fit(sentences)

# %%
# The terms that tell each cluster from the others:

from skcollision.inspection import top_terms

labels = topics.predict(sentences)
terms = top_terms(sentences, labels, n_terms=3)
for cluster, words in enumerate(terms):
    print(f"{(labels == cluster).sum():4} sentences: {', '.join(words)}")

# %%
# And how many sentences each has, beside the shares that the fit estimated and aimed at:

from skcollision.plotting import ClusterSizesDisplay

ClusterSizesDisplay.from_estimator(topics, sentences)
plt.show()

# %%
# A page to pass on
# -----------------
# A report says what is in each cluster: its size, terms, certainty and neighbours, its typical
# points and its doubtful ones. At the end stand the points that may be wrong.
# ``report.to_html("topics.html")`` writes it to a file that needs no network, and
# ``skcollision report`` does so on the command line.

from skcollision.plotting import ClusterReport

report = ClusterReport.from_estimator(topics, sentences, texts=sentences, n_points=2)
report

# %%
# When not to use it
# ------------------
# - Where one class is most of the data and its share is unknown: see
#   :doc:`Classes of unequal size </imbalance>`.
# - Where most neighbours of a point belong to other clusters, the neighbours do harm;
#   ``n_neighbors=0`` leaves them out.
# - Where a fit must be as quick as KMeans on a small data set.
# - On sparse matrices: reduce them first, as ``TruncatedSVD`` did above.
#
# Next: :doc:`what changes for users of KMeans </coming_from_kmeans>`, the
# :doc:`user guide </user_guide>`, or another :doc:`example </auto_examples/index>`.
