import numpy as np
import pytest
import torch
from sklearn.cluster import AgglomerativeClustering

from skcollision.engine import FeatureSource, LinearHeads, heads_of_k_means, initial_heads
from skcollision.engine._initial_heads import _ward_centres

CPU = torch.device("cpu")
RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(3, 4, 5))
BIAS = RNG.normal(size=(3, 4))


def test_each_restart_is_a_linear_map():
    X = RNG.normal(size=(6, 5))
    logits = LinearHeads(WEIGHT, BIAS, CPU)(torch.from_numpy(X)).detach().numpy()
    expected = np.einsum("nd,rkd->rnk", X, WEIGHT) + BIAS[:, None]
    np.testing.assert_allclose(logits, expected, rtol=1e-12)


def test_square_norm_leaves_out_the_bias():
    norm = LinearHeads(WEIGHT, BIAS, CPU).square_norm().detach().numpy()
    np.testing.assert_allclose(norm, (WEIGHT**2).sum((1, 2)), rtol=1e-12)


def test_weights_come_back_as_they_went_in():
    weight, bias = LinearHeads(WEIGHT, BIAS, CPU).numpy()
    np.testing.assert_array_equal(weight, WEIGHT)
    np.testing.assert_array_equal(bias, BIAS)


def test_restarts_start_apart_and_within_the_kaiming_bound():
    source = FeatureSource(RNG.normal(size=(10, 25)), None, CPU)
    heads = initial_heads(source, 3, 4, random_state=np.random.RandomState(0))
    weight, bias = heads.numpy()
    assert weight.shape == (4, 3, 25)
    assert np.abs(weight).max() <= 1 / 5
    assert len(np.unique(weight)) == weight.size
    assert not bias.any()


def test_k_means_heads_assign_points_to_the_nearest_centre_on_any_scale():
    centres = np.eye(4, 6) * 10
    labels = np.repeat(np.arange(4), 20)
    points = centres[labels] + RNG.normal(size=(80, 6))
    logits = []
    for scale in (1.0, 1e3):
        start = np.random.RandomState(0)
        heads = heads_of_k_means(torch.from_numpy(scale * points), 4, 3, random_state=start)
        logits.append(heads(torch.from_numpy(scale * points)).detach().numpy())
    np.testing.assert_allclose(logits[1], logits[0], rtol=1e-9, atol=1e-9)
    for predicted in logits[0].argmax(2):
        pairs = np.unique(np.stack([predicted, labels]), axis=1)
        assert pairs.shape[1] == 4


def test_k_means_heads_are_as_sharp_as_they_are_told_to_be():
    points = torch.from_numpy(RNG.normal(size=(80, 6)))
    blunt, sharp = (
        heads_of_k_means(points, 4, 1, sharpness=b, random_state=np.random.RandomState(0))
        for b in (5.0, 15.0)
    )
    np.testing.assert_allclose(sharp.numpy()[0], 3 * blunt.numpy()[0])
    np.testing.assert_allclose(sharp.numpy()[1], 3 * blunt.numpy()[1])


def test_ward_centres_are_the_means_of_wards_clusters():
    points = RNG.normal(size=(50, 3))
    labels = AgglomerativeClustering(6).fit_predict(points)
    expected = np.stack([points[labels == k].mean(0) for k in range(6)])
    by_first_column = [x[np.argsort(x[:, 0])] for x in (_ward_centres(points, 6), expected)]
    np.testing.assert_allclose(*by_first_column, rtol=1e-12)


def test_where_all_merges_tie_ward_finds_fewer_clusters_and_k_means_begins_without_it():
    points = np.repeat(np.eye(4), 20, axis=0)
    assert len(_ward_centres(points, 6)) < 6
    start = np.random.RandomState(0)
    heads = heads_of_k_means(torch.from_numpy(points), 6, 2, random_state=start)
    assert np.isfinite(heads.numpy()[0]).all()


@pytest.mark.parametrize("n_clusters", [3, 20, 40])  # Ward's clusters of a half, or k-means++
def test_restarts_start_apart_and_alike_for_the_same_seed(n_clusters):
    points = torch.from_numpy(RNG.normal(size=(60, 4)))
    first, again = (
        heads_of_k_means(points, n_clusters, 3, random_state=np.random.RandomState(0)).numpy()[0]
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.isfinite(first).all()
    assert not np.allclose(first[0], first[1])
