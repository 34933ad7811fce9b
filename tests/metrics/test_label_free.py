import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans

from skcollision import CollisionClusterer
from skcollision.datasets import make_embeddings
from skcollision.metrics import (
    AgreementScorer,
    MutualInfoScorer,
    NeighborInfoScorer,
    ObjectiveScorer,
    get_scorer,
    get_scorer_names,
)

SCORERS = [AgreementScorer(), MutualInfoScorer(), NeighborInfoScorer(), ObjectiveScorer()]
NAMES = [
    "held_out_mutual_info",
    "information",
    "neg_held_out_objective",
    "neighbor_info",
    "resample_agreement",
    "stability",
]


class Given(BaseEstimator):
    """Predicts what the columns of X after the first two say, whatever it was fitted to."""

    def fit(self, X, y=None, sample_weight=None):
        return self

    def predict_proba(self, X):
        return X[:, 2:]

    def predict(self, X):
        return X[:, 2:].argmax(axis=1)


def predictions(probs):
    """Return points, of random position, that Given predicts so."""
    positions = np.random.default_rng(0).standard_normal((len(probs), 2))
    return np.hstack([positions, probs]).astype(np.float32)


@pytest.fixture(scope="module")
def random_predictions():
    return predictions(np.random.default_rng(1).dirichlet([0.5, 1.0, 2.0], size=40))


@pytest.fixture(scope="module")
def data():
    X, y = make_embeddings(240, 3, 8, spread=0.5, random_state=0)
    return X.astype(np.float32), y


def clusterer(**parameters):
    return CollisionClusterer(3, n_init=1, max_iter=10, random_state=0, **parameters)


@pytest.fixture(scope="module")
def fitted(data):
    return clusterer().fit(data[0][::2])


@pytest.mark.parametrize("name", NAMES)
def test_every_scorer_prefers_what_has_learnt(name, data, fitted):
    untrained = clusterer(learning_rate=1e-9, n_neighbors=0).fit(data[0][::2])
    scorer, held_out = get_scorer(name), data[0][1::2]
    assert scorer(fitted, held_out) > scorer(untrained, held_out) + 0.05


@pytest.mark.parametrize("name", NAMES)
def test_labels_are_never_looked_at(name, data, fitted):
    assert name in get_scorer_names()
    scorer, held_out = get_scorer(name), data[0][1::2]
    assert scorer(fitted, held_out, data[1][1::2]) == scorer(fitted, held_out)


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: type(scorer).__name__)
def test_scorers_are_cloned_and_pickled(scorer, data, fitted):
    held_out = data[0][1::2]
    for copy in (clone(scorer), pickle.loads(pickle.dumps(scorer))):
        assert copy.get_params() == scorer.get_params()
        assert copy(fitted, held_out) == scorer(fitted, held_out)


@pytest.mark.parametrize("scorer", [MutualInfoScorer(), ObjectiveScorer()])
def test_a_weight_counts_a_point_so_often(scorer, random_predictions):
    weight = np.arange(40) % 4
    copies = np.repeat(random_predictions, weight, axis=0)
    weighted = scorer(Given(), random_predictions, sample_weight=weight)
    assert weighted == pytest.approx(scorer(Given(), copies), abs=1e-5)
    assert weighted != pytest.approx(scorer(Given(), random_predictions), abs=1e-3)


def test_mutual_information_is_that_of_the_clusterers_own_score(data, fitted):
    weight = np.linspace(0, 1, 120)
    for sample_weight in (None, weight):
        score = MutualInfoScorer()(fitted, data[0][1::2], sample_weight=sample_weight)
        assert score == pytest.approx(fitted.score(data[0][1::2], None, sample_weight), rel=1e-5)


def test_objective_without_fairness_of_labels(random_predictions):
    # With λ = 0 a label is one-hot at the largest prediction.
    probs = random_predictions[:, 2:]
    mean = probs.mean(axis=0)
    divergence = (mean * np.log(mean * 3)).sum()
    for weight in (0.0, 2.0):
        score = ObjectiveScorer(0, fairness_weight=weight)(Given(), random_predictions)
        expected = np.log(probs.max(axis=1)).mean() - weight * divergence
        assert score == pytest.approx(expected, abs=1e-5)


def test_objective_of_perfect_and_of_empty_predictions():
    sure = predictions(np.eye(3)[np.arange(30) % 3])
    assert ObjectiveScorer()(Given(), sure) == pytest.approx(0, abs=1e-4)
    unsure = predictions(np.full((30, 3), 1 / 3))
    assert ObjectiveScorer()(Given(), unsure) == pytest.approx(-np.log(3), abs=1e-4)


def test_objective_asks_for_the_given_proportions():
    two_to_one = predictions(0.9 * np.eye(2)[np.arange(30) % 3 // 2] + 0.05)
    equal, right = (ObjectiveScorer(prior=u)(Given(), two_to_one) for u in (None, [2 / 3, 1 / 3]))
    assert right > equal
    # More of λ costs where labels have to differ from predictions.
    loose, strict = (ObjectiveScorer(lam, fairness_weight=0) for lam in (1, 1000))
    assert strict(Given(), two_to_one) < loose(Given(), two_to_one) - 0.01


def told(positions, probs):
    """Return points that Given predicts so, too slightly to move them."""
    return np.hstack([positions, 1e-9 * probs])


@pytest.fixture(scope="module")
def blobs():
    """Four groups of 50, far apart; Given says which is which."""
    groups = np.arange(200) % 4
    positions = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])[groups]
    noise = 0.1 * np.random.default_rng(0).standard_normal((200, 2))
    return told(positions + noise, np.eye(5)[groups])


def test_neighbours_tell_everything_of_separate_groups(blobs):
    four = np.hstack([blobs[:, :2], blobs[:, 2:6]])
    assert NeighborInfoScorer()(Given(), four) == pytest.approx(1, abs=1e-3)
    # A fifth cluster, empty: H stays ln 4, K is 5.
    expected = np.sqrt(np.log(4) / np.log(5))
    assert NeighborInfoScorer()(Given(), blobs) == pytest.approx(expected, abs=1e-3)


def test_neighbours_tell_less_of_merged_groups_and_nothing_of_random_ones(blobs):
    groups = np.arange(200) % 4
    merged = told(blobs[:, :2], np.eye(4)[groups // 2])
    assert NeighborInfoScorer()(Given(), merged) == pytest.approx(np.sqrt(1 / 2), abs=1e-3)
    random = told(blobs[:, :2], np.eye(4)[np.random.default_rng(0).integers(4, size=200)])
    assert NeighborInfoScorer()(Given(), random) < 0.1
    alone = told(blobs[:, :2], np.eye(4)[np.zeros(200, dtype=int)])
    assert NeighborInfoScorer()(Given(), alone) == 0


def test_points_without_weight_are_no_neighbours(blobs):
    weight = np.arange(200) % 3 > 0
    scores = [
        NeighborInfoScorer(5)(Given(), blobs, sample_weight=weight),
        NeighborInfoScorer(5)(Given(), blobs[weight]),
    ]
    assert scores[0] == scores[1]


def test_neighbours_of_an_estimator_without_probabilities(blobs):
    model = KMeans(4, n_init=3, random_state=0).fit(blobs[::2])
    assert NeighborInfoScorer()(model, blobs[1::2]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("scorer", "message"),
    [
        (NeighborInfoScorer(0), "'n_neighbors' parameter of NeighborInfoScorer"),
        (ObjectiveScorer(-1), "'lam' parameter of ObjectiveScorer"),
        (ObjectiveScorer(fairness_weight=np.inf), "'fairness_weight' parameter of ObjectiveScorer"),
        (ObjectiveScorer(prior=[0.5, 0.6, 0.1]), "'prior'"),
        (AgreementScorer(0), "'n_resamples' parameter of AgreementScorer"),
        (AgreementScorer(subsample=1.5), "'subsample' parameter of AgreementScorer"),
        (NeighborInfoScorer(True), "'n_neighbors' .*NeighborInfoScorer must not be a boolean"),
        (ObjectiveScorer(True), "'lam' parameter of ObjectiveScorer must not be a boolean"),
        (AgreementScorer(True), "'n_resamples' .*AgreementScorer must not be a boolean"),
        (AgreementScorer(subsample=True), "'subsample' .*AgreementScorer must not be a boolean"),
        (AgreementScorer(measure="accuracy"), "'measure' parameter of AgreementScorer"),
    ],
)
def test_bad_parameters_are_named(scorer, message, random_predictions):
    with pytest.raises(ValueError, match=message):
        scorer(Given(), random_predictions)


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: type(scorer).__name__)
@pytest.mark.parametrize("weight", [[1.0, 2.0], np.zeros(40), np.full(40, np.nan)])
def test_bad_weights_are_named(scorer, weight, random_predictions):
    with pytest.raises(ValueError, match=f"'sample_weight' parameter of {type(scorer).__name__}"):
        scorer(Given(), random_predictions, sample_weight=weight)


@pytest.mark.parametrize("scorer", [MutualInfoScorer(), ObjectiveScorer()])
def test_what_needs_probabilities_says_so(scorer):
    X = np.arange(10.0)[:, None]
    with pytest.raises(ValueError, match=r"needs an estimator with predict_proba.*KMeans"):
        scorer(KMeans(2, n_init=1).fit(X), X)
