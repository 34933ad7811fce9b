"""fit --dask: the labels of the same rows in one file, as a file for each that was read."""

import sys
from itertools import pairwise
from pathlib import Path

import joblib
import numpy as np
import pytest

from skcollision import CollisionClusterer
from skcollision.cli import _parts

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
distributed = pytest.importorskip("distributed")

FAST = ("--n-init", "2", "--max-iter", "20")
ENDS = (0, 7, 7, 40, 60)  # the second file is empty


@pytest.fixture
def files(points, monkeypatch):
    """Four files of the points, whose row groups are read one by one or two by two."""
    monkeypatch.setattr(_parts, "CHUNK_BYTES", 14 * 5 * 4)
    threads = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "protocol": "tcp://"}
    monkeypatch.setattr(_parts, "ONLY_HERE", _parts.ONLY_HERE | threads)
    Path("parts").mkdir()
    for number, (start, stop) in enumerate(pairwise(ENDS)):
        write(f"parts/{number}.parquet", points[start:stop])
    return points


def write(path, rows, **options):
    table = pa.table({f"f{i}": column for i, column in enumerate(rows.T)})
    pq.write_table(table, path, row_group_size=7, **options)


def read(folder):
    parts = [pq.read_table(path).to_pandas().to_numpy() for path in sorted(Path(folder).iterdir())]
    assert [len(each) for each in parts] == list(np.diff(ENDS))
    return np.concatenate(parts)


def test_fit_on_dask_gives_the_labels_of_one_file(files, run):
    outputs = ("-o", "labels", "--proba", "P", "--model", "model.joblib")
    result = run("fit", "parts/*.parquet", "-k", 3, *outputs, *FAST, "--dask")
    assert "60 x 5 into 3 clusters of 20 to 20 points" in result.stderr
    assert "wrote labels, P, model.joblib" in result.stderr
    run("fit", "X.npy", "-k", 3, "-o", "labels.npy", "--proba", "P.npy", *FAST)
    np.testing.assert_array_equal(read("labels")[:, 0], np.load("labels.npy"))
    np.testing.assert_allclose(read("P"), np.load("P.npy"), atol=1e-6)
    np.testing.assert_array_equal(joblib.load("model.joblib").predict(files), np.load("labels.npy"))
    with distributed.LocalCluster(**_parts.ONLY_HERE) as cluster:
        address = cluster.scheduler_address
        some = ("--columns", "f0,2", *FAST, "--dask", address)
        run("fit", "parts/*", "-k", 3, "-o", "labels", *some)
    np.save("X.npy", files[:, [0, 2]])
    run("fit", "X.npy", "-k", 3, "-o", "labels.npy", *FAST)
    np.testing.assert_array_equal(read("labels")[:, 0], np.load("labels.npy"))


def test_errors(files, fail, monkeypatch):
    def error(pattern, *options, output="labels"):
        return fail("fit", pattern, "-k", 3, "-o", output, *options, "--dask")

    assert "none/*.parquet: no file matches" in error("none/*.parquet")
    assert "--dask is for .parquet files" in error("X*")
    assert "has 60 rows, too few for 61 clusters" in error("parts/*", "-k", "61")
    assert "parts/1.parquet: holds no data" in error("parts/1.parquet")
    assert "parts: cannot be written: it is read by" in error("parts/*", output="parts")
    assert "nowhere/labels: cannot be written: there is no directory" in error(
        "parts/*", output="nowhere/labels"
    )
    assert "y.npy: cannot be written: is no directory" in error("parts/*", output="y.npy")
    assert "labels: cannot be written: it is named" in error("parts/*", "--proba", "labels")
    assert "has no column 'g'" in error("parts/*", "--columns", "g")
    monkeypatch.setattr(_parts, "CONNECT_SECONDS", 0.2)
    fit = ("fit", "parts/*", "-k", 3, "-o", "labels", "--dask")
    assert "tcp://127.0.0.1:9 cannot be reached" in fail(*fit, "tcp://127.0.0.1:9")
    assert "cannot be reached: missing port" in fail(*fit, "somewhere")
    Path("more").mkdir()
    write("more/0.parquet", files)
    assert "two files have one name" in error("*/0.parquet")

    def lose_workers(*_, **__):
        raise distributed.comm.CommClosedError("gone")

    monkeypatch.setattr(CollisionClusterer, "fit", lose_workers)
    assert "--dask: workers died, for lack of memory perhaps: gone" in error("parts/*")

    def stay_alone(*_, **__):
        client = distributed.get_client()
        client.retire_workers()
        client.submit(abs, 1).result()

    monkeypatch.setattr(CollisionClusterer, "fit", stay_alone)
    monkeypatch.setattr(
        _parts, "NO_WORKERS", {"distributed.scheduler.no-workers-timeout": "1 second"}
    )
    assert "--dask: workers died, for lack of memory perhaps: Attempted to run" in error("parts/*")
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install 'skcollision[dask]'" in error("parts/*")


def test_a_file_that_cannot_be_written_is_named_and_none_is_there(files, fail, monkeypatch):
    Path("labels").mkdir()
    fit = ("fit", "parts/*", "-k", 3, "-o", "labels", *FAST, "--dask")
    write_table = _parts.write_table

    def full_disk(target, values, file):
        if target.name == "2.parquet":
            raise OSError(28, "No space left on device")
        write_table(target, values, file)

    monkeypatch.setattr(_parts, "write_table", full_disk)
    assert "labels/2.parquet: cannot be written: No space left" in fail(*fit)


def test_bad_rows_are_named_by_file_and_row(files, fail):
    def error(*options):
        return fail("fit", "parts/*", "-k", 3, "-o", "labels", *FAST, *options, "--dask")

    wrong = files[40:].copy()
    wrong[17, 2] = np.nan
    write("parts/3.parquet", wrong)
    assert "parts/3.parquet: X contains NaN in row 17, column 2" in error()
    write("parts/3.parquet", files[40:, :4])
    assert "parts/3.parquet: The 'columns' parameter" in error()
    Path("parts/3.parquet").write_text("nothing")
    assert "parts/3.parquet: " in error()
    vectors = pa.table({"f0": [[1.0, 2.0, 3.0]] * 9})
    pq.write_table(vectors, "parts/3.parquet")
    assert "parts/3.parquet: has 3 features, and others 1" in error("--columns", "f0")
    pq.write_table(pa.table({"f0": [[1.0, 2.0], [3.0]]}), "parts/0.parquet")
    assert "parts/0.parquet: X has a vector in row 1" in error("--columns", "f0")
    pq.write_table(pa.table({"f0": ["a"]}), "parts/0.parquet")
    assert "parts/0.parquet: X has the column 'f0' of type string" in error("--columns", "f0")
