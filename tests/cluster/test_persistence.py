"""Saved and loaded again: by pickle, joblib and skops, after any kind of training."""

import copy
import io
import pickle
import pickletools
import re

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning

import skcollision
from skcollision import CollisionClusterer, MutualInfoClusterer
from skcollision.datasets import make_embeddings

N_FEATURES, N_CLUSTERS = 16, 3
NEWER = "99.0"


@pytest.fixture(scope="module")
def X():
    return make_embeddings(400, N_CLUSTERS, N_FEATURES, spread=0.7, random_state=0)[0]


def trained(estimator, X, n_calls):
    """Continue training on rows that are the same in every call."""
    rng = np.random.default_rng(n_calls)
    for _ in range(n_calls):
        estimator.partial_fit(X[rng.permutation(len(X))[:200]])
    return estimator


def joblib_round_trip(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return joblib.load(file)


def tampered(estimator, change):
    """Load `estimator` with its saved state changed."""
    state = estimator.__getstate__()
    change(state)
    loaded = type(estimator).__new__(type(estimator))
    loaded.__setstate__(state)
    return loaded


@pytest.fixture(scope="module")
def fitted(X):
    return CollisionClusterer(N_CLUSTERS, max_iter=3, random_state=0).fit(X)


@pytest.mark.filterwarnings("ignore:.*ended empty:sklearn.exceptions.ConvergenceWarning")
class TestTrainingGoesOn:
    """Bit for bit, as if it had never been saved."""

    @pytest.fixture(autouse=True)
    def early_estimates(self, monkeypatch):
        monkeypatch.setattr("skcollision.engine._trainer.START_STEPS", 10)

    def check(self, model, X):
        others = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
        models = [trained(each, X, 6) for each in (model, *others)]
        for other in models[1:]:
            for name in ("coef_", "intercept_", "labels_", "class_prior_", "objective_"):
                np.testing.assert_array_equal(getattr(other, name), getattr(model, name), name)

    def test_after_fit(self, clusterer_class, X):
        model = clusterer_class(N_CLUSTERS, prior="estimate", batch_size=100, max_iter=2, n_init=2)
        self.check(model.set_params(random_state=0).fit(X), X)

    @pytest.mark.parametrize("prior", ["uniform", "estimate"])
    @pytest.mark.parametrize("optimizer", ["adam", "sgd"])
    def test_after_partial_fit(self, X, prior, optimizer):
        # Batches are drawn, from a generator whose state must be kept too.
        generator = np.random.RandomState(np.random.PCG64(0))
        model = MutualInfoClusterer(
            N_CLUSTERS, prior=prior, optimizer=optimizer, batch_size=100, random_state=generator
        )
        self.check(trained(model, X, 3), X)


@pytest.mark.parametrize("round_trip", [joblib_round_trip, copy.copy])
def test_other_ways_to_copy(fitted, X, round_trip):
    before = fitted.coef_.copy()
    loaded = round_trip(fitted)
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    expected = trained(copy.deepcopy(fitted), X, 2).coef_
    np.testing.assert_array_equal(trained(loaded, X, 2).coef_, expected)
    # Training one has not moved the other.
    np.testing.assert_array_equal(fitted.coef_, before)
    np.testing.assert_array_equal(fitted._trainer.heads.numpy()[0][0], before)


def test_a_state_stays_as_it_was_taken(fitted, X):
    model = trained(copy.deepcopy(fitted), X, 1)
    state = model.__getstate__()["_trainer"]
    arrays = [state["heads"]["columns"], state["optimizer"]["mean"]]
    before = [array.copy() for array in arrays]
    trained(model, X, 1)
    np.testing.assert_array_equal(arrays, before)


def test_saved_are_plain_data(fitted):
    words = [arg for _, arg, _ in pickletools.genops(pickle.dumps(fitted)) if isinstance(arg, str)]
    modules = {word for word in words if re.match(r"(torch|skcollision)\b", word)}
    # What users import; no private class of the engine, and nothing of torch.
    assert modules == {"skcollision.cluster._collision", "skcollision.criteria._self_labelling"}


def test_size_does_not_grow_with_the_data_but_for_labels_and_certainties(fitted, X):
    many = clone(fitted).fit(np.tile(X, (10, 1)))
    growth = len(pickle.dumps(many)) - len(pickle.dumps(fitted))
    kept = [each.labels_.nbytes + each.probabilities_.nbytes for each in (many, fitted)]
    assert growth == pytest.approx(kept[0] - kept[1], abs=200)


def test_unfitted(X):
    model = CollisionClusterer(N_CLUSTERS, lam=7.0)
    assert pickle.loads(pickle.dumps(model)).get_params() == model.get_params()


def test_an_interrupted_fit_can_be_saved(X, monkeypatch):
    monkeypatch.delattr("skcollision.engine.Trainer.run")
    model = CollisionClusterer(N_CLUSTERS)
    with pytest.raises(AttributeError, match="run"):
        model.fit(X)
    assert pickle.loads(pickle.dumps(model)).n_features_in_ == N_FEATURES


def test_another_version_warns(fitted, X, monkeypatch):
    saved = pickle.dumps(fitted)
    monkeypatch.setattr("skcollision._persistence.__version__", NEWER)
    with pytest.warns(InconsistentVersionWarning) as caught:
        loaded = pickle.loads(saved)
    assert len(caught) == 1
    message = str(caught[0].message)
    assert all(word in message for word in ("CollisionClusterer", skcollision.__version__, NEWER))
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))
    # It is saved as this version's, and warns no more.
    pickle.loads(pickle.dumps(loaded))


def test_no_version_warns(fitted):
    with pytest.warns(InconsistentVersionWarning, match="unknown"):
        tampered(fitted, lambda state: state.pop("_skcollision_version"))


@pytest.mark.parametrize(
    ("missing", "change"),
    [
        ("lam", lambda state: state.pop("lam")),
        ("intercept_", lambda state: state.pop("intercept_")),
        ("_normalisation", lambda state: state.pop("_normalisation")),
        ("scale", lambda state: state["_normalisation"].pop("scale")),
        ("n_steps", lambda state: state["_trainer"].pop("n_steps")),
        ("criterion", lambda state: state["_trainer"].pop("criterion")),
        ("tol", lambda state: state["_trainer"]["settings"].pop("tol")),
        ("momentum", lambda state: state["_trainer"]["settings"].update(momentum=0.9)),
    ],
)
def test_a_missing_piece_is_one_clear_error(fitted, missing, change):
    message = rf"CollisionClusterer, saved by skcollision \S+, .*{missing}.*fit it again"
    with pytest.raises(ValueError, match=message):
        tampered(fitted, change)
