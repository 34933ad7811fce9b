"""make_embeddings: what its docstring promises about shapes, sizes, geometry and errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score

from skcollision.datasets import make_embeddings


@given(
    n_clusters=st.integers(1, 12),
    extra=st.integers(0, 60),
    n_features=st.integers(2, 20),
    spread=st.sampled_from([0.0, 0.5, 3.0, 1e6]),
    offset=st.sampled_from([0.0, 1.0, 1e6]),
    imbalance=st.sampled_from([1.0, 7.5, 1e6]),
    seed=st.integers(0, 2**32 - 1),
)
def test_points_lie_on_the_sphere_and_no_cluster_is_empty(
    n_clusters, extra, n_features, spread, offset, imbalance, seed
):
    n_samples = n_clusters + extra
    X, y = make_embeddings(
        n_samples,
        n_clusters,
        n_features,
        spread=spread,
        n_factors=min(3, n_features),
        offset=offset,
        imbalance=imbalance,
        random_state=seed,
    )
    assert X.shape == (n_samples, n_features)
    assert X.dtype == np.float32
    assert y.dtype == np.int64
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1.0, rtol=1e-5)
    sizes = np.bincount(y, minlength=n_clusters)
    assert sizes.shape == (n_clusters,)
    assert sizes.min() >= 1
    assert np.all(np.diff(sizes) <= 0)


@pytest.mark.parametrize("imbalance", [1.0, 5.0, 20.0])
def test_imbalance_is_the_ratio_of_the_largest_to_the_smallest_cluster(imbalance):
    _, y = make_embeddings(20_000, 8, 4, imbalance=imbalance, random_state=0)
    sizes = np.bincount(y)
    assert sizes[0] / sizes[-1] == pytest.approx(imbalance, rel=0.02)
    ratios = sizes[:-1] / sizes[1:]
    np.testing.assert_allclose(ratios, imbalance ** (1 / 7), rtol=0.02)


def test_clusters_are_long_along_few_directions():
    X, y = make_embeddings(4000, 2, 64, spread=0.1, n_factors=2, random_state=0)
    for cluster in range(2):
        variances = np.linalg.eigvalsh(np.cov(X[y == cluster].T))[::-1]
        # Two factors hold 80 %, and the 62 other directions share the rest evenly. Scaling to norm
        # one takes out a part of whatever lies along the point itself, hence the slack.
        assert 0.7 < variances[:2].sum() / variances.sum() < 0.9
        # The first factor is twice as long as the second.
        assert 2.5 < variances[0] / variances[1] < 6.0
        assert variances[2] < 2.0 * np.median(variances)


def test_offset_is_the_shared_mean():
    def mean_norm(offset):
        X, _ = make_embeddings(2000, 10, 64, offset=offset, random_state=0)
        return np.linalg.norm(X.mean(axis=0))

    assert mean_norm(0.0) < 0.3 < mean_norm(1.0) < mean_norm(5.0)


def test_spread_sets_how_hard_the_clusters_are():
    def kmeans_nmi(spread):
        X, y = make_embeddings(600, 6, 32, spread=spread, random_state=0)
        labels = KMeans(6, n_init=5, random_state=0).fit_predict(X)
        return normalized_mutual_info_score(y, labels)

    assert kmeans_nmi(0.3) > 0.99
    assert kmeans_nmi(3.0) < 0.6


def test_random_state_reproduces_and_seeds_differ():
    X, y = make_embeddings(50, 5, 8, random_state=3)
    X_again, y_again = make_embeddings(50, 5, 8, random_state=np.random.RandomState(3))
    X_other, _ = make_embeddings(50, 5, 8, random_state=4)
    np.testing.assert_array_equal(X, X_again)
    np.testing.assert_array_equal(y, y_again)
    assert not np.array_equal(X, X_other)
    assert np.any(np.diff(y) < 0), "rows must come in random order, not cluster by cluster"


@pytest.mark.parametrize(
    ("parameters", "name", "error"),
    [
        ({"n_clusters": 0}, "n_clusters", ValueError),
        ({"n_samples": 3, "n_clusters": 4}, "n_samples", ValueError),
        ({"n_samples": 10.0}, "n_samples", TypeError),
        ({"n_features": 1}, "n_features", ValueError),
        ({"n_factors": 0}, "n_factors", ValueError),
        ({"n_factors": 129}, "n_factors", ValueError),
        ({"spread": -0.1}, "spread", ValueError),
        ({"spread": float("nan")}, "spread", ValueError),
        ({"offset": float("inf")}, "offset", ValueError),
        ({"offset": "1"}, "offset", TypeError),
        ({"imbalance": 0.5}, "imbalance", ValueError),
    ],
)
def test_a_bad_parameter_is_named(parameters, name, error):
    with pytest.raises(error, match=f"The '{name}' parameter of make_embeddings must be"):
        make_embeddings(**parameters)
