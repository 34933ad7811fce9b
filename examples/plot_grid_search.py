"""
Searching over λ and the fairness weight
========================================

There is nothing to tune in :class:`~skcollision.CollisionClusterer` on ordinary embeddings. Whoever
wants to see that, or has unusual data, can use scikit-learn's searches.
"""

# %%
# `lam` is how strictly pseudo-labels fill the clusters, and `fairness_weight` how strictly
# predictions do. Each pair is fitted to two thirds of the points and scored on the last third by
# two scorers: clustering accuracy, which needs labels, and one that does not, how much the cluster
# of a point tells of those of its neighbours. The fits never see a label. With two restarts
# they are quicker than by default.

from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from skcollision import CollisionClusterer
from skcollision.metrics import get_scorer

X, y = load_digits(return_X_y=True)
X, y = X[:600], y[:600]

search = GridSearchCV(
    CollisionClusterer(n_clusters=10, n_init=2, random_state=0),
    {"lam": [1, 10, 100], "fairness_weight": [0.0, 1.0, 3.0]},
    scoring={name: get_scorer(name) for name in ["clustering_accuracy", "neighbor_info"]},
    refit="neighbor_info",
    cv=3,
).fit(X, y)
search.best_params_

# %%
# A difference between two cells is worth looking at where it is larger than the spread over the
# folds, which stands below each mean.

import matplotlib.pyplot as plt

from skcollision.plotting import SearchHeatMapDisplay

figure, panels = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for panel, metric in zip(panels, search.scorer_, strict=True):
    SearchHeatMapDisplay.from_estimator(search, metric=metric, ax=panel)
plt.show()

# %%
# ``scoring="clustering_accuracy"`` is not one of scikit-learn's names;
# :func:`~skcollision.metrics.get_scorer` looks up ours and theirs. The
# :doc:`user guide </choosing_parameters>` says which scores can be trusted without labels.
