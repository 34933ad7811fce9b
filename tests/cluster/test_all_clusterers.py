"""The contract that all clusterers share; `clusterer_class` is each of them in turn."""

import inspect
import pickle
import re

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline

import skcollision
from skcollision import CollisionClusterer, MutualInfoClusterer, SeLaClusterer
from skcollision.cluster import BaseSelfLabellingClusterer
from skcollision.datasets import make_embeddings
from skcollision.metrics import clustering_accuracy_score

SHARED = list(BaseSelfLabellingClusterer._parameter_constraints)


@pytest.fixture(scope="module")
def data():
    return make_embeddings(150, 3, 16, spread=0.7, random_state=0)


@pytest.fixture(scope="module")
def make(clusterer_class):
    """Short fits: three clusters far apart need no more."""
    return lambda **parameters: clusterer_class(
        **{"n_clusters": 3, "n_init": 2, "max_iter": 100, "random_state": 0, **parameters}
    )


@pytest.fixture(scope="module")
def fitted(make, data):
    return make().fit(data[0])


def default(cls, name):
    return inspect.signature(cls).parameters[name].default


def documented(cls, section):
    """Names of the entries in a section of a numpydoc docstring."""
    body = re.split(rf"^{section}\n-+\n", inspect.cleandoc(cls.__doc__), flags=re.MULTILINE)[1]
    body = re.split(r"^.*\n-{3,}$", body, maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^(\w+) : .*\n    \S", body, flags=re.MULTILINE)


def test_it_is_exported_where_users_look(clusterer_class):
    assert getattr(skcollision, clusterer_class.__name__) is clusterer_class
    assert clusterer_class.__name__ in dir(skcollision)


def test_shared_parameters_have_the_same_defaults(clusterer_class):
    own = {"fairness_weight", "prior"}  # those of each method's authors
    if clusterer_class is MutualInfoClusterer:
        own.add("schedule")  # it is flat where the other methods' high initial decay begins
    shared = [name for name in SHARED if name not in own]
    expected = {name: default(CollisionClusterer, name) for name in shared}
    assert {name: default(clusterer_class, name) for name in shared} == expected


def test_every_parameter_and_attribute_is_documented(clusterer_class, fitted):
    everyday, others = (
        documented(clusterer_class, title) for title in ("Parameters", "Other Parameters")
    )
    assert sorted(everyday + others) == sorted(inspect.signature(clusterer_class).parameters)
    assert len(everyday) == 10
    assert {"n_clusters", "n_init", "prior", "random_state"} <= set(everyday)
    attributes = [name for name in vars(fitted) if name.endswith("_") and name[0] != "_"]
    assert set(attributes) <= set(documented(clusterer_class, "Attributes"))


def test_defaults_in_the_docstring_are_those_of_the_signature(clusterer_class):
    doc = inspect.cleandoc(clusterer_class.__doc__)
    for name in inspect.signature(clusterer_class).parameters:
        stated = re.search(rf"^{name} : .*default=(.*)$", doc, flags=re.MULTILINE)[1]
        value = default(clusterer_class, name)
        assert stated.strip('"') == str(value) or float(stated) == value


def test_a_user_of_kmeans_is_told_where_the_elbow_is(fitted):
    assert not hasattr(fitted, "inertia_")
    with pytest.raises(AttributeError, match=r"'inertia_'.*NClustersSearch"):
        _ = fitted.inertia_


def test_every_parameter_is_constrained(clusterer_class):
    assert set(clusterer_class._parameter_constraints) == set(
        inspect.signature(clusterer_class).parameters
    )


def test_it_finds_the_clusters_with_defaults(clusterer_class, data):
    labels = clusterer_class(3, random_state=0).fit_predict(data[0])
    assert clustering_accuracy_score(data[1], labels) > 0.95


def test_predictions_agree_with_each_other(data, fitted):
    X, _ = data
    probs = fitted.predict_proba(X)
    np.testing.assert_array_equal(fitted.labels_, fitted.predict(X))
    np.testing.assert_array_equal(fitted.labels_, probs.argmax(1))
    np.testing.assert_array_equal(fitted.transform(X), probs)
    np.testing.assert_allclose(fitted.class_prior_, 1 / 3)
    assert np.isfinite(fitted.objective_)
    assert 0 <= fitted.duality_gap_ < 0.1
    curves = fitted.history_
    assert curves["objective"].shape == curves["duality_gap"].shape == (fitted.n_iter_, 2)
    assert all(np.isfinite(curve).all() for curve in curves.values())


def test_clone_and_pickle(data, fitted):
    X, _ = data
    restored = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(restored.predict_proba(X), fitted.predict_proba(X))
    np.testing.assert_array_equal(clone(fitted).fit(X).coef_, fitted.coef_)


def test_both_precisions_find_the_same_clusters(make, data, fitted):
    X, _ = data
    double = make().fit(X.astype(np.float64))
    for model, dtype in ((fitted, np.float32), (double, np.float64)):
        assert model.coef_.dtype == model.cluster_centers_.dtype == dtype
        assert model.predict_proba(X.astype(dtype)).dtype == dtype
    assert adjusted_rand_score(double.labels_, fitted.labels_) > 0.97


def test_scale_and_shift_do_not_change_the_clusters(make, data, fitted):
    moved = make().fit(1e3 * data[0] + 1e3)
    assert adjusted_rand_score(moved.labels_, fitted.labels_) > 0.97


def test_labels_are_never_learned_from(make, data, fitted):
    X, _ = data
    np.testing.assert_array_equal(make().fit(X, np.arange(len(X)) % 3).coef_, fitted.coef_)


def test_weights_stand_for_copies(make, data):
    X, _ = data
    weight = np.arange(len(X)) % 3
    # Copies would be neighbours of each other.
    weighted = make(n_neighbors=0).fit(X, sample_weight=weight)
    copied = make(n_neighbors=0).fit(np.repeat(X, weight, axis=0))
    # SeLa rounds labels, and with them the solver's last digits.
    least = 0.8 if isinstance(weighted, SeLaClusterer) else 0.97
    assert adjusted_rand_score(weighted.predict(X), copied.predict(X)) > least
    assert weighted.objective_ == pytest.approx(copied.objective_, abs=0.02)


@pytest.mark.filterwarnings("ignore:.*ended empty:sklearn.exceptions.ConvergenceWarning")
def test_predictions_have_the_proportions_of_the_prior(make, data):
    prior = np.array([0.45, 0.3, 0.25])
    clusterer = make(prior=prior, fairness_weight=20.0).fit(data[0])
    np.testing.assert_allclose(clusterer.class_prior_, prior)
    np.testing.assert_allclose(clusterer.predict_proba(data[0]).mean(0), prior, atol=0.05)


def test_partial_fit_refines(make, data, fitted):
    X, y = data
    clusterer = make()
    for _ in range(50):
        clusterer.partial_fit(X)
    assert clustering_accuracy_score(y, clusterer.labels_) > 0.95
    refined = pickle.loads(pickle.dumps(fitted)).partial_fit(X)
    assert (refined.coef_ != fitted.coef_).any()
    assert adjusted_rand_score(refined.labels_, fitted.labels_) > 0.97


@pytest.mark.filterwarnings("ignore:.*ended empty:sklearn.exceptions.ConvergenceWarning")
def test_more_clusters_than_points_tell_apart_stay_finite(make):
    X = np.repeat(np.random.default_rng(0).normal(size=(3, 5)), 20, axis=0)
    clusterer = make(n_clusters=6, max_iter=30).fit(X)
    assert np.isfinite(clusterer.cluster_centers_).all()
    assert np.isfinite(clusterer.predict_log_proba(X)).all()


def test_one_cluster_is_trivial(make, data):
    clusterer = make(n_clusters=1, max_iter=5).fit(data[0])
    assert not clusterer.labels_.any()
    np.testing.assert_allclose(clusterer.predict_proba(data[0]), 1)


def test_features_out_are_named_after_it(make, clusterer_class, data):
    pandas = pytest.importorskip("pandas")
    frame = make_pipeline(make(max_iter=5)).set_output(transform="pandas").fit_transform(data[0])
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == [f"{clusterer_class.__name__.lower()}{k}" for k in range(3)]


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_clusters": 0},
        {"lam": -1.0},
        {"lam": float("nan")},
        {"fairness_weight": -1.0},
        {"fairness_weight": float("inf")},
        {"solver_tol": 0.0},
        {"solver_max_iter": 0},
        {"prior": [0.5, 0.5]},
        {"prior": [0.6, 0.6, -0.2]},
        {"prior": [0.5, 0.4, 0.3]},
        {"prior": ["a", "b", "c"]},
        {"prior": "balanced"},
        {"weight_decay": -1.0},
        {"optimizer": "lbfgs"},
        {"schedule": "step"},
        {"tol": -1.0},
    ],
    ids=str,
)
def test_bad_parameters_are_named(make, clusterer_class, data, parameters):
    name = next(iter(parameters))
    if name not in inspect.signature(clusterer_class).parameters:
        with pytest.raises(TypeError, match=name):
            make(**parameters)
        return
    with pytest.raises(ValueError, match=f"'{name}' parameter of {clusterer_class.__name__}"):
        make(**parameters).fit(data[0])


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (lambda X: np.where(np.eye(*X.shape) > 0, np.nan, X), ValueError),
        (lambda X: X[:2], ValueError),
        (np.ones_like, ValueError),
        (sparse.csr_array, TypeError),
    ],
    ids=["nan", "few", "constant", "sparse"],
)
def test_bad_data_is_one_clear_error(make, data, bad, error):
    with pytest.raises(error, match=r"X|dense"):
        make().fit(bad(data[0]))
