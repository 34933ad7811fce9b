"""Fits of data larger than memory, and fits that are killed."""

import os
import signal
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest

from skcollision import CollisionClusterer, FeatureBlocks
from skcollision.blocks import _feature_blocks
from skcollision.cluster import _training
from skcollision.datasets import make_embeddings
from skcollision.engine import Trainer
from skcollision.metrics import clustering_accuracy_score


@pytest.fixture(scope="module")
def data():
    """Rows that are sorted by class."""
    X, y = make_embeddings(1500, 4, 160, spread=0.7, random_state=0)
    order = np.argsort(y, kind="stable")
    return X[order], y[order]


def make(**parameters):
    defaults = {"n_clusters": 4, "n_init": 2, "max_iter": 12, "batch_size": 200, "random_state": 0}
    return CollisionClusterer(**{**defaults, **parameters})


class Blocks:
    """An iterable that begins anew each time, and has no length."""

    def __init__(self, X):
        self.X = X

    def __iter__(self):
        return iter(np.array_split(self.X, 11))


def stored(kind, X, folder):
    """Return the rows of X in one of the kinds of storage that are streamed."""
    if kind == "iterable":
        return Blocks(X)
    if kind == "arrays":
        return [X[:300], X[300:301], X[301:]]
    if kind == "map":
        np.save(folder / "X.npy", X)
        return np.load(folder / "X.npy", mmap_mode="r")
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = arrow.table({f"x{i}": column for i, column in enumerate(X.T)})
    parquet.write_table(table, folder / "X.parquet", row_group_size=90)
    return pytest.importorskip("pyarrow.dataset").dataset(folder / "X.parquet")


@pytest.mark.parametrize(("max_samples", "weighted"), [("auto", False), (200, True)])
def test_a_streamed_fit_is_the_fit_in_memory(data, tmp_path, max_samples, weighted):
    X, _ = data
    weight = np.random.default_rng(0).choice([0.0, 0.5, 3.0], len(X)) if weighted else None
    parameters = {"max_samples": max_samples, "max_iter": 4}
    expected = make(**parameters).fit(X, sample_weight=weight)
    probs = expected.transform(X) * (1 if weight is None else weight[:, None])
    centres = probs.T @ X / probs.sum(0)[:, None]
    np.testing.assert_allclose(expected.cluster_centers_, centres, atol=1e-5)
    for kind in ("map", "arrays", "iterable", "dataset"):
        blocks = FeatureBlocks(stored(kind, X, tmp_path))
        streamed = make(**parameters).fit(blocks, sample_weight=weight)
        for name in ("labels_", "coef_", "intercept_", "class_prior_"):
            np.testing.assert_array_equal(getattr(streamed, name), getattr(expected, name))
        np.testing.assert_allclose(streamed.cluster_centers_, centres, atol=1e-5)
        np.testing.assert_allclose(streamed.probabilities_, expected.probabilities_, rtol=1e-5)
        assert streamed.score(blocks, sample_weight=weight) == pytest.approx(
            expected.score(X, sample_weight=weight)
        )


@pytest.mark.parametrize("max_samples", ["auto", 200])
def test_the_order_of_the_rows_does_not_matter_to_the_quality(data, max_samples):
    for order in (np.arange(1500), np.random.default_rng(0).permutation(1500)):
        X, y = (each[order] for each in data)
        model = make(max_samples=max_samples).fit(FeatureBlocks(X))
        assert clustering_accuracy_score(y, model.labels_) > 0.95
        means = [X[model.labels_ == k].mean(0) for k in range(4)]
        np.testing.assert_allclose(model.cluster_centers_, means, atol=0.1)


def test_points_without_weight_are_no_part_of_the_fit(data):
    X, y = data
    used = y != 0
    for max_samples in ("auto", 200):
        model = make(n_clusters=3, max_samples=max_samples)
        labels = model.fit(FeatureBlocks(X), sample_weight=used.astype(float)).labels_
        assert clustering_accuracy_score(y[used], labels[used]) > 0.95
        assert len(labels) == len(X)


def test_large_maps_are_streamed_and_half_precision_is_never_widened_whole(
    data, tmp_path, monkeypatch
):
    X, y = data
    mapped = stored("map", X.astype(np.float16), tmp_path)
    monkeypatch.setattr(_feature_blocks, "LARGE_MAP_BYTES", 1000)

    def refuse(*args, **kwargs):
        raise AssertionError("the whole map was asked for")

    monkeypatch.setattr(CollisionClusterer, "_check_matrix", refuse)
    model = make().fit(mapped)
    assert clustering_accuracy_score(y, model.labels_) > 0.95
    assert model.coef_.dtype == np.float32
    np.testing.assert_array_equal(model.predict(mapped), model.labels_)
    explicit = make().fit(FeatureBlocks(mapped))
    np.testing.assert_array_equal(explicit.coef_, model.coef_)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_memory_does_not_grow_with_the_number_of_rows(data, method):
    X, peaks = data[0], []
    for times in (2, 60):  # 2 and 58 MB
        model = make(max_samples=500, max_iter=2)
        tracemalloc.start()
        getattr(model, method)(FeatureBlocks([X] * times))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert model.labels_.shape == (times * len(X),)
    assert peaks[1] - peaks[0] < 4e6


def test_partial_fit_goes_on_with_blocks(data):
    X, y = data
    model = make().fit(FeatureBlocks(X))
    before = model.coef_.copy()
    model.partial_fit(FeatureBlocks(X))
    assert (model.coef_ != before).any()
    assert clustering_accuracy_score(y, model.labels_) > 0.95
    fresh = make()
    for _ in range(15):
        fresh.partial_fit(FeatureBlocks(X))
    assert clustering_accuracy_score(y, fresh.labels_) > 0.9


def test_predictions_are_written_to_what_is_given(data, tmp_path, monkeypatch):
    X, _ = data
    model = make(max_iter=2).fit(X)
    for method, dtype, shape in (("predict", "i4", (1500,)), ("predict_proba", "f4", (1500, 4))):
        path = tmp_path / f"{method}.npy"
        out = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
        predict = getattr(model, method)
        assert predict(FeatureBlocks(X), out=out) is out
        np.testing.assert_array_equal(np.load(path), predict(X))
    with pytest.raises(ValueError, match=r"'out' array must be an ndarray of shape \(1500,\)"):
        model.predict(X, out=np.empty(3, int))
    with pytest.raises(ValueError, match="'out' array must be able to hold float32"):
        model.predict_proba(X, out=np.empty((1500, 4), int))


@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict"])
def test_what_is_not_finite_is_named_by_its_row(data, method):
    X = data[0].copy()
    model = make(max_iter=2, max_samples=100).fit(X)
    X[1234, 7] = np.nan
    with pytest.raises(ValueError, match="NaN in row 1234, column 7"):
        getattr(model, method)(FeatureBlocks(X))


def test_bad_blocks_are_one_clear_error(data):
    X, _ = data
    with pytest.raises(ValueError, match="fewer than n_clusters"):
        make().fit(FeatureBlocks(X[:3]))
    with pytest.raises(ValueError, match=r"'max_samples' parameter .* at least n_clusters=4"):
        make(max_samples=3).fit(X)
    with pytest.raises(ValueError, match="constant features"):
        make().fit(FeatureBlocks(np.ones((50, 3))))
    with pytest.raises(ValueError, match="expecting 160 features"):
        make(max_iter=1).fit(X).predict(FeatureBlocks(X[:, :9]))


SCRIPT = """
import sys, time
import numpy as np
from skcollision import CollisionClusterer, FeatureBlocks

X = FeatureBlocks(np.load(sys.argv[1], mmap_mode="r"))
CollisionClusterer(
    4, n_init=2, max_iter=100000, batch_size=200, tol=0, schedule="constant", random_state=0
).fit(X, checkpoint=sys.argv[2])
"""


@pytest.mark.slow
def test_a_fit_killed_at_any_moment_goes_on_bit_for_bit(data, tmp_path, monkeypatch):
    X, _ = data
    np.save(tmp_path / "X.npy", X)
    path = tmp_path / "fit.checkpoint"
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "X.npy"), str(path)]
    process = subprocess.Popen(command)
    try:
        while not path.exists():
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(0.3)
    finally:
        os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL

    long = {"tol": 0, "schedule": "constant", "max_iter": 100000}
    seen = []
    run = Trainer.run

    def short(self, features, weight, on_epoch_end, **kwargs):
        done = kwargs["progress"]
        seen.append(0 if done is None else len(done.history.seconds))
        return run(self, features, weight, lambda epoch, _: epoch >= seen[0] + 2, **kwargs)

    monkeypatch.setattr(Trainer, "run", short)
    resumed = make(**long).fit(X, checkpoint=path)
    whole = make(**long).fit(X)
    assert seen[0] >= 1
    assert seen[1] == 0
    assert resumed.n_iter_ == whole.n_iter_ == seen[0] + 3
    for name in ("coef_", "intercept_", "labels_", "class_prior_"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
    np.testing.assert_array_equal(resumed.history_["objective"], whole.history_["objective"])


class Stopped(Exception):
    pass


@pytest.mark.parametrize("random_state", [0, None, "instance"])
def test_a_checkpoint_holds_the_random_numbers(data, tmp_path, monkeypatch, random_state):
    X = data[0][::5]

    def model():
        given = np.random.RandomState(5) if random_state == "instance" else random_state
        return make(random_state=given, max_iter=4)

    path, save, count = tmp_path / "c", _training.Resumption.save, [0]

    def stop_after_two(self, trainer, progress):
        save(self, trainer, progress)
        count[0] += 1
        if count[0] == 2:
            raise Stopped

    np.random.seed(3)  # noqa: NPY002
    with monkeypatch.context() as patch:
        patch.setattr(_training.Resumption, "save", stop_after_two)
        with pytest.raises(Stopped):
            model().fit(X, checkpoint=path)
    np.random.seed(4)  # noqa: NPY002
    resumed = model().fit(X, checkpoint=path)
    np.random.seed(3)  # noqa: NPY002
    np.testing.assert_array_equal(resumed.coef_, model().fit(X).coef_)
    # What is there at the end gives the same model again.
    np.testing.assert_array_equal(model().fit(X, checkpoint=path).coef_, resumed.coef_)


def test_a_checkpoint_of_another_fit_is_refused(data, tmp_path):
    X = data[0][::5]
    path = tmp_path / "c"
    make(max_iter=2).fit(X, checkpoint=path)
    assert [each.name for each in tmp_path.iterdir()] == ["c"]
    with pytest.raises(ValueError, match=r"'checkpoint' .* the parameters differ"):
        make(max_iter=3).fit(X, checkpoint=path)
    with pytest.raises(ValueError, match="the features differ"):
        make(max_iter=2).fit(X[:90], checkpoint=path)
    for impossible in (tmp_path, tmp_path / "missing" / "c"):
        with pytest.raises(ValueError, match=r"'checkpoint' .* must be a file"):
            make(max_iter=2).fit(X, checkpoint=impossible)
    path.write_bytes(b"nothing of ours")
    with pytest.raises(ValueError, match="is not a checkpoint of skcollision"):
        make(max_iter=2).fit(X, checkpoint=path)
