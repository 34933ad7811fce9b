"""Writing results: checked before the work starts, and then all of the files or none."""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from skcollision.cli._arrays import check_suffix
from skcollision.cli._messages import InputError, reason
from skcollision.cli._tables import import_pyarrow

Writer = Callable[[BinaryIO], None]


def check_outputs(
    tables: Iterable[Path | None], *, inputs: Iterable[Path], model: Path | None = None
) -> None:
    """Raise if an output cannot be written, would replace one of `inputs`, or is named twice."""
    outputs = [path for path in tables if path]
    for path in outputs:
        if check_suffix(path) == ".parquet":
            import_pyarrow(path)
    outputs += [model] if model else []
    taken = {path.resolve(): "is read by this command" for path in inputs}
    for path in outputs:
        target = path.resolve()
        if target in taken:
            raise InputError(f"{path}: cannot be written: it {taken[target]}")
        taken[target] = "is named for two outputs"
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


def write_outputs(writers: Mapping[Path, Writer]) -> None:
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


def write_table(path: Path, array: NDArray[Any], file: BinaryIO) -> None:
    """Write N labels or N x K probabilities to `file` in the format that the name `path` tells."""
    suffix = check_suffix(path)
    is_labels = array.ndim == 1
    names = ["labels"] if is_labels else [f"cluster_{k}" for k in range(array.shape[1])]
    if suffix == ".npy":
        np.save(file, array, allow_pickle=False)
    elif suffix == ".npz":
        name = "labels" if is_labels else "proba"
        np.savez_compressed(file, allow_pickle=False, **{name: array})
    elif suffix == ".csv":
        # As many digits as the type needs to be read back to the same number.
        digits = "%.9g" if array.dtype == np.float32 else "%.17g"
        number = "%d" if is_labels else digits
        np.savetxt(file, array, number, ",", header=",".join(names), comments="")
    else:
        pa = import_pyarrow(path)
        columns = dict(zip(names, np.atleast_2d(array.T), strict=True))
        pa.parquet.write_table(pa.table(columns), file)
