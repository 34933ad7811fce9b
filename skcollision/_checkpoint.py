"""A file that a killed fit goes on from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor


class Checkpoint:
    """Keeps the latest state of a fit in a file, with what fits that go on from it must share."""

    def __init__(self, path: str | os.PathLike[str], identity: dict[str, Any]) -> None:
        self._path, self._identity = Path(path), identity
        self._found: dict[str, Any] = {}
        if self._path.is_dir() or not self._path.parent.is_dir():
            raise ValueError(
                f"The 'checkpoint' {str(self._path)!r} must be a file, there already or not, in a "
                "directory that exists."
            )

    def load(self) -> dict[str, Any] | None:
        """Return the state in the file, None where there is none; what was an array, a tensor."""
        if not self._path.exists():
            return None
        try:
            saved = torch.load(self._path, map_location="cpu", weights_only=True)
            identity, state = as_arrays(saved["identity"]), saved["state"]
        except Exception as error:  # whatever reading bytes of another kind may raise
            raise ValueError(
                f"The 'checkpoint' {str(self._path)!r} is not a checkpoint of skcollision. Delete "
                "it, or name another file."
            ) from error
        self._found = identity
        self.identify(self._identity)
        return state

    def identify(self, identity: dict[str, Any]) -> None:
        """Add to what the fit must share with the one that wrote the file."""
        self._identity.update(identity)
        for name, value in identity.items():
            if self._found and not _same(value, self._found.get(name)):
                raise ValueError(
                    f"The 'checkpoint' {str(self._path)!r} is of another fit: the {name} differ. "
                    "Delete it to start afresh, or name another file."
                )

    def save(self, state: dict[str, Any]) -> None:
        """Replace the file in one step, so that it is whole whenever the process dies."""
        unfinished = self._path.with_name(self._path.name + ".part")
        with unfinished.open("wb") as file:
            torch.save(_tensors({"identity": self._identity, "state": state}), file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._path)


def as_arrays(value: Any) -> Any:
    """Return a tensor, or the tensors in nested dicts, as arrays."""
    if isinstance(value, dict):
        return {name: as_arrays(each) for name, each in value.items()}
    return value.numpy() if isinstance(value, Tensor) else value


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, np.ndarray):
        # Sums of the same numbers differ in their last digits with the number of threads.
        return np.shape(theirs) == ours.shape and np.allclose(ours, theirs, rtol=1e-5)
    return bool(ours == theirs)


def _tensors(value: Any) -> Any:
    # Unlike arrays, tensors are read without running code that a file may hold.
    if isinstance(value, dict):
        return {name: _tensors(each) for name, each in value.items()}
    return torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value
