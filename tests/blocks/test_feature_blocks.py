import mmap
from decimal import Decimal

import numpy as np
import pytest

from skcollision import FeatureBlocks
from skcollision.blocks import _readers
from skcollision.blocks._feature_blocks import LARGE_MAP_BYTES, large_map


class Iterable:
    """Plain blocks in one order; `later` replaces them from the second pass on."""

    def __init__(self, blocks, later=None):
        self.next, self.later = blocks, later or blocks

    def __iter__(self):
        blocks, self.next = self.next, self.later
        return iter(blocks)


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).normal(size=(1000, 6)).astype(np.float32)


@pytest.fixture
def sources(X, tmp_path):
    """The same matrix in every kind of storage."""
    np.save(tmp_path / "X.npy", X)
    zarr = pytest.importorskip("zarr")
    stored = zarr.create_array(tmp_path / "X.zarr", shape=X.shape, chunks=(70, 4), dtype=X.dtype)
    stored[:] = X
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    return {
        "array": X,
        "map": mapped,
        "shards": [mapped[:300], mapped[300:310], mapped[310:]],
        "zarr": stored,
        "vectors": dataset(tmp_path / "vectors", X, vectors=True),
        "columns": dataset(tmp_path / "columns", X, vectors=False),
        "sequence": [X[:400].tolist(), X[400:401], X[401:]],
        "iterable": Iterable([X[:400], X[400:401], X[401:]]),
    }


def dataset(folder, X, *, vectors, row_group_size=90):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import dataset, parquet

    folder.mkdir()
    for index, part in enumerate(np.array_split(X, 2)):
        columns = {f"x{i}": column for i, column in enumerate(part.T)}
        if vectors:
            columns = {"v": pa.FixedSizeListArray.from_arrays(pa.array(part.ravel()), X.shape[1])}
        table = pa.table({**columns, "name": ["a"] * len(part)})
        parquet.write_table(table, folder / f"{index}.parquet", row_group_size=row_group_size)
    return dataset.dataset(folder)


def blocks_of(source):
    columns = None
    if hasattr(source, "schema"):
        columns = [name for name in source.schema.names if name != "name"]
    return FeatureBlocks(source, columns=columns)


KINDS = ("array", "map", "shards", "zarr", "vectors", "columns", "sequence", "iterable")


@pytest.mark.parametrize("kind", KINDS)
def test_every_storage_gives_all_rows_in_order(sources, X, kind):
    blocks = blocks_of(sources[kind])
    assert blocks.shape == X.shape
    assert blocks.dtype == (np.float64 if kind == "sequence" else np.float32)
    for _ in range(2):
        found, stop = np.full(X.shape, np.nan), 0
        for rows, block in blocks.blocks(64):
            assert len(block) == rows.stop - rows.start <= 64
            assert rows.start == stop
            found[rows], stop = block, rows.stop
        np.testing.assert_array_equal(found, X)


def test_blocks_are_copies_in_single_or_double_precision(X):
    for dtype, read in (("f2", "f4"), ("f4", "f4"), ("f8", "f8"), ("i2", "f8"), ("?", "f8")):
        source = X.astype(dtype)
        before = source.copy()
        for _, block in FeatureBlocks(source).blocks(100):
            assert block.dtype == read
            block[:] = 0
        np.testing.assert_array_equal(source, before)


def test_rows_a_block_are_the_users_or_the_chunks(X, tmp_path):
    zarr = pytest.importorskip("zarr")
    stored = zarr.create_array(tmp_path / "X.zarr", shape=X.shape, chunks=(70, 6), dtype=X.dtype)
    stored[:] = X
    assert [block.shape[0] for _, block in FeatureBlocks(stored).blocks(999)][:2] == [70, 70]
    sizes = [block.shape[0] for _, block in FeatureBlocks(X, block_rows=300).blocks(999)]
    assert sizes == [300, 300, 300, 100]


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="no madvise here")
def test_pages_of_shared_maps_are_given_back_and_private_ones_kept(X, tmp_path, monkeypatch):
    np.save(tmp_path / "X.npy", X)
    released = []
    monkeypatch.setattr(_readers, "release", lambda maps: released.append(len(list(maps))))
    monkeypatch.setattr(_readers, "RESIDENT_BYTES", X[:400].nbytes)
    for mode, expected in (("r", [1, 1, 1]), ("c", [0, 0, 0])):
        released.clear()
        mapped = np.load(tmp_path / "X.npy", mmap_mode=mode)
        list(FeatureBlocks(mapped).blocks(999))
        assert released == expected


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="no madvise here")
def test_giving_pages_back_loses_nothing(X, tmp_path):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r+")
    mapped[3] = 7
    _readers.release(_readers.maps_of(mapped))
    np.testing.assert_array_equal(mapped[3], 7)
    np.testing.assert_array_equal(mapped[4:], X[4:])


def test_only_maps_beyond_a_limit_are_large(tmp_path):
    n_rows = LARGE_MAP_BYTES // 4096
    sizes = {"small": n_rows, "large": n_rows + 1}
    for name, rows in sizes.items():  # sparse files
        path = tmp_path / f"{name}.npy"
        np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, 1024))
        assert large_map(np.load(path, mmap_mode="r")) == (name == "large")
    assert not large_map(np.zeros((2, 2)))


def test_numbers_and_vectors_of_a_dataset_stand_side_by_side():
    pa = pytest.importorskip("pyarrow")
    from pyarrow import dataset

    table = pa.table({"v": [[1, 2], [3, 4]], "a": [True, False], "d": [Decimal("0.5"), Decimal(7)]})
    ((_, block),) = FeatureBlocks(dataset.dataset(table)).blocks(9)
    np.testing.assert_array_equal(block, [[1, 2, 1, 0.5], [3, 4, 0, 7]])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_named_by_its_row(X, value):
    bad = X.copy()
    bad[777, 4] = value
    name = "NaN" if np.isnan(value) else "infinity"
    with pytest.raises(ValueError, match=f"X contains {name} in row 777, column 4"):
        list(FeatureBlocks(bad).blocks(50))


def test_missing_values_of_a_dataset_are_found(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import dataset

    numbers = dataset.dataset(pa.table({"a": [1.0, None, 3.0], "b": [1, 2, 3]}))
    with pytest.raises(ValueError, match="NaN in row 1, column 0"):
        list(FeatureBlocks(numbers).blocks(9))
    for vectors in ([[1.0, 2.0], None], [[1.0, 2.0], [1.0]]):
        with pytest.raises(ValueError, match="vector in row 1"):
            FeatureBlocks(dataset.dataset(pa.table({"v": vectors})))
    for missing in ([True, None], [Decimal("1.5"), None]):
        with pytest.raises(ValueError, match="NaN in row 1, column 0"):
            list(FeatureBlocks(dataset.dataset(pa.table({"a": missing}))).blocks(9))
    with pytest.raises(ValueError, match="column 'name' of type string"):
        FeatureBlocks(dataset.dataset(pa.table({"a": [1.0], "name": ["x"]})))
    with pytest.raises(ValueError, match=r"'columns' parameter .* has \['a', 'b'\]"):
        FeatureBlocks(numbers, columns=["c"])


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda X: (X[i : i + 9] for i in range(0, 90, 9)), TypeError, "only once"),
        (lambda X: 3, TypeError, "an array, a pyarrow dataset or an iterable"),
        (lambda X: "X.npy", TypeError, "Got str"),
        (lambda X: [], ValueError, "without any block"),
        (lambda X: X[:0], ValueError, r"shape \(0, 6\)"),
        (lambda X: X[0], ValueError, "one width"),
        (lambda X: [X, X[:, :2]], ValueError, "one width"),
        (lambda X: X.astype(str), ValueError, "needs numbers"),
    ],
)
def test_other_sources_are_one_clear_error(X, make, error, match):
    with pytest.raises(error, match=match):
        FeatureBlocks(make(X))


def test_bad_options_are_named(X):
    for block_rows in (0, True):
        with pytest.raises(ValueError, match="'block_rows' parameter of FeatureBlocks"):
            FeatureBlocks(X, block_rows=block_rows)
    with pytest.raises(ValueError, match="'columns' parameter"):
        FeatureBlocks(X, columns=["a"])


@pytest.mark.parametrize("change", ["fewer", "more", "longer", "wider"])
def test_blocks_that_change_between_passes_are_an_error(X, change):
    first = [X[:10], X[10:30]]
    later = {
        "fewer": first[:1],
        "more": [*first, X[:1]],
        "longer": [X[:11], X[10:30]],
        "wider": [np.ones((10, 7)), X[10:30]],
    }[change]
    blocks = FeatureBlocks(Iterable(first, later))
    with pytest.raises(ValueError, match=r"same blocks each time|block of shape"):
        list(blocks.blocks(100))
