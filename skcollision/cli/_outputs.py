"""Writing results: whole or not at all, in the format that the name of a file tells."""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from skcollision.cli._files import check_suffix, import_pyarrow
from skcollision.cli._interface import InputError, reason

Writer = Callable[[BinaryIO], object]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Let errors name the output."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {reason(error)}") from error


def check_outputs(
    tables: Iterable[Path | None],
    *,
    inputs: Iterable[Path],
    other: Path | None = None,
    folders: bool = False,
) -> None:
    """Raise if an output cannot be written, would replace one of `inputs`, or is named twice.

    Tables are files, or folders of them.
    """
    taken = {path.resolve(): "it is read by this command" for path in inputs}
    places = [(path, folders) for path in tables if path] + ([(other, False)] if other else [])
    for path, is_folder in places:
        if path != other and not folders and check_suffix(path) == ".parquet":
            import_pyarrow(path)
        target = path.resolve()
        problem = taken.get(target)
        if target.exists() and target.is_dir() != is_folder:
            problem = problem or f"is {'no' if is_folder else 'a'} directory"
        elif not target.parent.is_dir():
            problem = f"there is no directory {target.parent}"
        if problem:
            raise InputError(f"{path}: cannot be written: {problem}")
        taken[target] = "it is named for two outputs"
        # Only an attempt tells: permissions say nothing of a read-only or full file system.
        with writing(path):
            tempfile.TemporaryFile(dir=target if target.is_dir() else target.parent).close()


@contextmanager
def replacing(paths: Iterable[Path]) -> Iterator[dict[Path, Path]]:
    """Give each file a temporary one beside its place to write to; in the end, move all there."""
    # Not tempfile, whose files only their owner may read.
    suffix = f".{secrets.token_hex(4)}.tmp"
    targets = {path: path.resolve() for path in paths}
    temporary = {path: each.with_name(f".{each.name}{suffix}") for path, each in targets.items()}
    try:
        yield temporary
        for path, target in targets.items():
            with writing(path):
                os.replace(temporary[path], target)
    finally:
        for each in temporary.values():
            each.unlink(missing_ok=True)


def write_outputs(outputs: Mapping[Path, NDArray[Any] | Writer]) -> None:
    """Write tables, and what else is written by a function, to files: all of them or none."""
    with replacing(outputs) as temporary:
        for path, content in outputs.items():
            with writing(path), temporary[path].open("xb") as file:
                if isinstance(content, np.ndarray):
                    write_table(path, content, file)
                else:
                    content(file)


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
