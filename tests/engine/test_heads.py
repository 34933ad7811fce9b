import numpy as np
import torch

from skcollision.engine import FeatureSource, LinearHeads, initial_heads

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
