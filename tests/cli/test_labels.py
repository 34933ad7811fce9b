"""Reading labels: integers or text, from every format, with or without a name on top."""

from pathlib import Path

import numpy as np
import pytest

from skcollision.cli._files import ReadOptions, read_labels
from skcollision.cli._interface import InputError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(autouse=True)
def _in_folder(folder):
    """Every test works in a folder of its own."""


def write(name, text):
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def labels_error(name, **options):
    with pytest.raises(InputError) as caught:
        read_labels(Path(name), ReadOptions(**options))
    return caught.value.format_message()


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (np.array([2, 0, 1], dtype=np.uint8), [2, 0, 1]),
        (np.array([[2], [0], [1]]), [2, 0, 1]),
        (np.array([2.0, 0.0, -1.0]), [2, 0, -1]),
        (np.array(["b", "a", "c"]), ["b", "a", "c"]),
    ],
)
def test_labels_of_npy(stored, expected):
    np.save("y.npy", stored)
    labels = read_labels(Path("y.npy"), ReadOptions())
    assert labels.tolist() == expected
    assert labels.dtype.kind != "f"


@pytest.mark.parametrize(
    ("text", "header", "expected"),
    [
        ("2\n0\n1\n", None, [2, 0, 1]),
        ("label\n2\n0\n", None, [2, 0]),
        ("2.0\n0.0\n", None, [2, 0]),
        ("label\ncat\ndog\ncat\n", None, ["cat", "dog", "cat"]),
        ("cat\ndog\ncat\n", None, ["cat", "dog", "cat"]),
        ("cat\ndog\ndog\n", False, ["cat", "dog", "dog"]),
        ("cat\ndog\ncat\n", True, ["dog", "cat"]),
        ("cat\n", None, ["cat"]),
        ("day\n2020-01-02\n2020-01-03\n", None, ["2020-01-02", "2020-01-03"]),
        ("true\nfalse\ntrue\n", None, ["true", "false", "true"]),
        (
            "2020-01-02T00:00\nx\n2020-01-02T00:00\n",
            None,
            ["2020-01-02T00:00", "x", "2020-01-02T00:00"],
        ),
        ("NA\nnull\nNA\n", None, ["NA", "null", "NA"]),
    ],
)
def test_labels_of_csv(text, header, expected):
    labels = read_labels(write("y.csv", text), ReadOptions(header=header))
    assert labels.tolist() == expected


@pytest.mark.parametrize(
    "column",
    [["b", "a", "b"], pa.array(["b", "a", "b"]).dictionary_encode(), [2, 0, 1], [2.0, 0.0, 1.0]],
)
def test_labels_of_parquet(column):
    pq.write_table(pa.table({"label": column, "other": [1, 2, 3]}), "y.parquet")
    labels = read_labels(Path("y.parquet"), ReadOptions(array="label"))
    expected = column.to_pylist() if isinstance(column, pa.DictionaryArray) else column
    assert labels.tolist() == expected
    assert "has 2 columns; choose one with --array: label, other" in labels_error("y.parquet")


def test_a_column_of_csv_is_chosen_by_name_or_number():
    path = write("y.csv", "id,label\n7,cat\n8, dog\n")
    for array in ("label", "1"):
        assert read_labels(path, ReadOptions(array=array)).tolist() == ["cat", "dog"]
    assert "has 2 columns; choose one with --array: id, label" in labels_error("y.csv")


def test_defects_of_labels():
    np.save("y.npy", np.zeros((3, 2)))
    assert "one label per point; its shape is (3, 2)" in labels_error("y.npy")
    np.save("y.npy", np.array([0.0, 0.5]))
    assert "row 1 (counted from 0) is 0.5" in labels_error("y.npy")
    np.save("y.npy", np.array([0.0, np.nan]))
    assert "row 1 (counted from 0) is nan" in labels_error("y.npy")
    np.save("y.npy", np.array([]))
    assert "holds no labels" in labels_error("y.npy")
    np.save("y.npy", np.array([1j]))
    assert "dtype is complex128" in labels_error("y.npy")
    write("y.csv", "1,2\n")
    assert "has 2 columns; choose one with --array: 0, 1" in labels_error("y.csv")
    write("y.csv", "")
    assert "holds no data" in labels_error("y.csv")
    write("y.csv", 'label\na\n""\nb\n')
    assert "row 1 (counted from 0) has no label" in labels_error("y.csv")
    pq.write_table(pa.table({"label": [1, None]}), "y.parquet")
    assert "row 1 (counted from 0) has no label" in labels_error("y.parquet")
