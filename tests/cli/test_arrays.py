"""Reading: every format gives the same array, and every defect is named with its place."""

import io
import pickle
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skcollision.cli._files import ReadOptions, read_matrix
from skcollision.cli._interface import InputError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

MATRIX = np.array([[1.5, -2.25, 3.0], [4.0, 5e-3, 6.0], [7.0, 8.0, -9e9]])


@pytest.fixture(autouse=True)
def _in_folder(folder):
    """Every test works in a folder of its own."""


def write(name, content):
    path = Path(name)
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    else:
        path.write_bytes(content)
    return path


def matrix_error(name, **options):
    with pytest.raises(InputError) as caught:
        read_matrix(Path(name), ReadOptions(**options))
    message = caught.value.format_message()
    assert message.startswith(name)
    assert "\n" not in message
    return message


def rows(matrix, delimiter=","):
    return "".join(delimiter.join(map(repr, line)) + "\n" for line in matrix.tolist())


# --- matrices ---------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f4", "f8", ">f4", "f2", "i2", "i8", "u1", "?"])
def test_npy_of_any_real_type_becomes_native_float(dtype, order):
    stored = np.arange(6).reshape(3, 2).astype(dtype, order=order)
    np.save("X.npy", stored)
    X = read_matrix(Path("X.npy"), ReadOptions())
    assert X.dtype in (np.float32, np.float64)
    assert X.dtype.isnative
    np.testing.assert_array_equal(X, stored.astype(float))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_npy_of_floats_stays_on_disk(dtype):
    np.save("X.npy", MATRIX.astype(dtype))
    X = read_matrix(Path("X.npy"), ReadOptions())
    assert isinstance(X, np.memmap)
    assert X.dtype == dtype


def test_npz_with_one_array_needs_no_name():
    np.savez("X.npz", features=MATRIX)
    np.testing.assert_array_equal(read_matrix(Path("X.npz"), ReadOptions()), MATRIX)


def test_npz_with_several_arrays_needs_a_name():
    np.savez_compressed("X.npz", X=MATRIX, y=np.arange(3))
    X = read_matrix(Path("X.npz"), ReadOptions(array="X"))
    np.testing.assert_array_equal(X, MATRIX)
    assert "holds several arrays; choose one with --array: X, y" in matrix_error("X.npz")
    assert "has no array named 'Z'" in matrix_error("X.npz", array="Z")


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (rows(MATRIX), {}),
        ("a,b,c\n" + rows(MATRIX), {}),
        ("0,1,2\n" + rows(MATRIX), {}),  # column names as pandas makes them
        ("\ufeff" + rows(MATRIX), {}),  # byte-order mark
        ("\n\na,b,c\n\n" + rows(MATRIX) + "\n", {}),
        ('"a b","c,d",""\n' + rows(MATRIX), {}),
        (rows(MATRIX).replace("\n", "\r\n"), {}),
        ("a\tb\tc\n" + rows(MATRIX, "\t"), {"delimiter": "\t"}),
        ("7,8,9\n" + rows(MATRIX), {"header": True}),
        (rows(MATRIX), {"header": False}),
    ],
)
def test_csv_with_and_without_header(text, options):
    X = read_matrix(write("X.csv", text), ReadOptions(**options))
    np.testing.assert_array_equal(X, MATRIX)


def test_csv_line_of_numbers_is_data():
    X = read_matrix(write("X.csv", "1,2\n3,4\n"), ReadOptions())
    np.testing.assert_array_equal(X, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"a": MATRIX[:, 0], "b": MATRIX[:, 1], "c": MATRIX[:, 2]}),
        pa.table({"vector": MATRIX.tolist()}),
        pa.table({"vector": pa.array(MATRIX.tolist(), pa.list_(pa.float64(), 3))}),
        pa.table({"vector": pa.array(MATRIX.tolist(), pa.large_list(pa.float64()))}),
    ],
)
def test_parquet_of_columns_or_of_vectors(table):
    pq.write_table(table, "X.parquet", row_group_size=2)
    np.testing.assert_array_equal(read_matrix(Path("X.parquet"), ReadOptions()), MATRIX)


def test_parquet_column_of_vectors_beside_others_needs_its_name():
    table = pa.table({"id": ["a", "b", "c"], "vector": MATRIX.astype(np.float32).tolist()})
    pq.write_table(table, "X.parquet")
    X = read_matrix(Path("X.parquet"), ReadOptions(array="vector"))
    np.testing.assert_array_equal(X, MATRIX.astype(np.float32))
    assert "the column 'id' of type string" in matrix_error("X.parquet")
    error = matrix_error("X.parquet", array="nothing")
    assert "has no column 'nothing'; it has id, vector" in error


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(
    "options",
    [
        {"columns": ("c", "a")},
        {"columns": ("3", "1")},
        {"columns": ("c", "1", "a")},
        {"columns": ("c", "a", "b"), "drop": ("b",)},
        {"drop": ("id", "2"), "columns": ("3", "a", "b")},
    ],
)
def test_columns_are_chosen_by_name_or_number(suffix, options):
    frame = pd.DataFrame(MATRIX, columns=["a", "b", "c"])
    frame.insert(0, "id", ["x", "y", "z"])
    frame.to_csv("X.csv", index=False)
    frame.to_parquet("X.parquet")
    X = read_matrix(Path(f"X.{suffix}"), ReadOptions(**options))
    np.testing.assert_array_equal(X, MATRIX[:, [2, 0]])


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_columns_that_are_left_out(suffix):
    pd.DataFrame({"a": MATRIX[:, 0], "id": ["x", "y", "z"], "b": MATRIX[:, 1]}).to_csv("X.csv")
    pd.read_csv("X.csv").to_parquet("X.parquet", index=False)
    X = read_matrix(Path(f"X.{suffix}"), ReadOptions(drop=("0", "id")))
    np.testing.assert_array_equal(X, MATRIX[:, :2])
    error = matrix_error(f"X.{suffix}", drop=("a", "b", "0", "id"))
    assert "no column is left" in error
    assert "has no column 'c'" in matrix_error(f"X.{suffix}", drop=("c",))
    assert "has no column '4'" in matrix_error(f"X.{suffix}", columns=("4",))


def test_columns_without_names_and_with_one_name_for_two_have_numbers():
    for header in ("", "a,b,a\n"):
        write("X.csv", header + rows(MATRIX))
        X = read_matrix(Path("X.csv"), ReadOptions(columns=("2", "0")))
        np.testing.assert_array_equal(X, MATRIX[:, [2, 0]])


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_columns_are_for_tables(suffix):
    np.save("X.npy", MATRIX)
    np.savez("X.npz", X=MATRIX)
    assert "for .csv and .parquet files" in matrix_error(f"X.{suffix}", drop=("0",))


def test_frame_with_vectors_in_its_cells():
    frame = pd.DataFrame({"vector": list(MATRIX.astype("f")), "length": [1.0, 2, 3]})
    frame.to_parquet("X.parquet")
    X = read_matrix(Path("X.parquet"), ReadOptions(columns=("vector",)))
    assert X.dtype == np.float32
    np.testing.assert_array_equal(X, MATRIX.astype("f"))
    X = read_matrix(Path("X.parquet"), ReadOptions())
    np.testing.assert_array_equal(X, np.column_stack([MATRIX.astype("f"), [1, 2, 3]]))


def test_index_of_a_frame_is_no_feature():
    frame = pd.DataFrame({"vector": MATRIX.tolist()}, index=[7, 8, 9])
    frame.to_parquet("X.parquet")
    assert "seems to be a row index" in matrix_error("X.parquet")
    X = read_matrix(Path("X.parquet"), ReadOptions(drop=("__index_level_0__",)))
    np.testing.assert_array_equal(X, MATRIX)


def test_parquet_of_float32_and_integers_keeps_every_value():
    pq.write_table(pa.table({"a": np.float32([1.5, 2])}), "small.parquet")
    pq.write_table(pa.table({"a": [2**40, 1], "b": [True, False]}), "large.parquet")
    assert read_matrix(Path("small.parquet"), ReadOptions()).dtype == np.float32
    X = read_matrix(Path("large.parquet"), ReadOptions())
    np.testing.assert_array_equal(X, [[2.0**40, 1], [1, 0]])


# --- defects ----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["npy", "npz", "csv", "parquet"])
def test_missing_file_directory_and_garbage(suffix):
    name = f"X.{suffix}"
    assert "cannot be read: No such file or directory" in matrix_error(name)
    Path(name).mkdir()
    assert "cannot be read: Is a directory" in matrix_error(name)
    Path(name).rmdir()
    write(name, b"\x89\xff\x00garbage\xfe" * 20)
    matrix_error(name)
    write(name, b"")
    matrix_error(name)


@pytest.mark.parametrize("suffix", ["npy", "npz", "parquet"])
def test_truncated_file(suffix):
    name = f"X.{suffix}"
    if suffix == "npy":
        np.save(name, MATRIX)
    elif suffix == "npz":
        np.savez(name, MATRIX)
    else:
        pq.write_table(pa.table({"a": MATRIX[:, 0]}), name)
    whole = Path(name).read_bytes()
    write(name, whole[: len(whole) * 2 // 3])
    matrix_error(name)


def test_damaged_member_of_npz():
    np.savez("X.npz", X=np.ones((50, 50)))
    content = bytearray(Path("X.npz").read_bytes())
    content[5000] ^= 0xFF
    write("X.npz", bytes(content))
    assert "cannot be read: Bad CRC-32" in matrix_error("X.npz")


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __reduce__(self):
        return (open, ("trapped", "w"))


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_pickles_are_refused_and_never_run(suffix):
    trap = np.array([[Trap()]], dtype=object)
    np.save("X.npy", trap) if suffix == "npy" else np.savez("X.npz", X=trap)
    assert re.search("Python objects|allow_pickle=False", matrix_error(f"X.{suffix}"))
    write(f"X.{suffix}", pickle.dumps(Trap()))
    matrix_error(f"X.{suffix}")
    assert not Path("trapped").exists()


def test_archive_named_npy_is_refused():
    archive = io.BytesIO()
    np.savez(archive, X=MATRIX)
    write("X.npy", archive.getvalue())
    assert "cannot be read: the magic string is not correct" in matrix_error("X.npy")


def test_unknown_suffix():
    write("X.txt", "1,2\n")
    assert "must end in one of .npy, .npz, .csv, .parquet" in matrix_error("X.txt")


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.zeros(5), r"its shape is (5,)"),
        (np.zeros((2, 3, 4)), r"its shape is (2, 3, 4)"),
        (np.float64(3.0), r"its shape is ()"),
        (np.zeros((0, 3)), r"holds no data; its shape is (0, 3)"),
        (np.zeros((3, 0)), r"holds no data; its shape is (3, 0)"),
        (np.zeros((2, 2), dtype=complex), "dtype is complex128"),
        (np.array([["a", "b"]]), "dtype is <U1"),
        (np.zeros((2, 2), dtype="M8[s]"), "dtype is datetime64[s]"),
        (np.zeros((2, 2), dtype=[("a", "f4")]), "dtype is [('a', '<f4')]"),
    ],
)
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_wrong_shape_or_type(array, problem, suffix):
    np.save("X.npy", array) if suffix == "npy" else np.savez("X.npz", array)
    assert problem in matrix_error(f"X.{suffix}")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("order", ["C", "F"])
def test_first_value_that_is_not_finite_is_named(value, order, monkeypatch):
    # Several steps of the search, so that the row number must count those before.
    monkeypatch.setattr("skcollision.cli._files._CHECK_ELEMENTS", 8)
    X = np.ones((100, 4), order=order)
    X[73, 2] = value
    X[73, 3] = X[90, 0] = np.nan
    np.save("X.npy", X)
    kind = "NaN" if np.isnan(value) else "infinity"
    assert f"contains {kind} in row 73, column 2 (both counted from 0)" in matrix_error("X.npy")


def test_missing_values_of_csv_and_parquet_are_named():
    write("X.csv", "a,b\n1,2\n3,nan\n")
    assert "NaN in row 1, column 1 (both counted from 0)" in matrix_error("X.csv")
    for column in ([1.0, None], [1, None], [True, None]):
        pq.write_table(pa.table({"a": [1, 2], "b": column}), "X.parquet")
        assert "NaN in row 1, column 1 (both counted from 0)" in matrix_error("X.parquet")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no data"),
        ("\n\n", "holds no data"),
        ("a,b\n", "holds no data"),
        ("a,b\n1,2\n3,x\n", "column #1: Row #3: CSV conversion error to double: invalid value 'x'"),
        ("1,2\n3,\n", "NaN in row 1, column 1 (both counted from 0)"),
        (",2\n3,4\n", "NaN in row 0, column 0 (both counted from 0)"),
        ("id,1\n3,4\n", "say --header"),
        ("1,2\n3,4,5\n", "Row #2: Expected 2 columns, got 3: 3,4,5"),
        (",0,1\n0,5,6\n", "seems to be a row index"),
        (",a,b\n0,5,6\n", "seems to be a row index"),
        ("1;2\n3;4\n", "invalid value '3;4'; the first line has no ','"),
        ("a;b\n3;4\n", "see --delimiter"),
        ("1;2\n", "see --delimiter"),
    ],
)
def test_defects_of_csv(text, problem):
    write("X.csv", text)
    assert problem in matrix_error("X.csv")


def test_parquet_defects_name_the_row():
    pq.write_table(pa.table({"vector": [[1.0, 2.0], [3.0]]}), "X.parquet")
    assert "vector in row 1 (counted from 0) of column 'vector'" in matrix_error("X.parquet")
    pq.write_table(pa.table({"vector": [[1.0, 2.0], None]}), "X.parquet")
    assert "vector in row 1 (counted from 0) of column 'vector'" in matrix_error("X.parquet")
    pq.write_table(pa.table({"vector": [["a"], ["b"]]}), "X.parquet")
    assert "column 'vector' of type string" in matrix_error("X.parquet")


def test_array_name_where_there_are_no_names():
    np.save("X.npy", MATRIX)
    assert "--array" in matrix_error("X.npy", array="X")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables_without_pyarrow_say_what_to_install(suffix, monkeypatch):
    Path(f"X.{suffix}").touch()
    monkeypatch.setitem(sys.modules, "pyarrow.csv", None)
    assert "pip install 'skcollision[tables]'" in matrix_error(f"X.{suffix}")
