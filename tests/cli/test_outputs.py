"""Writing: what is written can be read back, and it appears whole or not at all."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from skcollision.cli._files import ReadOptions, read_labels, read_matrix
from skcollision.cli._interface import InputError
from skcollision.cli._outputs import check_outputs, write_outputs

LABELS = np.array([3, 0, 11, 2], dtype=np.int64)
SUFFIXES = ["npy", "npz", "csv", "parquet"]


@pytest.fixture(autouse=True)
def _in_folder(folder):
    """Every test works in a folder of its own."""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_labels_can_be_read_back(suffix):
    path = Path(f"labels.{suffix}")
    write_outputs({path: LABELS})
    labels = read_labels(path, ReadOptions())
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_probabilities_can_be_read_back_to_the_last_bit(suffix, dtype):
    path = Path(f"proba.{suffix}")
    rng = np.random.default_rng(0)
    # Ordinary values, and those of a confident model: near 0 and 1.
    proba = np.vstack([rng.random((200, 3)), rng.dirichlet(np.full(3, 0.05), 50)]).astype(dtype)
    write_outputs({path: proba})
    np.testing.assert_array_equal(read_matrix(path, ReadOptions()).astype(dtype), proba)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_columns_have_names(suffix):
    pd = pytest.importorskip("pandas")
    path = Path(f"proba.{suffix}")
    write_outputs({path: np.ones((2, 2)) / 2})
    frame = pd.read_csv(path) if suffix == "csv" else pd.read_parquet(path)
    assert list(frame.columns) == ["cluster_0", "cluster_1"]


def test_a_failed_write_leaves_old_files_and_no_others():
    Path("a.npy").write_bytes(b"old")

    def full_disk(file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    path = Path("a.npy")
    with pytest.raises(InputError, match=r"b\.npy: cannot be written: No space left on device"):
        write_outputs({path: LABELS, Path("b.npy"): full_disk})
    assert [each.name for each in Path().iterdir()] == ["a.npy"]
    assert path.read_bytes() == b"old"


def test_an_interrupt_while_writing_leaves_nothing():
    def interrupt(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_outputs({Path("a.npy"): interrupt})
    assert list(Path().iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="permission bits and links of POSIX")
def test_files_are_as_readable_as_others_and_links_stay_links():
    Path("folder").mkdir()
    path = Path("link.npy")
    path.symlink_to("folder/labels.npy")
    write_outputs({path: LABELS})
    assert path.is_symlink()
    Path("plain").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(Path("plain").stat().st_mode)


def test_outputs_are_checked_before_the_work(monkeypatch):
    Path("folder.npy").mkdir()
    Path("file").touch()
    with pytest.raises(InputError, match="is a directory"):
        check_outputs([Path("folder.npy")], inputs=[])
    with pytest.raises(InputError, match=r"there is no directory .*nowhere"):
        check_outputs([Path("nowhere/labels.npy")], inputs=[])
    with pytest.raises(InputError, match=r"there is no directory .*file"):
        check_outputs([Path("file/labels.npy")], inputs=[])
    with pytest.raises(InputError, match="is read by this command"):
        check_outputs([Path("folder.npy/../X.npy")], inputs=[Path("X.npy")])
    with pytest.raises(InputError, match="is named for two outputs"):
        check_outputs([Path("a.npy")], other=Path("./a.npy"), inputs=[])

    with pytest.raises(InputError, match="must end in one of"):
        check_outputs([Path("labels.txt")], inputs=[])
    check_outputs([Path("labels.csv")], other=Path("model.any"), inputs=[])

    def read_only(**_):
        raise OSError(30, "Read-only file system")

    # Permission bits would not do: a test that runs as root may write anywhere.
    monkeypatch.setattr("tempfile.TemporaryFile", read_only)
    with pytest.raises(InputError, match="Read-only file system"):
        check_outputs([Path("a.npy")], inputs=[])
