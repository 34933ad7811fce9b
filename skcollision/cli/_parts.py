"""Parquet files that the workers of dask read, and write labels of; dask is imported on use."""

import glob
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skcollision._extras import import_extra
from skcollision.blocks._arrow import ArrowReader
from skcollision.blocks._feature_blocks import check_finite
from skcollision.cli import _files as files
from skcollision.cli._interface import InputError, ReadOptions, listing, reason
from skcollision.cli._outputs import replacing, write_table, writing

LOCAL = "a cluster on this machine"
CONNECT_SECONDS = 10
ONLY_HERE = {
    "host": "127.0.0.1",
    "dashboard_address": "127.0.0.1:0",
    "worker_dashboard_address": "127.0.0.1:0",
    "silence_logs": logging.CRITICAL,  # an error is one line, from here
}
# Workers that die all at once may not come back (dask/distributed#7312): then end, do not wait.
NO_WORKERS = {"distributed.scheduler.no-workers-timeout": "1 minute"}
# Row groups of a file are read together up to so many bytes; a larger one is read whole.
CHUNK_BYTES = 1 << 26


@contextmanager
def workers(address: str) -> Iterator[None]:
    """Let the workers of a scheduler, or of this machine, do what dask is asked to compute."""
    distributed = _distributed()
    from dask import config
    from distributed.scheduler import KilledWorker, NoWorkerError

    with ExitStack() as stack:
        scheduler: Any = address
        try:
            if address == LOCAL:
                stack.enter_context(config.set(NO_WORKERS))
                scheduler = stack.enter_context(distributed.LocalCluster(**ONLY_HERE))
            stack.enter_context(distributed.Client(scheduler, timeout=CONNECT_SECONDS))
        except (OSError, RuntimeError, ValueError) as error:
            raise InputError(f"--dask: {address} cannot be reached: {reason(error)}") from error
        try:
            yield
        except (KilledWorker, NoWorkerError, distributed.comm.CommClosedError) as error:
            raise InputError(
                f"--dask: workers died, for lack of memory perhaps: {error}"
            ) from error


def find(pattern: str) -> list[Path]:
    """Return the files of a pattern."""
    paths = [Path(each).absolute() for each in sorted(glob.glob(pattern, recursive=True))]
    if not paths:
        raise InputError(f"{pattern}: no file matches")
    for path in paths:
        if files.check_suffix(path) != ".parquet":
            raise InputError(f"{path}: --dask is for .parquet files")
    if len({path.name for path in paths}) < len(paths):
        raise InputError(f"{pattern}: two files have one name, which is that of their labels")
    return paths


@dataclass(frozen=True)
class Parts:
    """Files, and their rows as an array of dask: `n_chunks` says how many are of each file."""

    paths: list[Path]
    n_chunks: list[int]
    array: Any

    @classmethod
    def of(cls, paths: list[Path], options: ReadOptions) -> "Parts":
        """Plan to read files."""
        _distributed()
        from dask import delayed
        from dask.array import concatenate, from_delayed

        _, columns = files.open_table(paths[0], options, as_numbers=True)
        readers = [_reader(path, columns) for path in paths]
        with_rows = [number for number, each in enumerate(readers) if each.n_samples]
        if not with_rows:
            raise InputError(f"{listing(list(map(str, paths)))}: holds no data")
        with _naming(paths[with_rows[0]]):
            first = readers[with_rows[0]]
            width, dtype = first.n_features, np.result_type(first.dtype, np.float32)
        chunks = [_chunks(each.sizes, CHUNK_BYTES // (width * dtype.itemsize)) for each in readers]
        arrays = []
        for path, reader, own in zip(paths, readers, chunks, strict=True):
            for groups in own:
                shape = (sum(reader.sizes[groups]), width)
                rows = delayed(_read)(path, columns, groups, shape, dtype)
                arrays.append(from_delayed(rows, shape, dtype))
        return cls(paths, list(map(len, chunks)), concatenate(arrays))

    def write(self, outputs: Mapping[Path, Any], n_clusters: int) -> np.ndarray:
        """Write labels and other arrays to folders, a file for each; count those of each label."""
        from dask import compute, delayed

        for folder in outputs:
            with writing(folder):
                folder.mkdir(exist_ok=True)
        plans = []
        with replacing(folder / path.name for folder in outputs for path in self.paths) as staged:
            for folder, array in outputs.items():
                blocks = iter(array.to_delayed().ravel())
                for path, n_chunks in zip(self.paths, self.n_chunks, strict=True):
                    target = folder / path.name
                    like = np.empty((0, *array.shape[1:]), array.dtype)
                    own = [next(blocks) for _ in range(n_chunks)]
                    plans.append(delayed(_write)(target, staged[target], [like, *own], n_clusters))
            return sum(compute(*plans))


def _distributed() -> Any:
    """Return the module, without which dask is of no use here."""
    try:
        return import_extra("distributed", "dask", "--dask")
    except ImportError as error:
        raise InputError(error) from error


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let errors name the file."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {reason(error)}") from error


def _reader(path: Path, columns: list[str]) -> ArrowReader:
    with _naming(path):
        dataset = import_extra("pyarrow.dataset", "tables", str(path))
        return ArrowReader(dataset.dataset(path, format="parquet"), columns)


def _chunks(sizes: list[int], most: int) -> list[slice]:
    """Divide row groups into runs of at most so many rows, or of one group."""
    chunks, first, n_rows = [], 0, 0
    for group, size in enumerate(sizes):
        if n_rows and n_rows + size > most:
            chunks.append(slice(first, group))
            first, n_rows = group, 0
        n_rows += size
    return [*chunks, slice(first, len(sizes))] if n_rows else chunks


def _read(
    path: Path, columns: list[str], groups: slice, shape: tuple[int, int], dtype: np.dtype
) -> np.ndarray:
    """Read some row groups, on a worker."""
    matrix, filled = np.empty(shape, dtype), 0
    with _naming(path):
        for first, rows in _reader(path, columns).read(groups):
            if rows.shape[1] != shape[1]:
                raise ValueError(f"has {rows.shape[1]} features, and others {shape[1]}")
            check_finite(rows, first)
            matrix[filled : filled + len(rows)] = rows
            filled += len(rows)
    return matrix


def _write(target: Path, temporary: Path, blocks: list[np.ndarray], n_clusters: int) -> np.ndarray:
    """Write blocks one below the other, on a worker; count the points of clusters by labels."""
    values = np.concatenate(blocks)
    with writing(target), temporary.open("wb") as file:
        write_table(target, values, file)
    return np.bincount(values if values.ndim == 1 else [], minlength=n_clusters)
