import numpy as np
import pytest
import torch

from skcollision import FeatureBlocks
from skcollision.engine import (
    NormalisedRows,
    TrainingSample,
    default_sample_size,
    draw_sample,
    fit_normalisation,
    take_rows,
)
from skcollision.graph import NeighbourGraph, nearest_neighbors

CPU = torch.device("cpu")


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(3.0, 2.0, (1300, 7))


def draw(n_samples, weight, size, seed=0):
    return draw_sample(n_samples, weight, size, np.random.RandomState(seed))


@pytest.mark.parametrize("size", [None, 50, 1000])
def test_small_data_are_drawn_whole(size):
    rows, weight = draw(50, None, size)
    np.testing.assert_array_equal(rows, np.arange(50))
    assert weight is None
    given = np.arange(50) % 3.0
    rows, weight = draw(50, given, size)
    np.testing.assert_array_equal(rows, np.flatnonzero(given))
    np.testing.assert_array_equal(weight, given[given > 0])


@pytest.mark.parametrize("weight", [None, np.arange(1000) % 4.0])
def test_a_sample_is_of_rising_rows_and_the_same_for_the_same_seed(weight):
    rows, counts = draw(1000, weight, 100)
    assert (np.diff(rows) > 0).all()
    assert (100 if counts is None else counts.sum()) == 100
    assert len(rows) <= 100
    again, other = draw(1000, weight, 100), draw(1000, weight, 100, seed=1)
    np.testing.assert_array_equal(again.rows, rows)
    assert set(other.rows) != set(rows)
    if weight is not None:
        assert (weight[rows] > 0).all()


@pytest.mark.parametrize("weight", [None, np.r_[np.zeros(20), np.linspace(0.1, 2, 79), 40.0]])
def test_points_are_drawn_in_proportion_to_their_weights(weight):
    drawn = np.zeros(100)
    for seed in range(2000):
        rows, counts = draw(100, weight, 20, seed)
        drawn[rows] += 1 if counts is None else counts
    share = np.full(100, 0.01) if weight is None else weight / weight.sum()
    expected = 2000 * 20 * share
    assert (np.abs(drawn - expected) <= 5 * np.sqrt(expected)).all()  # 0 for those without weight


def test_a_heavy_point_is_drawn_as_often_as_it_weighs():
    """One point from each equal share of the total: the counts hardly vary."""
    weight = np.ones(1000)
    weight[400] = 999  # half of all
    rows, counts = draw(1000, weight, 100)
    assert abs(counts[rows == 400][0] - 50) <= 1
    assert (counts[rows != 400] == 1).all()


@pytest.mark.parametrize("weight", [np.full(1000, 1e-300), np.full(1000, 1e300)])
def test_only_ratios_of_weights_matter(weight):
    np.testing.assert_array_equal(draw(1000, weight, 90).rows, draw(1000, weight * 0 + 1, 90).rows)


def test_many_clusters_have_larger_samples():
    assert default_sample_size(2) == default_sample_size(200) == 20_000
    assert default_sample_size(1000) == 100_000


@pytest.mark.parametrize("rows", [np.arange(1300), np.array([0, 5, 255, 256, 1299]), np.array([7])])
def test_rows_are_taken_alike_from_memory_and_from_blocks(X, rows):
    np.testing.assert_array_equal(take_rows(X, rows), X[rows])
    np.testing.assert_array_equal(take_rows(FeatureBlocks(X), rows), X[rows])
    assert take_rows(X, np.arange(1300)) is X


@pytest.mark.parametrize("rows", [slice(10, 20), np.array([3, 1, 4])])
def test_rows_are_normalised_when_asked_for_and_never_in_place(X, rows):
    before = X.copy()
    X.flags.writeable = False
    normalised = NormalisedRows(X, fit_normalisation(X, None), CPU)
    assert normalised.shape == (len(normalised), 7) == X.shape
    matrix = normalised.matrix()
    torch.testing.assert_close(normalised[rows], matrix[rows])
    NormalisedRows(X, None, CPU)[rows].zero_()
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(NormalisedRows(X, None, CPU).matrix(), before)


def test_blocks_cover_all_rows_in_order(X):
    normalisation = fit_normalisation(X, None)
    expected = NormalisedRows(X, normalisation, CPU).matrix()
    for source in (X, FeatureBlocks(X)):
        normalised = NormalisedRows(source, normalisation, CPU)
        ranges, results = zip(*normalised.map(lambda *arguments: arguments), strict=True)
        stops = [rows.stop for rows in ranges]
        assert [rows.start for rows in ranges] == [0, *stops[:-1]]
        assert stops[-1] == len(X)
        assert ranges == tuple(rows for rows, _, _ in results)
        np.testing.assert_array_equal(np.concatenate([block for _, block, _ in results]), X)
        torch.testing.assert_close(torch.cat([each for _, _, each in results]), expected)


def sample_of(X, weight=None, **parameters):
    defaults = {"n_components": None, "n_neighbors": 5, "n_clusters": 4}
    return TrainingSample(
        NormalisedRows(X, None, CPU),
        weight,
        **{**defaults, **parameters},
        random_state=np.random.RandomState(0),
    )


def test_training_sees_means_over_neighbourhoods_on_the_principal_subspace(X):
    sample = sample_of(X, n_components=3)
    assert sample.basis.shape == (7, 3)
    torch.testing.assert_close(sample.points, torch.from_numpy(X) @ sample.basis)
    graph = NeighbourGraph(nearest_neighbors(sample.points.numpy(), 5), n_clusters=4)
    np.testing.assert_array_equal(sample.seen, graph.smoothed(sample.points.numpy()))


def test_without_neighbours_training_sees_the_points(X):
    for parameters in ({"n_neighbors": 0}, {"n_neighbors": "auto", "n_clusters": 200}):
        sample = sample_of(X, np.arange(1300.0), **parameters)
        assert sample.graph is None
        assert sample.basis is None
        assert sample.seen is sample.points
        np.testing.assert_array_equal(sample.points, X)
        np.testing.assert_array_equal(sample.weight, np.arange(1300.0))
