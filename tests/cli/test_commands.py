"""fit, predict and score as a user runs them: results, messages, exit codes."""

import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from skcollision import CollisionClusterer
from skcollision.cli import main

FAST = ("--n-init", "2", "--max-iter", "20")


def test_fit_predict_score(points, run):
    files = ("-o", "labels.npy", "--proba", "P.npy", "--model", "model.joblib")
    result = run("fit", "X.npy", "-k", 3, *files, *FAST)
    labels, proba = np.load("labels.npy"), np.load("P.npy")
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "60 x 5 into 3 clusters of 20 to 20 points" in result.stderr
    assert "wrote labels.npy, P.npy, model.joblib" in result.stderr
    assert labels.dtype.kind == "i"
    np.testing.assert_array_equal(labels, proba.argmax(axis=1))
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-5)

    result = run("score", "labels.npy", "y.npy")
    assert result.stdout == "ACC 1.0000\nNMI 1.0000\nARI 1.0000\n"

    result = run("predict", "model.joblib", "X.npy", "-o", "again.npz", "--proba", "P_again.npy")
    assert "wrote again.npz, P_again.npy" in result.stderr
    np.testing.assert_array_equal(np.load("again.npz")["labels"], labels)
    np.testing.assert_array_equal(np.load("P_again.npy"), proba)
    assert sorted(path.name for path in Path().iterdir()) == sorted(
        ["X.npy", "y.npy", "labels.npy", "P.npy", "model.joblib", "again.npz", "P_again.npy"]
    )


def test_fit_gives_what_the_estimator_gives(points, run):
    options = ("--lam", "5", "--fairness-weight", "0.5", "--prior", "0.5,0.25,0.25", "--seed", "7")
    run("fit", "X.npy", "-k", 3, "-o", "labels.npy", "--model", "m", *options, *FAST)
    model = joblib.load("m")
    expected = {"lam": 5.0, "fairness_weight": 0.5, "n_init": 2, "max_iter": 20, "random_state": 7}
    assert {name: model.get_params()[name] for name in expected} == expected
    np.testing.assert_array_equal(model.prior, [0.5, 0.25, 0.25])
    same = CollisionClusterer(**model.get_params()).fit(np.load("X.npy"))
    np.testing.assert_array_equal(np.load("labels.npy"), same.labels_)


def test_options_left_out_have_the_defaults_of_the_estimator(points, run, monkeypatch):
    seen = {}
    fit = CollisionClusterer.fit

    def record(self, X, y=None):
        seen.update(self.get_params())
        return fit(self.set_params(n_init=1, max_iter=1), X)

    monkeypatch.setattr(CollisionClusterer, "fit", record)
    run("fit", "X.npy", "-k", 3, "-o", "labels.npy", "--device", "cpu")
    assert seen == CollisionClusterer(3, random_state=0, device="cpu").get_params()


def test_prior_may_be_a_file(points, run):
    np.save("prior.npy", [0.2, 0.3, 0.5])
    run("fit", "X.npy", "-k", 3, "-o", "y.csv", "--model", "m", "--prior", "prior.npy", *FAST)
    np.testing.assert_array_equal(joblib.load("m").prior, [0.2, 0.3, 0.5])


def test_every_format_gives_the_same_labels(points, run):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    np.savez("X.npz", X=points, y=np.zeros(60))
    np.savetxt("X.csv", points, fmt="%.9g", delimiter=";", header="a;b;c;d;e", comments="")
    parquet.write_table(pa.table({"vector": points.tolist()}), "X.parquet")
    run("fit", "X.npy", "-k", 3, "-o", "npy.npy", *FAST)
    run("fit", "X.npz", "--array", "X", "-k", 3, "-o", "npz.npy", *FAST)
    run("fit", "X.csv", "--delimiter", ";", "-k", 3, "-o", "csv.npy", *FAST)
    run("fit", "X.parquet", "-k", 3, "-o", "parquet.npy", *FAST)
    for name in ("npz", "csv", "parquet"):
        np.testing.assert_array_equal(np.load(f"{name}.npy"), np.load("npy.npy"))


def test_columns_of_a_table_are_chosen(points, run):
    frame = pd.DataFrame(points, columns=list("abcde"))
    frame["group, of each"] = "x"
    frame.to_csv("X.csv", index=False)
    model = ("--model", "m")
    run("fit", "X.csv", "-k", 3, "-o", "y.csv", "--columns", "a, c,4", *model, *FAST)
    assert joblib.load("m").n_features_in_ == 3
    run("predict", "m", "X.csv", "-o", "z.csv", "--drop", '1,d,"group, of each"')
    assert Path("y.csv").read_bytes() == Path("z.csv").read_bytes()


def test_a_column_that_numbers_the_rows_is_named_and_can_be_dropped(points, run):
    frame = pd.DataFrame(points, columns=list("abcde"))
    frame.insert(2, "row", np.arange(60))
    frame.to_csv("X.csv", index=False)
    frame.to_csv("bare.csv", index=False, header=False)
    frame.to_parquet("X.parquet")
    some = ("--columns", "e,3,row")
    for name, options, column in (
        ("X.csv", (), "row"),
        ("X.parquet", (), "row"),
        ("X.parquet", some, "row"),
        ("X.csv", some, "row"),
        ("bare.csv", ("--columns", "4,2"), "2"),
    ):
        result = run("fit", name, "-k", 3, "-o", "y.npy", *options, *FAST)
        assert f"Warning: In X, column '{column}' numbers the rows" in result.stderr
    np.save("frame.npy", frame)
    result = run("fit", "frame.npy", "-k", 3, "-o", "y.npy", *FAST)
    assert "Warning: In X, column 2 numbers the rows" in result.stderr
    assert "Warning" not in run("fit", "X.csv", "-k", 3, "-o", "z.npy", "--drop", "2", *FAST).stderr
    run("fit", "X.npy", "-k", 3, "-o", "x.npy", *FAST)
    np.testing.assert_array_equal(np.load("z.npy"), np.load("x.npy"))


def test_quiet_and_overwriting(points, run):
    Path("labels.csv").write_text("old", encoding="utf-8")
    result = run("fit", "X.npy", "-k", 3, "-o", "labels.csv", "-q", *FAST)
    assert result.output == ""
    assert len(Path("labels.csv").read_text(encoding="utf-8").splitlines()) == 61


def test_warnings_are_one_line_each(points, run, monkeypatch):
    fit = CollisionClusterer.fit

    def warn(self, X, y=None):
        warnings.warn("first\nsecond", UserWarning, stacklevel=1)
        warnings.warn("not for users", DeprecationWarning, stacklevel=1)
        return fit(self, X)

    monkeypatch.setattr(CollisionClusterer, "fit", warn)
    result = run("fit", "X.npy", "-k", 3, "-o", "labels.npy", "-q", *FAST)
    assert result.stderr == "Warning: first second\n"


def test_errors_of_fit(points, fail):
    fit = ("fit", "X.npy", "-k", 3, "-o", "labels.npy")
    assert "X.npy: has 60 rows, too few for 61 clusters (-k)" in fail(
        "fit", "X.npy", "-k", 61, "-o", "labels.npy"
    )
    assert "absent.npy: cannot be read" in fail("fit", "absent.npy", "-k", 3, "-o", "labels.npy")
    assert "labels.txt: the name must end in" in fail("fit", "X.npy", "-k", 3, "-o", "labels.txt")
    assert "X.npy: cannot be written: it is read" in fail("fit", "X.npy", "-k", 3, "-o", "X.npy")
    assert "no directory" in fail(*fit, "--model", "nowhere/model.joblib")
    assert "P.dat: the name must end in" in fail(*fit, "--proba", "P.dat")
    for option in ("--lam", "--fairness-weight", "--n-init", "--max-iter"):
        name = option.removeprefix("--").replace("-", "_")
        assert f"The '{name}' parameter" in fail(*fit, option, "-1")
    assert "'random_state'" in fail(*fit, "--seed", "-1")
    assert "'n_clusters'" in fail("fit", "X.npy", "-k", 0, "-o", "labels.npy")
    assert "--prior: must be a file" in fail(*fit, "--prior", "a,b")
    assert "prior" in fail(*fit, "--prior", "0.5,0.5")
    assert "prior.npy: cannot be read" in fail(*fit, "--prior", "prior.npy")
    assert "device" in fail(*fit, "--device", "abacus").lower()


def test_data_that_is_not_finite_is_found_before_the_fit(points, fail):
    points[7, 3] = np.nan
    np.save("X.npy", points)
    error = fail("fit", "X.npy", "-k", 3, "-o", "labels.npy")
    assert error.startswith("Error: X.npy: X contains NaN in row 7, column 3")


def test_outputs_are_checked_before_the_data_are_read(points, fail, monkeypatch):
    reader = "skcollision.cli._files.read_matrix"
    monkeypatch.setattr(reader, lambda *_: pytest.fail("read first"))
    fail("fit", "X.npy", "-k", 3, "-o", "nowhere/labels.npy")


@pytest.fixture
def model(points, run):
    run("fit", "X.npy", "-k", 3, "-o", "labels.npy", "--model", "model.joblib", *FAST)


@pytest.mark.usefixtures("model")
def test_errors_of_predict(points, fail):
    predict = ("predict", "model.joblib")
    np.save("narrow.npy", points[:, :4])
    assert "narrow.npy: has 4 columns, but model.joblib was fitted on 5" in fail(
        *predict, "narrow.npy", "-o", "out.npy"
    )
    assert "is read by this command" in fail(*predict, "X.npy", "-o", "X.npy")
    assert "absent: cannot be read" in fail("predict", "absent", "X.npy", "-o", "out.npy")


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x04K\x01.", b"\x80\x05\x95 broken"])
def test_a_file_that_is_no_model(points, fail, content):
    Path("m").write_bytes(content)
    assert "m: " in fail("predict", "m", "X.npy", "-o", "out.npy")


def test_other_objects_and_unfitted_models_are_no_models(points, fail):
    joblib.dump({"a": 1}, "m")
    assert "m: holds a dict, not a fitted" in fail("predict", "m", "X.npy", "-o", "out.npy")
    joblib.dump(CollisionClusterer(3), "m")
    assert "not a fitted CollisionClusterer" in fail("predict", "m", "X.npy", "-o", "out.npy")


def test_score_of_text_and_permuted_names(folder, run):
    Path("labels.csv").write_text("labels\n2\n2\n0\n0\n1\n1\n", encoding="utf-8")
    Path("truth.csv").write_text("kind\na\na\nb\nb\nc\nb\n", encoding="utf-8")
    result = run("score", "labels.csv", "truth.csv")
    assert result.stdout.startswith("ACC 0.8333\n")


def test_score_of_arrays_by_name(folder, run):
    np.savez("both.npz", labels=[0, 0, 1, 1], truth=[5, 5, 7, 7])
    names = ("--array", "labels", "--truth-array", "truth")
    assert run("score", "both.npz", "both.npz", *names).stdout.startswith("ACC 1.0000\n")


def test_errors_of_score(folder, fail):
    np.save("a.npy", [0, 1, 2])
    np.save("b.npy", [0, 1])
    Path("b.csv").write_text("cat\ndog\n", encoding="utf-8")
    assert "a.npy has 3 labels and b.npy has 2" in fail("score", "a.npy", "b.npy")
    assert "see --header" in fail("score", "a.npy", "b.csv")
    assert "absent.npy: cannot be read" in fail("score", "a.npy", "absent.npy")
    Path("c.csv").write_text("cat\n-1\ncat\n", encoding="utf-8")
    assert "'y_true' parameter" in fail("score", "a.npy", "c.csv")


def test_delimiter_must_be_one_character(points):
    result = CliRunner().invoke(main, ["fit", "X.npy", "-k3", "-oy.npy", "--delimiter", "ab"])
    assert result.exit_code == 2
    assert "must be one character" in result.stderr
    assert "Traceback" not in result.output


def test_help_and_version(run):
    help_text = run("--help").stdout
    for name in main.commands:
        assert name in help_text
        assert "Usage:" in run(name, "--help").stdout
    assert run("--version").stdout.startswith("skcollision, version ")
    assert "runs code" in run("predict", "--help").stdout


def test_help_is_quick():
    """The command line must not load torch, numba or scikit-learn before it has work for them."""
    code = (
        "import sys; from skcollision.cli import main; "
        "print([n for n in ('torch', 'numba', 'sklearn', 'matplotlib') if n in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"
