"""The recipe of docs/images_and_sentences.md: several feature spaces side by side."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from skcollision import CollisionClusterer
from skcollision.datasets import make_embeddings
from skcollision.metrics import clustering_accuracy_score


def unit_rows():
    return make_pipeline(StandardScaler(with_std=False), Normalizer())


# Side by side as they are, three clusters of the larger space are all there is.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_each_space_says_in_part_is_found_in_both():
    # One space tells the first digit of a class, the other the second, in units of its own.
    y = np.random.default_rng(0).integers(0, 9, 450)
    spaces = []
    for part, unit in ((y // 3, 1.0), (y % 3, 1000.0)):
        points, classes = make_embeddings(1500, 3, 32, spread=0.5, random_state=1)
        pools = [iter(points[classes == k]) for k in range(3)]
        spaces.append(unit * np.array([next(pools[k]) for k in part]))

    def accuracy(X):
        labels = CollisionClusterer(9, random_state=0).fit_predict(X)
        return clustering_accuracy_score(y, labels)

    assert accuracy(np.hstack([unit_rows().fit_transform(X) for X in spaces])) > 0.95
    assert accuracy(np.hstack(spaces)) < 0.7
