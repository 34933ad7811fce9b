import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from skcollision import FeatureBlocks
from skcollision.engine import (
    BlockSource,
    FeatureSource,
    StreamedFeatures,
    TrainingFeatures,
    _block_source,
    _neighbourhoods,
    fit_normalisation,
)

CPU = torch.device("cpu")


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    return (5 * np.eye(4, 9))[np.arange(600) * 4 // 600] + rng.normal(size=(600, 9))


def sources(X, weight=None):
    blocks = FeatureBlocks(X, block_rows=10)
    normalisations = [fit_normalisation(each, weight, unit_rows=True) for each in (X, blocks)]
    np.testing.assert_allclose(normalisations[0].mean, normalisations[1].mean, rtol=1e-12)
    return FeatureSource(X, normalisations[0], CPU), BlockSource(blocks, normalisations[1], CPU)


def batches_of(source, weight, seed=0):
    return list(source.batches(32, weight, np.random.RandomState(seed)))


def test_every_point_with_weight_is_visited_once_whatever_the_buffer(X, monkeypatch):
    weight = np.arange(600) % 3.0
    matrix, stream = sources(X, weight)
    expected = matrix.batch(slice(None)).numpy()
    for buffered in (1000, 100, 7):
        monkeypatch.setattr(_block_source, "BUFFER_BYTES", buffered * 9 * 8)
        batches = batches_of(stream, weight)
        rows = np.concatenate([batch.rows for batch in batches])
        assert sorted(rows) == list(np.flatnonzero(weight))
        for batch in batches:
            assert len(batch.rows) <= 32
            np.testing.assert_allclose(batch.features, expected[batch.rows], atol=1e-12)
        starts = [batch.start for batch in batches]
        sizes = [len(batch.rows) for batch in batches]
        np.testing.assert_allclose(starts, np.cumsum([0, *sizes[:-1]]) / 400)


def test_sorted_rows_are_mixed_across_blocks(X, monkeypatch):
    monkeypatch.setattr(_block_source, "BUFFER_BYTES", 150 * 9 * 8)
    _, stream = sources(X)
    classes = [np.bincount(b.rows * 4 // 600, minlength=4) for b in batches_of(stream, None)]
    # A quarter of the rows is buffered, in blocks of 10: about four of each class.
    assert np.mean([(counts > 0).all() for counts in classes]) > 0.8
    again, other = batches_of(stream, None), batches_of(stream, None, seed=1)
    first = batches_of(stream, None)
    assert all((a.rows == b.rows).all() for a, b in zip(first, again, strict=True))
    assert any(set(a.rows) != set(b.rows) for a, b in zip(first, other, strict=True))


def views_of(X, weight=None, n_neighbors=5):
    return [
        kind(
            source,
            weight,
            n_components=4,
            n_neighbors=n_neighbors,
            n_clusters=4,
            random_state=np.random.RandomState(0),
        )
        for kind, source in zip(
            (TrainingFeatures, StreamedFeatures), sources(X, weight), strict=True
        )
    ]


def test_streamed_points_are_those_in_memory(X):
    weight = np.arange(600) % 3.0
    matrix, stream = views_of(X, weight, n_neighbors=0)
    np.testing.assert_allclose(matrix.basis, stream.basis, atol=1e-9)
    assert stream.features is stream.points()
    points = matrix.points().batch(slice(None)).numpy()
    for batch in batches_of(stream.features, weight):
        np.testing.assert_allclose(batch.features, points[batch.rows], atol=1e-9)


def test_points_are_averaged_over_the_walks_from_their_nearest_landmarks(X, monkeypatch):
    monkeypatch.setattr(_neighbourhoods, "MOST_LANDMARKS", 100)
    monkeypatch.setattr(_neighbourhoods, "LANDMARKS_PER_CLUSTER", 1)
    weight = (np.arange(600) % 3).astype(float)
    matrix, stream = views_of(X, weight)
    points = matrix.points().batch(slice(None)).numpy()
    kept = stream._landmarks
    nearest = NearestNeighbors(n_neighbors=1).fit(points[weight > 0]).kneighbors(kept)[0]
    assert kept.shape == (100, 4)
    assert nearest.max() < 1e-6  # they are points that have weight
    search = NearestNeighbors(n_neighbors=5).fit(kept)
    graph = search.kneighbors_graph().toarray()
    graph = graph + graph.T + np.eye(100)
    step = graph / graph.sum(1, keepdims=True)
    ends = np.linalg.matrix_power(step, stream.graph.n_steps - 1) @ kept
    expected = ends[search.kneighbors(points, return_distance=False)].mean(1)
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    expected *= lengths / np.linalg.norm(expected, axis=1, keepdims=True)
    for batch in batches_of(stream.features, weight):
        np.testing.assert_allclose(batch.features, expected[batch.rows], atol=1e-8)


def test_landmarks_are_a_uniform_sample(X, monkeypatch):
    monkeypatch.setattr(_neighbourhoods, "MOST_LANDMARKS", 300)
    monkeypatch.setattr(_neighbourhoods, "LANDMARKS_PER_CLUSTER", 1)
    _, stream = views_of(X)
    matrix, _ = views_of(X, n_neighbors=0)
    points = matrix.points().batch(slice(None)).numpy()
    rows = NearestNeighbors(n_neighbors=1).fit(points).kneighbors(stream._landmarks)[1][:, 0]
    assert len(np.unique(rows)) == 300
    assert (np.abs(np.bincount(rows * 4 // 600) - 75) < 25).all()


def test_distinct_points_are_the_same_from_memory_and_streamed(X):
    X = np.vstack([X[:50], X[:10]])
    weight = (np.arange(60) % 4).astype(float)
    matrix, stream = views_of(X, weight, n_neighbors=0)
    distinct = matrix.distinct_points(weight)
    points = matrix.points().batch(np.flatnonzero(weight)).numpy()
    np.testing.assert_array_equal(distinct, np.unique(points, axis=0))
    np.testing.assert_allclose(distinct, stream.distinct_points(weight), atol=1e-9)
    everything = matrix.distinct_points(None)
    assert len(everything) == 50 > len(distinct)
