"""Fits of data larger than memory, and fits that are killed."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from skcollision import CollisionClusterer, FeatureBlocks
from skcollision.blocks import _feature_blocks
from skcollision.cluster import _resumption
from skcollision.datasets import make_embeddings
from skcollision.engine import Trainer, _block_source, _neighbourhoods
from skcollision.metrics import clustering_accuracy_score


@pytest.fixture(scope="module")
def data():
    X, y = make_embeddings(1500, 4, 160, spread=0.7, random_state=0)
    order = np.argsort(y, kind="stable")
    return X[order], y[order]


@pytest.fixture
def small_memory(monkeypatch):
    """Streams hold 300 rows, and 500 landmarks."""
    monkeypatch.setattr(_block_source, "BUFFER_BYTES", 300 * 128 * 4)
    monkeypatch.setattr(_neighbourhoods, "MOST_LANDMARKS", 500)
    monkeypatch.setattr(_neighbourhoods, "LANDMARKS_PER_CLUSTER", 1)


def make(**parameters):
    defaults = {"n_clusters": 4, "n_init": 2, "max_iter": 12, "batch_size": 200, "random_state": 0}
    return CollisionClusterer(**{**defaults, **parameters})


@pytest.mark.usefixtures("small_memory")
def test_rows_sorted_by_class_are_clustered_as_in_memory(data):
    X, y = data
    streamed = make().fit(FeatureBlocks(X, block_rows=20))
    assert clustering_accuracy_score(y, streamed.labels_) > 0.95
    assert adjusted_rand_score(make().fit(X).labels_, streamed.labels_) > 0.9
    assert streamed.labels_.dtype == np.int32
    assert streamed.coef_.shape == (4, 160)
    np.testing.assert_array_equal(streamed.labels_, streamed.predict(X))
    means = [X[streamed.labels_ == k].mean(0) for k in range(4)]
    np.testing.assert_allclose(streamed.cluster_centers_, means, atol=0.1)
    again = make().fit(FeatureBlocks(X, block_rows=20))
    np.testing.assert_array_equal(again.coef_, streamed.coef_)


def test_large_maps_are_streamed_and_half_precision_is_never_widened_whole(
    data, tmp_path, monkeypatch
):
    X, y = data
    np.save(tmp_path / "X.npy", X.astype(np.float16))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
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


def test_weights_count_and_zero_leaves_out(data):
    X, y = data
    weight = np.where(y == 0, 0.0, 1.0)
    model = make(n_clusters=3).fit(FeatureBlocks(X), sample_weight=weight)
    used = weight > 0
    assert clustering_accuracy_score(y[used], model.labels_[used]) > 0.95
    assert model.score(FeatureBlocks(X), sample_weight=weight) == pytest.approx(
        model.score(X, sample_weight=weight)
    )


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
    model = make(max_iter=2).fit(X)
    X[1234, 7] = np.nan
    with pytest.raises(ValueError, match="NaN in row 1234"):
        getattr(model, method)(FeatureBlocks(X))


def test_bad_blocks_are_one_clear_error(data):
    X, _ = data
    with pytest.raises(ValueError, match="fewer than n_clusters"):
        make().fit(FeatureBlocks(X[:3]))
    with pytest.raises(ValueError, match="constant features"):
        make().fit(FeatureBlocks(np.ones((50, 3))))
    with pytest.raises(ValueError, match="expecting 160 features"):
        make(max_iter=1).fit(X).predict(FeatureBlocks(X[:, :9]))


SCRIPT = """
import sys, time
import numpy as np
from skcollision import CollisionClusterer, FeatureBlocks

X = np.load(sys.argv[1], mmap_mode="r")
X = FeatureBlocks(X, block_rows=20) if sys.argv[3] == "blocks" else X
CollisionClusterer(
    4, n_init=2, max_iter=100000, batch_size=200, tol=0, schedule="constant", random_state=0
).fit(X, checkpoint=sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["blocks", "matrix"])
def test_a_fit_killed_at_any_moment_goes_on_bit_for_bit(data, tmp_path, monkeypatch, kind):
    X, _ = data
    np.save(tmp_path / "X.npy", X)
    path = tmp_path / "fit.checkpoint"
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "X.npy"), str(path), kind]
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
    features = FeatureBlocks(X, block_rows=20) if kind == "blocks" else X
    seen = []
    run = Trainer.run

    def short(self, source, weight, on_epoch_end, **kwargs):
        done = kwargs["progress"]
        seen.append(0 if done is None else len(done.history.seconds))
        return run(self, source, weight, lambda epoch, _: epoch >= seen[0] + 2, **kwargs)

    monkeypatch.setattr(Trainer, "run", short)
    resumed = make(**long).fit(features, checkpoint=path)
    whole = make(**long).fit(features)
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
    X, _ = data

    def model():
        given = np.random.RandomState(5) if random_state == "instance" else random_state
        return make(random_state=given, max_iter=4)

    path, save, count = tmp_path / "c", _resumption.Resumption.save, [0]

    def stop_after_two(self, trainer, progress):
        save(self, trainer, progress)
        count[0] += 1
        if count[0] == 2:
            raise Stopped

    np.random.seed(3)  # noqa: NPY002
    with monkeypatch.context() as patch:
        patch.setattr(_resumption.Resumption, "save", stop_after_two)
        with pytest.raises(Stopped):
            model().fit(X, checkpoint=path)
    np.random.seed(4)  # noqa: NPY002
    resumed = model().fit(X, checkpoint=path)
    np.random.seed(3)  # noqa: NPY002
    np.testing.assert_array_equal(resumed.coef_, model().fit(X).coef_)
    # What is there at the end gives the same model again.
    np.testing.assert_array_equal(model().fit(X, checkpoint=path).coef_, resumed.coef_)


def test_a_checkpoint_of_another_fit_is_refused(data, tmp_path):
    X, _ = data
    path = tmp_path / "c"
    make(max_iter=2).fit(X, checkpoint=path)
    assert [each.name for each in tmp_path.iterdir()] == ["c"]
    with pytest.raises(ValueError, match=r"'checkpoint' .* the parameters differ"):
        make(max_iter=3).fit(X, checkpoint=path)
    with pytest.raises(ValueError, match="the features differ"):
        make(max_iter=2).fit(X[:900], checkpoint=path)
    for impossible in (tmp_path, tmp_path / "missing" / "c"):
        with pytest.raises(ValueError, match=r"'checkpoint' .* must be a file"):
            make(max_iter=2).fit(X, checkpoint=impossible)
    path.write_bytes(b"nothing of ours")
    with pytest.raises(ValueError, match="is not a checkpoint of skcollision"):
        make(max_iter=2).fit(X, checkpoint=path)
