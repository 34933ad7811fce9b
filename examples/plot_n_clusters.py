"""
How many clusters?
==================

:class:`~skcollision.model_selection.NClustersSearch` scores numbers of clusters without labels: it
merges small parts of the neighbour graph one by one, and asks how seldom walks leave what they are
merged to.
"""

# %%
# Handwritten digits, of which there are ten. All numbers up to a twentieth of the number of points
# are tried, at the cost of one or two fits.

from sklearn.datasets import load_digits

from skcollision.model_selection import NClustersSearch

X, y = load_digits(return_X_y=True)
search = NClustersSearch(random_state=0).fit(X)
search.best_n_clusters_

# %%
# The whole curve says more than its highest point: several numbers may be nearly as good. Finer
# clusters say more, and so raise the curve as long as walks seldom leave them.

import matplotlib.pyplot as plt

from skcollision.plotting import NClustersDisplay

NClustersDisplay.from_estimator(search)
plt.show()

# %%
# The search is itself a clusterer, fitted to all points with the number that it chose.

from skcollision.metrics import normalized_mutual_info_score

print(f"NMI with the digits: {normalized_mutual_info_score(y, search.labels_):.3f}")
