import inspect

import numpy as np
import pytest
import skops.io
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skops.io.exceptions import UntrustedTypesFoundException

import skcollision.cluster
from skcollision import (
    CollisionClassifier,
    CollisionClusterer,
    SemiSupervisedCollisionClassifier,
)
from skcollision.cluster import BaseSelfLabellingClusterer
from skcollision.datasets import make_embeddings
from skcollision.export import skops_trusted_types, to_sklearn

EXPORTED = [getattr(skcollision.cluster, name) for name in skcollision.cluster.__all__]
CLUSTERERS = [
    each for each in EXPORTED if inspect.isclass(each) and each is not BaseSelfLabellingClusterer
]


@pytest.fixture(scope="module")
def X():
    return make_embeddings(200, 3, 16, spread=0.7, random_state=0)[0]


@pytest.mark.parametrize("clusterer_class", CLUSTERERS)
@pytest.mark.filterwarnings("ignore:.*ended empty:sklearn.exceptions.ConvergenceWarning")
def test_training_goes_on_bit_for_bit(clusterer_class, X):
    # As much state as there can be: a generator, drawn batches, proportions that are followed.
    generator = np.random.RandomState(0)
    clusterer = clusterer_class(3, prior="estimate", batch_size=100, random_state=generator)
    for _ in range(3):
        clusterer.partial_fit(X)
    saved = skops.io.dumps(Pipeline([("scale", StandardScaler()), ("cluster", clusterer)]))
    assert set(skops.io.get_untrusted_types(data=saved)) <= set(skops_trusted_types())
    loaded = skops.io.loads(saved, trusted=skops_trusted_types())[-1]
    for each in (clusterer, loaded):
        each.partial_fit(X)
    np.testing.assert_array_equal(loaded.coef_, clusterer.coef_)
    np.testing.assert_array_equal(loaded.labels_, clusterer.labels_)


@pytest.mark.parametrize("kind", [CollisionClassifier, SemiSupervisedCollisionClassifier])
def test_classifiers_are_saved_too(kind, X):
    y = np.where(X[:, 0] > 0, "right", "left")
    classifier = kind(max_iter=5, random_state=0).fit(X, y)
    loaded = skops.io.loads(skops.io.dumps(classifier), trusted=skops_trusted_types())
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))


def test_nothing_is_trusted_unless_told(X):
    saved = skops.io.dumps(CollisionClusterer(3, max_iter=20, random_state=0).fit(X))
    with pytest.raises(UntrustedTypesFoundException, match="CollisionClusterer"):
        skops.io.loads(saved)


def test_trusted_are_classes_of_this_package():
    names = skops_trusted_types()
    assert len(set(names)) == len(names) >= 2 * len(CLUSTERERS)
    packages = ("skcollision.cluster.", "skcollision.criteria.", "skcollision.supervised.")
    assert all(name.startswith(packages) for name in names)


def test_the_exported_pipeline_needs_no_trust(X):
    saved = skops.io.dumps(to_sklearn(CollisionClusterer(3, max_iter=20, random_state=0).fit(X)))
    assert not skops.io.get_untrusted_types(data=saved)
