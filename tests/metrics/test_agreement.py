import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline

from skcollision.metrics import AgreementScorer
from skcollision.metrics._agreement import adjusted_rand, label_entropy, reproduced_information


class Recorder(ClusterMixin, BaseEstimator):
    """Cuts the first feature at 0, moved by its random state, and remembers its fits."""

    fits = []  # noqa: RUF012

    def __init__(self, random_state=None, move=0.0):
        self.random_state = random_state
        self.move = move

    def fit(self, X, y=None, sample_weight=None):
        self.fits.append((X, sample_weight, self.random_state))
        rng = np.random.default_rng(self.random_state)
        self.cut_ = self.move * rng.standard_normal()
        return self

    def predict(self, X):
        return (X[:, 0] > self.cut_).astype(int)


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).standard_normal((200, 2))


@pytest.fixture
def fits():
    Recorder.fits.clear()
    return Recorder.fits


def partitions(n_samples=30):
    rng = np.random.default_rng(0)
    first = rng.integers(3, size=n_samples)
    second = np.where(rng.random(n_samples) < 0.7, first, rng.integers(4, size=n_samples))
    return first, second, rng.random(n_samples)


def test_weighted_agreement_is_that_of_pairs_drawn_by_weight():
    first, second, weight = partitions()
    p = np.outer(weight, weight) / weight.sum() ** 2
    together = [np.equal.outer(labels, labels) for labels in (first, second)]
    observed = p[together[0] & together[1]].sum()
    rates = [p[each].sum() for each in together]
    by_chance = rates[0] * rates[1]
    expected = (observed - by_chance) / (np.mean(rates) - by_chance)
    assert adjusted_rand(first, second, weight) == pytest.approx(expected)


def test_agreement_without_weights_is_scikit_learns():
    first, second, _ = partitions(3000)
    expected = adjusted_rand_score(first, second)
    assert adjusted_rand(first, second) == expected
    assert adjusted_rand(first, second, np.ones(3000)) == pytest.approx(expected, abs=1e-3)
    assert adjusted_rand(first, first + 5, np.arange(3000)) == pytest.approx(1)
    assert adjusted_rand(np.zeros(4), np.zeros(4), np.ones(4)) == 1


def test_information_of_known_partitions():
    labels = np.repeat([0, 1], [3, 1])
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert label_entropy(labels) == pytest.approx(entropy)
    assert reproduced_information(labels, labels) == pytest.approx(entropy)
    assert label_entropy(labels, np.array([1, 1, 1, 3])) == pytest.approx(np.log(2))
    # Crossed partitions agree less than by chance, and explain nothing.
    assert reproduced_information(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])) < 0


@pytest.mark.parametrize(("n_resamples", "subsample"), [(1, 1.0), (3, 0.5)])
def test_clones_are_fitted_to_shares_of_the_held_out_points(X, fits, n_resamples, subsample):
    model = Recorder(random_state=7)
    AgreementScorer(n_resamples, subsample=subsample)(model.fit(X + 100), X)
    clones = fits[1:]
    assert len(clones) == n_resamples
    assert len({seed for _, _, seed in clones} - {7}) == n_resamples
    rows = {row.tobytes() for row in X}
    for points, _, _ in clones:
        assert len({row.tobytes() for row in points} & rows) == len(points) == 200 * subsample
    assert model.random_state == 7


def test_score_is_the_mean_agreement_of_all_pairs(X, fits):
    model = Recorder(random_state=7, move=1.0).fit(X)
    score = AgreementScorer(2, random_state=3)(model, X)
    fitted = [model, *(Recorder(seed, move=1.0).fit(X) for _, _, seed in fits[1:])]
    labels = [each.predict(X) for each in fitted]
    pairs = [(0, 1), (0, 2), (1, 2)]
    assert score == np.mean([adjusted_rand_score(labels[a], labels[b]) for a, b in pairs])
    assert 0 < score < 1
    assert score == AgreementScorer(2, random_state=3)(model, X)
    assert score != AgreementScorer(2, random_state=4)(model, X)


def test_agreement_and_information_of_equal_partitions(X, fits):
    model = Recorder().fit(X)
    assert AgreementScorer()(model, X) == 1
    entropy = label_entropy(model.predict(X))
    assert AgreementScorer(measure="information")(model, X) == pytest.approx(entropy)


def test_random_states_inside_a_pipeline_are_set(X, fits):
    model = make_pipeline(PCA(random_state=7), Recorder(random_state=7)).fit(X)
    assert AgreementScorer()(model, X) == 1
    assert fits[-1][2] != 7


def test_weights_reach_the_clones_and_the_agreement(X, fits):
    # Disagreement is between the two cuts only, where no point has weight.
    model = Recorder(move=0.3, random_state=0).fit(X)
    AgreementScorer()(model, X)
    clone_cut = Recorder(move=0.3, random_state=fits[-1][2]).fit(X).cut_
    low, high = sorted([model.cut_, clone_cut])
    weight = ((X[:, 0] <= low) | (X[:, 0] > high)).astype(float)
    assert 0 < weight.mean() < 1
    assert AgreementScorer()(model, X) < 1
    assert AgreementScorer()(model, X, sample_weight=weight) == pytest.approx(1)
    np.testing.assert_array_equal(fits[-1][1], weight)


@pytest.mark.parametrize("requested", [True, False])
def test_clones_are_fitted_with_weights_if_the_estimator_asks_for_them(X, fits, requested):
    with sklearn.config_context(enable_metadata_routing=True):
        model = make_pipeline(PCA(), Recorder().set_fit_request(sample_weight=requested)).fit(X)
        AgreementScorer()(model, X, sample_weight=np.ones(200))
    assert (fits[-1][1] is not None) == requested


def test_far_clusters_are_found_again():
    X = np.repeat(9 * np.eye(4), 50, axis=0) + np.random.default_rng(0).standard_normal((200, 4))
    model = KMeans(4, n_init=3, random_state=0).fit(X[::2])
    assert AgreementScorer(3, subsample=0.5)(model, X[1::2]) == 1
