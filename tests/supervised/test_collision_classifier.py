import pickle

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcollision import CollisionClassifier
from skcollision.datasets import make_embeddings
from skcollision.losses import collision_cross_entropy, soft_cross_entropy

DECAY = 1e-2


@pytest.fixture(scope="module")
def data():
    return make_embeddings(200, 3, 8, spread=1.5, random_state=0)


@pytest.fixture(scope="module")
def soft(data):
    rng = np.random.default_rng(0)
    return 0.5 * np.eye(3)[data[1]] + 0.5 * rng.dirichlet(np.ones(3), len(data[1]))


def fit(X, y, loss="collision", **parameters):
    fitting = {
        name: parameters.pop(name) for name in ("sample_weight", "noise_rate") if name in parameters
    }
    settings = {
        "weight_decay": DECAY,
        "n_init": 2,
        "max_iter": 100,
        "tol": 0.0,
        "random_state": 0,
        **parameters,
    }
    return CollisionClassifier(loss=loss, **settings).fit(X, y, **fitting)


def normalised(X):
    """Return the features as models see them: a row of mean square length has length 1."""
    rows = (X - X.mean(0)).astype(float)
    squares = np.square(rows).sum(1, keepdims=True)
    return rows * np.sqrt(5 / (squares + 4 * squares.mean()))


def gradient(model, X, Y, cross_entropy):
    """Gradient of the documented objective at the fitted weights, by torch's own arithmetic."""
    rows = torch.tensor(normalised(X))
    W, b = (
        torch.tensor(v, dtype=torch.float64, requires_grad=True)
        for v in (model.coef_, model.intercept_)
    )
    loss = cross_entropy(rows @ W.T + b, torch.tensor(Y)) + DECAY / 2 * W.square().sum()
    loss.backward()
    return W.grad.abs().max(), b.grad.abs().max(), loss.item()


@pytest.mark.parametrize(
    ("loss", "cross_entropy"),
    [("collision", collision_cross_entropy), ("shannon", soft_cross_entropy)],
)
def test_it_ends_where_the_objective_is_flat(data, soft, loss, cross_entropy):
    model = fit(data[0], soft, loss, max_iter=400)
    of_weights, of_biases, objective = gradient(model, data[0], soft, cross_entropy)
    assert of_weights < 4e-3
    assert of_biases < 4e-3
    assert model.objective_ == pytest.approx(objective, abs=1e-4)


def test_losses_agree_on_plain_labels_with_logistic_regression(data):
    X, y = data
    models = [fit(X, y, loss, max_iter=400) for loss in ("collision", "shannon")]
    rows = normalised(X)
    reference = LogisticRegression(C=1 / (DECAY * len(X)), tol=1e-8, max_iter=400).fit(rows, y)
    for model in models:
        np.testing.assert_allclose(model.predict_proba(X), reference.predict_proba(rows), atol=0.04)


def test_collision_is_sure_of_what_unsure_labels_agree_on(data):
    X, y = data
    Y = 0.4 * np.eye(3)[y] + 0.2
    collision, shannon = (fit(X, Y, loss, weight_decay=1e-5) for loss in ("collision", "shannon"))
    assert collision.predict_proba(X).max(1).mean() > 0.9
    assert shannon.predict_proba(X).max(1).mean() < 0.7


def test_labels_that_say_nothing_change_nothing_but_for_shannon(data):
    X, y = data
    Y = np.eye(3)[y]
    Y[::2] = 1 / 3
    weight = np.arange(len(X)) % 2.0
    # The same decay a labelled point, and the same normalisation.
    X = np.vstack([X, 2 * X.mean(0) - X])
    Y, weight = np.vstack([Y, np.full_like(Y, 1 / 3)]), np.concatenate([weight, 0 * weight])
    alone = fit(X, Y, sample_weight=weight, weight_decay=4 * DECAY, normalize=False)
    with_others = fit(X, Y, normalize=False)
    np.testing.assert_allclose(alone.predict_proba(X), with_others.predict_proba(X), atol=0.02)
    assert fit(X, Y, "shannon", normalize=False).predict_proba(X).max(1).mean() < 0.6


def test_noise_rates_and_transition_matrices_are_soft_labels(data):
    X, y = data
    rate = np.random.default_rng(1).uniform(size=len(X))
    Y = (1 - rate[:, None]) * np.eye(3)[y] + rate[:, None] / 3
    np.testing.assert_allclose(fit(X, y, noise_rate=rate).coef_, fit(X, Y).coef_, atol=1e-4)
    T = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.0, 0.5, 0.5]])
    columns = (T / T.sum(0)).T[y]
    np.testing.assert_allclose(
        fit(X, y, transition_matrix=T).coef_, fit(X, columns).coef_, atol=1e-4
    )
    uniform = 0.6 * np.eye(3) + 0.4 / 3
    np.testing.assert_allclose(
        fit(X, y, transition_matrix=uniform).coef_, fit(X, y, noise_rate=0.4).coef_, atol=1e-4
    )


def test_a_swap_of_classes_is_undone_by_the_matrix_that_says_so(data):
    X, y = data
    swap = np.eye(3)[[1, 0, 2]]
    model = fit(X, np.array([1, 0, 2])[y], transition_matrix=swap)
    assert model.score(X, y) > 0.9


def test_classes_name_columns_and_labels(data, soft):
    X, y = data
    names = np.array(["c", "a", "b"])
    model = fit(X, soft, classes=names)
    assert list(model.classes_) == ["c", "a", "b"]
    assert model.score(X, names[y]) == fit(X, soft).score(X, y)
    hard = fit(X, names[y], classes=names)
    np.testing.assert_array_equal(hard.predict(X), fit(X, names[y]).predict(X))
    four = CollisionClassifier(classes=["a", "b", "c", "d"], max_iter=5).fit(X, names[y])
    assert four.predict_proba(X).shape == (len(X), 4)


def test_the_score_of_soft_labels_is_the_chance_to_be_right(data, soft):
    X, y = data
    model = fit(X, soft)
    expected = soft[np.arange(len(X)), model.predict(X)].mean()
    assert model.score(X, soft) == pytest.approx(expected)
    assert model.score(X, np.eye(3)[y]) == pytest.approx(model.score(X, y))


def test_a_bad_score_is_one_clear_error(data, soft):
    X, y = data
    model = fit(X, y, max_iter=5)
    for columns in (2, 4):
        with pytest.raises(ValueError, match=rf"each of its 3 classes. Got {columns} columns"):
            model.score(X, np.full((len(X), columns), 1 / columns))
    for labels in (y, soft):
        with pytest.raises(ValueError, match=r"[Nn]egative"):
            model.score(X, labels, sample_weight=-np.ones(len(X)))
        with pytest.raises(ValueError, match="zero"):
            model.score(X, labels, sample_weight=np.zeros(len(X)))
        with pytest.raises(ValueError, match=r"sample_weight\.shape"):
            model.score(X, labels, sample_weight=np.ones(3))


@pytest.mark.parametrize("unit", [1e-320, 1e308])
def test_only_ratios_of_weights_matter_in_scores(data, soft, unit):
    X, y = data
    model, weight = fit(X, y, max_iter=5), 1.0 * np.arange(len(y)).clip(max=1)
    for labels in (y, soft):
        found = model.score(X, labels, sample_weight=unit * weight)
        assert found == pytest.approx(model.score(X, labels, sample_weight=weight))


def test_two_classes_have_one_decision(data):
    X, y = data
    model = fit(X[y < 2], y[y < 2])
    odds = model.predict_log_proba(X)
    np.testing.assert_allclose(model.decision_function(X), odds[:, 1] - odds[:, 0], atol=1e-4)


def test_it_searches_and_pickles_and_repeats(data, soft):
    X, _ = data
    pipeline = make_pipeline(StandardScaler(), CollisionClassifier(max_iter=5, random_state=0))
    search = GridSearchCV(pipeline, {"collisionclassifier__loss": ["collision", "shannon"]}, cv=3)
    best = search.fit(X, soft).best_estimator_
    assert 0.4 < search.best_score_ < 1
    probs = best.predict_proba(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(best)).predict_proba(X), probs)
    np.testing.assert_array_equal(fit(X, soft).coef_, fit(X, soft).coef_)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda Y: 2 * Y, "simplex"),
        (lambda Y: Y - 0.5, "simplex"),
        (lambda Y: np.where(Y.max() == Y, np.nan, Y), "y contains NaN"),
        (lambda Y: Y[:-1], "inconsistent"),
        (lambda Y: Y[:, 0], "Unknown label type"),
        (lambda Y: None, "y is None"),
        (lambda Y: np.resize(np.array(["cat", 1], object), len(Y)), "strings and numbers"),
        (lambda Y: np.resize(np.array(["cat", None], object), len(Y)), "None among its classes"),
        (
            lambda Y: np.resize(np.array(["cat", -1, "dog"]), len(Y)),
            "the string '-1'.* Leave points",
        ),
        (lambda Y: np.full(len(Y), "cat"), "y of CollisionClassifier has one class only, 'cat'"),
    ],
    ids=["sum", "negative", "nan", "few", "regression", "none", "mix", "None", "-1", "one"],
)
def test_bad_labels_are_one_clear_error(data, soft, change, match):
    with pytest.raises(ValueError, match=match):
        fit(data[0], change(soft))


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"loss": "hinge"}, "'loss' parameter"),
        ({"noise_rate": 1.5}, "'noise_rate' parameter"),
        ({"noise_rate": np.nan}, "'noise_rate' parameter"),
        ({"noise_rate": [0.1, 0.2]}, "'noise_rate' parameter"),
        ({"transition_matrix": np.eye(2)}, "'transition_matrix' parameter"),
        ({"transition_matrix": np.full((3, 3), 0.5)}, "'transition_matrix' parameter"),
        ({"transition_matrix": np.eye(3)[[0, 0, 0]]}, "column 1 is zero"),
        ({"transition_matrix": np.eye(3), "noise_rate": 0.1}, "not both"),
        ({"classes": [0, 1]}, "It lacks 2"),
        ({"classes": [0, 1, 1]}, "repetitions"),
        ({"classes": [0]}, "'classes' parameter of CollisionClassifier must have two"),
    ],
    ids=str,
)
def test_bad_parameters_are_named(data, parameters, match):
    with pytest.raises(ValueError, match=match):
        fit(*data, **parameters)


@pytest.mark.parametrize(
    ("parameters", "match"),
    [({"noise_rate": 0.1}, "no place"), ({"classes": ["a", "b"]}, "each of the 3 columns")],
    ids=str,
)
def test_parameters_that_do_not_fit_soft_labels(data, soft, parameters, match):
    with pytest.raises(ValueError, match=match):
        fit(data[0], soft, **parameters)


def test_weights_and_rates_are_routed_and_predictions_written_where_asked(data):
    X, y = data
    with config_context(enable_metadata_routing=True):
        classifier = CollisionClassifier(max_iter=50, random_state=0)
        classifier.set_fit_request(noise_rate=True, sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=True), classifier)
        rate = np.where(np.arange(len(y)) % 2, 0.0, 1.0)
        wrong = np.where(rate == 1, (y + 1) % 3, y)
        pipeline.fit(X, wrong, noise_rate=rate, sample_weight=np.ones(len(y)))
    assert pipeline.score(X, y) > 0.85
    out = np.empty(len(y), dtype=int)
    scaled = pipeline[0].transform(X)
    assert pipeline[-1].predict(scaled, out=out) is out
    np.testing.assert_array_equal(out, pipeline.predict(X))
    with pytest.raises(ValueError, match="'out' array"):
        pipeline[-1].predict(scaled, out=out[1:])
