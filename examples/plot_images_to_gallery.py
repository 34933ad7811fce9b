"""
Images to a labelled gallery, in ten lines
==========================================

Images are clustered; a few labels then give clusters their names.
"""

# %%
# The images are handwritten digits, with their pixels as features. For photographs, features come
# from a network: :doc:`From photographs to clusters </auto_examples/plot_photographs>`. Someone has
# labelled the first hundred images.

from sklearn.datasets import load_digits

digits = load_digits()
images, features = 16 - digits.images, digits.data
some_labels = digits.target[:100]

# %%
# These are the ten lines. The fit sees no label;
# :func:`~skcollision.metrics.match_labels` finds the label of each cluster.

from skcollision import CollisionClusterer
from skcollision.metrics import match_labels
from skcollision.plotting import ImageGalleryDisplay

clusterer = CollisionClusterer(n_clusters=10, random_state=0).fit(features)
certainty = clusterer.predict_proba(features)
matched = match_labels(some_labels, clusterer.labels_[:100]).to_dict()
names = [f"digit {matched.get(cluster, '?')}" for cluster in range(10)]
display = ImageGalleryDisplay.from_predictions(images, certainty, names=names)

# %%
# On the right of each row are the images that are worth a look, with their certainty. Against the
# labels of all images:

from skcollision.metrics import clustering_accuracy_score

print(f"{clustering_accuracy_score(digits.target, clusterer.labels_):.0%} are right")
