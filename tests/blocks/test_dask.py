"""Rows that dask keeps: the fit in memory, whatever the chunks and whoever computes them."""

import os
import pickle
import signal
import subprocess
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits

from skcollision import CollisionClusterer
from skcollision.cluster import MutualInfoClusterer
from skcollision.datasets import make_embeddings
from skcollision.engine import draw_sample

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

CHUNKS = {"one": (600,), "seven": (86,) * 6 + (84,), "ragged": (0, 5, 300, 1, 0, 293, 1)}


@pytest.fixture(scope="module")
def X():
    return make_embeddings(600, 4, 24, spread=0.7, random_state=0)[0]


@pytest.fixture(scope="module")
def weight():
    return np.random.default_rng(0).choice([0.0, 0.5, 3.0], 600)


def make(cls=CollisionClusterer, **parameters):
    return cls(4, **{"n_init": 2, "max_iter": 4, "random_state": 0, **parameters})


def chunked(X, chunks):
    return da.from_array(X, chunks=(chunks, *((n,) for n in X.shape[1:])))


@pytest.mark.parametrize("max_samples", ["auto", 200])
def test_digits_are_clustered_as_in_memory(max_samples):
    X = load_digits().data[:600]
    expected = CollisionClusterer(10, n_init=2, max_samples=max_samples, random_state=0).fit(X)
    for chunks in CHUNKS.values():
        rows = chunked(X, chunks)
        model = CollisionClusterer(10, n_init=2, max_samples=max_samples, random_state=0).fit(rows)
        np.testing.assert_array_equal(model.labels_, expected.labels_)
        for name in ("coef_", "intercept_", "class_prior_"):
            np.testing.assert_array_equal(getattr(model, name), getattr(expected, name))
        np.testing.assert_allclose(model.cluster_centers_, expected.cluster_centers_, atol=1e-9)
        assert model.score(rows) == pytest.approx(expected.score(X))


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("max_samples", ["auto", 200])
def test_weights_count_as_in_memory(X, weight, chunks, max_samples):
    expected = make(max_samples=max_samples).fit(X, sample_weight=weight)
    rows = chunked(X, CHUNKS[chunks])
    for given in (weight, chunked(weight, (599, 1))):
        model = make(max_samples=max_samples).fit(rows, sample_weight=given)
        np.testing.assert_array_equal(model.labels_, expected.labels_)
        np.testing.assert_allclose(model.cluster_centers_, expected.cluster_centers_, atol=1e-4)
        score = expected.score(X, sample_weight=weight)
        assert model.score(rows, sample_weight=given) == pytest.approx(score)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "fit_predict"])
def test_every_way_to_fit(X, method):
    models = [make(MutualInfoClusterer) for _ in range(2)]
    rows = chunked(X, CHUNKS["seven"])
    for model, data in zip(models, (X, rows), strict=True):
        getattr(model, method)(data)
    np.testing.assert_array_equal(models[0].coef_, models[1].coef_)
    assert models[1].labels_.chunks == (CHUNKS["seven"],)


@pytest.mark.parametrize(
    ("method", "dtype", "width"),
    [
        ("predict", np.int32, ()),
        ("predict_proba", np.float32, (4,)),
        ("predict_log_proba", np.float32, (4,)),
        ("decision_function", np.float32, (4,)),
        ("transform", np.float32, (4,)),
    ],
)
def test_predictions_are_plans(X, method, dtype, width):
    model = make().fit(X)

    def refuse(dsk, keys, **kwargs):
        raise AssertionError("something was computed")

    with dask.config.set(scheduler=refuse):
        found = getattr(model, method)(chunked(X, CHUNKS["ragged"]))
    assert isinstance(found, da.Array)
    assert (found.dtype, found.shape) == (dtype, (600, *width))
    assert found.chunks == (CHUNKS["ragged"], *((n,) for n in width))
    values = found.compute()
    assert (values.dtype, values.shape) == (found.dtype, found.shape)
    np.testing.assert_allclose(values, getattr(model, method)(X), atol=1e-5)
    with pytest.raises(ValueError, match="'out' array must be None for X of dask"):
        model.predict(chunked(X, (600,)), out=np.empty(600, int))


def test_predictions_go_to_zarr_chunk_by_chunk(X, tmp_path):
    pytest.importorskip("zarr")
    rows = chunked(X, (100,) * 6)
    rows.to_zarr(f"{tmp_path}/X.zarr")
    model = make().fit(da.from_zarr(f"{tmp_path}/X.zarr"))
    model.labels_.to_zarr(f"{tmp_path}/labels.zarr")
    found = da.from_zarr(f"{tmp_path}/labels.zarr")
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, make().fit_predict(X))


def test_only_the_sample_comes_here(X):
    """Rows are read for the sample, for the centres and, when they are asked for, for labels."""
    seen = []

    def read(block):
        seen.append(len(block))
        return block

    rows = chunked(X, (200,) * 3).map_blocks(read, meta=X[:0])
    model = make(max_samples=100).fit(rows)
    assert seen == [200] * 6
    model.labels_.compute()
    assert seen == [200] * 9


@pytest.mark.parametrize("size", [None, 7, 150, 10_000])
@pytest.mark.parametrize("used", [slice(None), slice(0, 5), slice(595, 600), slice(300, 302)])
def test_points_are_drawn_by_weight_as_in_memory(X, weight, size, used):
    from skcollision.blocks._dask import DaskRows

    given = np.zeros(600)
    given[used] = weight[used] + 0.5
    given /= given.mean()
    expected = draw_sample(600, given, size, np.random.RandomState(0))
    for chunks in CHUNKS.values():
        lazy = DaskRows(chunked(X, chunks)).weight(given)
        drawn = draw_sample(600, lazy, size, np.random.RandomState(0))
        np.testing.assert_array_equal(drawn.rows, expected.rows)
        np.testing.assert_allclose(drawn.weight, expected.weight)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int16, bool])
def test_other_types_are_read_as_in_memory(X, dtype):
    X = (X > 0) if dtype is bool else (20 * X).astype(dtype)
    expected, model = make().fit(X), make().fit(chunked(X, CHUNKS["seven"]))
    assert model.coef_.dtype == expected.coef_.dtype
    np.testing.assert_array_equal(model.labels_, expected.labels_)
    assert model.predict_proba(chunked(X, (600,))).dtype == expected.predict_proba(X).dtype


def test_columns_in_chunks_and_rows_of_unknown_number(X):
    rows = da.from_array(X, chunks=(100, 7))
    expected = make().fit_predict(X[X[:, 0] > 0])
    some = rows[rows[:, 0] > 0]
    model = make().fit(some)
    assert np.isnan(some.shape[0])  # the user's array is as it was
    assert np.isfinite(model.labels_.shape[0])
    np.testing.assert_array_equal(model.labels_, expected)
    weighted = make().fit(some, sample_weight=rows[rows[:, 0] > 0][:, 0])
    assert weighted.labels_.shape == model.labels_.shape


def test_a_data_frame_of_columns(X):
    pandas = pytest.importorskip("pandas")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dd = pytest.importorskip("dask.dataframe")
    table = pandas.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    frame = dd.from_pandas(table, npartitions=3)
    expected, model = make().fit(table), make().fit(frame)
    np.testing.assert_array_equal(model.feature_names_in_, table.columns)
    np.testing.assert_array_equal(model.labels_, expected.labels_)
    np.testing.assert_array_equal(model.predict(frame), expected.labels_)
    by_weight = make().fit(frame, sample_weight=frame["x0"] ** 2)
    np.testing.assert_array_equal(
        by_weight.labels_, make().fit(table, sample_weight=table["x0"] ** 2).labels_
    )
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"x0": "y"}))
    with pytest.raises(ValueError, match="X must be of numbers in dense chunks"):
        make().fit(frame.assign(x0=frame["x0"].astype(object)))
    with pytest.raises(ValueError, match="X must be a matrix of dask"):
        make().fit(frame["x0"])


@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict"])
@pytest.mark.parametrize(("value", "name"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_what_is_not_finite_is_named_by_block_and_row(X, method, value, name):
    model = make(max_samples=100).fit(X)
    X = X.copy()
    X[431, 7] = value
    message = f"{name} in row 431, column 7, in block 5"
    with pytest.raises(ValueError, match=message):
        np.asarray(getattr(model, method)(chunked(X, CHUNKS["ragged"])))


def test_bad_input_is_one_clear_error(X, weight):
    rows = chunked(X, (300, 300))
    with pytest.raises(ValueError, match="fewer than n_clusters"):
        make().fit(rows[:3])
    with pytest.raises(ValueError, match="X must be a matrix of dask"):
        make().fit(rows[:, 0])
    with pytest.raises(ValueError, match="must have rows and columns"):
        make().fit(rows[:0])
    with pytest.raises(ValueError, match=r"X must be of numbers in dense chunks. Got .*complex64"):
        make().fit(rows.astype(np.complex64))
    with pytest.raises(ValueError, match="expecting 24 features"):
        make().fit(rows).predict(rows[:, :9])
    with pytest.raises(ValueError, match=r"X must be of numbers in dense chunks. Got .*csr_array"):
        make().fit(rows.map_blocks(sparse.csr_array))
    with pytest.raises(ValueError, match=r"must be an array or a data frame of dask. Got Delayed"):
        make().fit(dask.delayed(X))
    for wrong, message in (
        (np.array(["a"] * 600), "sample_weight must be of numbers"),
        (rows[:, 0] + 1j, "sample_weight must be of numbers"),
        (weight[:-1], r"sample_weight.shape == \(599,\)"),
        (-weight, "[Nn]egative"),
        (np.full(600, np.nan), "sample_weight contains NaN"),
        (np.zeros(600), "zero"),
    ):
        with pytest.raises(ValueError, match=message):
            make().fit(rows, sample_weight=wrong)


def test_empty_clusters_are_seen(X):
    rows = chunked(np.repeat(X[:3], 50, axis=0), (75, 75))
    with pytest.warns(UserWarning, match="clusters ended empty"):
        make().fit(rows)


def test_a_saved_model_has_no_rows(X):
    model = make().fit(chunked(X, (300, 300)))
    loaded = pickle.loads(pickle.dumps(model))
    assert not hasattr(loaded, "labels_")
    assert not hasattr(loaded, "probabilities_")
    np.testing.assert_array_equal(model.probabilities_, loaded.predict_proba(X).max(axis=1))
    np.testing.assert_array_equal(loaded.predict(X), model.labels_)


def test_dask_is_imported_for_dask_only():
    code = "import sys, skcollision.cluster; sys.exit('dask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def killing(block, folder, block_info=None):
    """Kill the worker that reads the second chunk, once for each file in a folder."""
    if block_info[0]["chunk-location"][0] == 1:
        for name in sorted(os.listdir(folder))[:1]:
            os.remove(f"{folder}/{name}")
            os.kill(os.getpid(), signal.SIGKILL)
    return block


def test_any_scheduler_does(X, weight, forkserver):
    expected = make(max_samples=200).fit(X, sample_weight=weight)
    rows = chunked(X, CHUNKS["seven"])
    with ProcessPoolExecutor(1, mp_context=forkserver) as pool:
        for options in ({"scheduler": "sync"}, {"scheduler": "processes", "pool": pool}):
            with dask.config.set(options):
                model = make(max_samples=200).fit(rows, sample_weight=weight)
                np.testing.assert_array_equal(model.labels_, expected.labels_)


@pytest.mark.slow
def test_workers_in_processes_that_are_killed_change_nothing(X, tmp_path, forkserver):
    distributed = pytest.importorskip("distributed")
    expected = make(max_samples=200).fit(X)
    rows = chunked(X, CHUNKS["seven"])
    local = "127.0.0.1:0"
    options = {"n_workers": 2, "threads_per_worker": 1, "host": "127.0.0.1"}
    options |= {"dashboard_address": local, "worker_dashboard_address": local}
    settings = {
        "distributed.worker.multiprocessing-method": "forkserver",
        "distributed.scheduler.no-workers-timeout": "1 minute",
    }
    with (
        warnings.catch_warnings(action="ignore"),  # the cluster tells of the workers that it lost
        dask.config.set(settings),
        distributed.LocalCluster(**options) as cluster,
        distributed.Client(cluster),
    ):
        np.testing.assert_array_equal(make(max_samples=200).fit(rows).labels_, expected.labels_)
        mortal = rows.map_blocks(killing, folder=str(tmp_path), dtype=X.dtype, meta=X[:0])
        for place in ("sample", "centres", "labels"):
            model = make(max_samples=200)
            if place == "sample":
                (tmp_path / place).touch()
            if place == "centres":
                describe = model._describe

                def described(*args, describe=describe):
                    (tmp_path / "centres").touch()
                    return describe(*args)

                model._describe = described
            model.fit(mortal)
            if place == "labels":
                (tmp_path / place).touch()
            np.testing.assert_array_equal(model.labels_, expected.labels_)
            np.testing.assert_array_equal(model.coef_, expected.coef_)
            assert not list(tmp_path.iterdir())
