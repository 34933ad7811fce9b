"""
Classes of unequal size
=======================

Self-labelling needs an idea of how large the clusters are, or it could put all points into one. By
default it *estimates* the proportions, with caution (``prior="estimate"``). How far does that go,
and what if the proportions are known?
"""

# %%
# Three data sets of handwritten digits: sizes that fall by a factor of 4 from the largest class to
# the smallest, by a factor of 10, and one class that is half of all points.

import numpy as np
from sklearn.datasets import load_digits

X, y = load_digits(return_X_y=True)

sizes = {
    "falling to 1/4": np.geomspace(170, 42, 10).astype(int),
    "falling to 1/10": np.geomspace(170, 17, 10).astype(int),
    "one is half": [180] + [20] * 9,
}


def subsample(sizes):
    """Take the first `sizes[digit]` images of each digit."""
    rows = np.concatenate([np.flatnonzero(y == digit)[:size] for digit, size in enumerate(sizes)])
    return X[rows], y[rows]


# %%
# KMeans, and three priors. The last is knowledge about the data that one may have or not: shares of
# the classes in a survey, say, or in an older data set.

import pandas as pd
from sklearn.cluster import KMeans

from skcollision import CollisionClusterer
from skcollision.metrics import clustering_accuracy_score

rows = {}
for name, each in sizes.items():
    X_each, y_each = subsample(each)
    known = np.bincount(y_each) / len(y_each)
    models = {"KMeans": KMeans(10, n_init=10, random_state=0)}
    for prior_name, prior in [("uniform", "uniform"), ("estimate", "estimate"), ("known", known)]:
        models[f"prior: {prior_name}"] = CollisionClusterer(10, prior=prior, random_state=0)
    rows[name] = {
        model_name: clustering_accuracy_score(y_each, model.fit(X_each).labels_)
        for model_name, model in models.items()
    }
accuracy = pd.DataFrame(rows).T
accuracy.round(2)

# %%

import matplotlib.pyplot as plt

axes = accuracy.plot.bar(
    rot=0, width=0.75, color=["0.6", "#cfe2f3", "#6fa8dc", "#0b5394"], figsize=(8, 4)
)
axes.set(xlabel="sizes of the classes", ylabel="accuracy", ylim=(0, 1))
axes.legend(ncols=4, frameon=False)
axes.spines[["top", "right"]].set_visible(False)
plt.tight_layout()
plt.show()

# %%
# What to take from it:
#
# - Equal proportions cut large classes up: do without ``prior="uniform"`` unless classes are equal.
# - The estimate goes some of the way. Where one class dominates it does not go far enough, and
#   KMeans, which knows nothing of sizes, is better.
# - There, knowing the proportions makes the largest difference.
#
# A warning of empty clusters means that the clusterer has given up some of the ten.
