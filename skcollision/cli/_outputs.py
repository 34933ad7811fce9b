"""Writing results: checked before the work starts, and then all of the files or none."""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from skcollision.cli._arrays import check_suffix
from skcollision.cli._messages import InputError, reason

Writer = Callable[[BinaryIO], None]


def check_outputs(
    tables: Iterable[Path], *, inputs: Iterable[Path], others: Iterable[Path] = ()
) -> None:
    """Raise if an output cannot be written, would replace one of `inputs`, or is named twice.

    The names of `tables`, unlike those of `others`, must tell a format that can be written.
    """
    tables = list(tables)
    for path in tables:
        if check_suffix(path) == ".parquet":
            from skcollision.cli._parquet_files import require_pyarrow

            require_pyarrow(path)
    taken = {path.resolve(): "is read by this command" for path in inputs}
    for path in [*tables, *others]:
        target = path.resolve()
        if target in taken:
            raise InputError(f"{path}: cannot be written: it {taken[target]}")
        taken[target] = "is named for two outputs"
        _check_place(path, target)


def _check_place(path: Path, target: Path) -> None:
    """Raise if no file can be made at `target`, the place that `path` leads to."""
    if target.is_dir():
        raise InputError(f"{path}: cannot be written: is a directory")
    if not target.parent.is_dir():
        raise InputError(f"{path}: cannot be written: there is no directory {target.parent}")
    try:
        # Only an attempt tells: permissions say nothing of a read-only or full file system.
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {reason(error)}") from error


def write_outputs(writers: dict[Path, Writer]) -> None:
    """Write every file under a temporary name beside its place, then move all into place."""
    staged: dict[Path, Path] = {}
    try:
        for path, write in writers.items():
            target = path.resolve()
            temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
            # Not tempfile, whose files only their owner may read.
            with temporary.open("xb") as file:
                staged[temporary] = target
                write(file)
        for temporary, target in staged.items():
            path = target
            os.replace(temporary, target)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {reason(error)}") from error
    finally:
        for temporary in staged:
            temporary.unlink(missing_ok=True)


def labels_writer(path: Path, labels: NDArray[Any]) -> Writer:
    """Return what writes `labels` in the format that the name of `path` tells."""
    return _table_writer(path, labels, {"labels": labels}, "%d")


def proba_writer(path: Path, proba: NDArray[Any]) -> Writer:
    """Return what writes an N x K matrix of probabilities in the format that `path` tells."""
    columns = {f"cluster_{k}": proba[:, k] for k in range(proba.shape[1])}
    # As many digits as the type needs to be read back to the same number.
    return _table_writer(path, proba, columns, "%.9g" if proba.dtype == np.float32 else "%.17g")


def model_writer(model: object) -> Writer:
    """Return what writes an estimator with joblib."""

    def write(file: BinaryIO) -> None:
        import joblib

        joblib.dump(model, file)

    return write


def _table_writer(
    path: Path, array: NDArray[Any], columns: dict[str, NDArray[Any]], number: str
) -> Writer:
    """Return the writer for the format of `path`.

    `array` goes to .npy and .npz, the named `columns` to .csv and .parquet.
    """

    def write(file: BinaryIO) -> None:
        suffix = check_suffix(path)
        if suffix == ".npy":
            np.save(file, array, allow_pickle=False)
        elif suffix == ".npz":
            name = "labels" if array.ndim == 1 else "proba"
            np.savez_compressed(file, allow_pickle=False, **{name: array})
        elif suffix == ".csv":
            header = ",".join(columns)
            np.savetxt(file, array, fmt=number, delimiter=",", header=header, comments="")
        else:
            from skcollision.cli import _parquet_files

            _parquet_files.write(path, file, columns)

    return write
