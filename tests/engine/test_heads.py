import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from skcollision.engine import LinearHeads, heads_of_k_means, random_heads

RNG = np.random.default_rng(0)
WEIGHT, BIAS = RNG.normal(size=(3, 4, 5)), RNG.normal(size=(3, 4))


def heads_of(weight=WEIGHT, bias=BIAS, basis=None):
    return LinearHeads.of_weights(torch.from_numpy(weight), torch.from_numpy(bias), basis)


def test_each_restart_is_a_linear_map():
    X = RNG.normal(size=(6, 5))
    expected = np.einsum("nd,rkd->rnk", X, WEIGHT) + BIAS[:, None]
    np.testing.assert_allclose(heads_of()(torch.from_numpy(X)), expected, rtol=1e-12)


def test_square_norm_leaves_out_the_bias():
    np.testing.assert_allclose(heads_of().square_norm(), (WEIGHT**2).sum((1, 2)), rtol=1e-12)


def test_weights_come_back_as_they_went_in():
    for heads in (heads_of(), LinearHeads.from_state(heads_of().state())):
        np.testing.assert_array_equal(heads.numpy()[0], WEIGHT)
        np.testing.assert_array_equal(heads.numpy()[1], BIAS)


def test_weights_on_a_basis_come_back_as_weights_on_all_features():
    basis = torch.from_numpy(np.linalg.qr(RNG.normal(size=(9, 5)))[0])
    heads, X = heads_of(basis=basis), torch.from_numpy(RNG.normal(size=(6, 9)))
    weight, bias = heads.numpy()
    assert weight.shape == (3, 4, 9)
    torch.testing.assert_close(heads_of(weight, bias)(X), heads(X @ basis))


def test_random_restarts_start_apart_and_within_the_kaiming_bound():
    features = torch.zeros(10, 25, dtype=torch.float64)
    weight, bias = random_heads(features, 3, 4, np.random.RandomState(0)).numpy()
    assert weight.shape == (4, 3, 25)
    assert np.abs(weight).max() <= 1 / 5
    assert len(np.unique(weight)) == weight.size
    assert not bias.any()


def k_means_heads(points, n_clusters, n_restarts=1, weight=None, **parameters):
    weight = None if weight is None else torch.from_numpy(weight)
    random_state = np.random.RandomState(0)
    return heads_of_k_means(
        torch.from_numpy(points),
        weight,
        n_clusters,
        n_restarts,
        random_state=random_state,
        **parameters,
    )


def labels_of(heads, points):
    return heads(torch.from_numpy(points)).argmax(2).numpy()


def centres_of(heads, points, sharpness=5.0):
    return heads.numpy()[0] / (sharpness / (points**2).sum(1).mean())


def clusters(n_points=600, n_clusters=8, spread=1.2):
    labels = np.arange(n_points) % n_clusters
    return 5 * np.eye(n_clusters, 10)[labels] + spread * RNG.normal(size=(n_points, 10)), labels


@pytest.mark.parametrize("weighted", [False, True])
def test_k_means_is_as_good_as_scikit_learns(weighted):
    points, _ = clusters()
    weight = RNG.integers(0, 4, len(points)).astype(float) if weighted else None
    reference = KMeans(8, n_init=10, random_state=0).fit(points, sample_weight=weight)
    heads = k_means_heads(points, 8, 5, weight)
    for centres, labels in zip(centres_of(heads, points), labels_of(heads, points), strict=True):
        distances = ((points[:, None] - centres) ** 2).sum(2)
        np.testing.assert_array_equal(labels, distances.argmin(1))  # heads of the nearest centre
        inertia = np.sum(distances.min(1) * (1 if weight is None else weight))
        assert inertia < 1.01 * reference.inertia_


def test_weights_count_like_repetitions():
    points, _ = clusters(spread=0.5)
    weight = RNG.integers(1, 4, len(points))
    weighted = k_means_heads(points, 8, weight=weight.astype(float))
    repeated = k_means_heads(np.repeat(points, weight, axis=0), 8)
    found = [np.sort(centres_of(h, points)[0], axis=0) for h in (weighted, repeated)]
    # The slope is that of the mean square length, in which each point counts once.
    found[1] *= (np.repeat(points, weight, axis=0) ** 2).sum(1).mean() / (points**2).sum(1).mean()
    np.testing.assert_allclose(*found, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_unit_does_not_matter(scale):
    points, _ = clusters()
    logits = [k_means_heads(x, 8, 3)(torch.from_numpy(x)) for x in (points, scale * points)]
    torch.testing.assert_close(*logits, rtol=1e-9, atol=1e-9)


def test_heads_are_as_sharp_as_they_are_told_to_be():
    points, _ = clusters()
    blunt, sharp = (k_means_heads(points, 8, sharpness=b).numpy() for b in (5.0, 15.0))
    np.testing.assert_allclose(sharp[0], 3 * blunt[0])
    np.testing.assert_allclose(sharp[1], 3 * blunt[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("points", [np.repeat(np.eye(4), 20, axis=0), np.ones((80, 4))])
def test_equal_points_leave_centres_without_points_where_they_are(dtype, points):
    points = points.astype(dtype)
    heads = k_means_heads(points, 6, 2)
    assert np.isfinite(heads.numpy()[0]).all()
    for centres in centres_of(heads, points):
        nearest = np.abs(centres[:, None] - points).sum(2).min(1)
        np.testing.assert_allclose(nearest, 0, atol=1e-6)


@pytest.mark.parametrize("n_clusters", [3, 20, 40, 60])  # Ward's clusters of a half, or at random
def test_restarts_start_apart_and_alike_for_the_same_seed(n_clusters):
    points = RNG.normal(size=(60, 4))
    first, again = (k_means_heads(points, n_clusters, 3).numpy()[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.isfinite(first).all()
    assert not np.allclose(first[0], first[1])
