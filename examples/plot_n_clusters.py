"""
How many clusters?
==================

:class:`~skcollision.model_selection.NClustersSearch` tries numbers of clusters without labels: it
cuts the data into halves, clusters both, and asks how much the two clusterings agree on.
"""

# %%
# Handwritten digits, of which there are ten. To be quick, each number is tried on one cut only; the
# default is three.

from sklearn.datasets import load_digits

from skcollision.model_selection import NClustersSearch

X, y = load_digits(return_X_y=True)
search = NClustersSearch(n_clusters=[2, 4, 6, 8, 10, 12, 15, 20], n_resamples=1, random_state=0)
search.fit(X)
search.best_n_clusters_

# %%
# The whole curve says more than its highest point: several numbers may be nearly as good, and the
# answer is an order of magnitude. Finer clusters say more, and so raise the curve as long as the
# halves agree on them.

import matplotlib.pyplot as plt

from skcollision.plotting import NClustersDisplay

NClustersDisplay.from_estimator(search)
plt.show()

# %%
# The search is itself a clusterer, fitted to all points with the number that it chose.

from skcollision.metrics import normalized_mutual_info_score

print(f"NMI with the digits: {normalized_mutual_info_score(y, search.labels_):.3f}")
