"""A file that a killed fit goes on from."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skcollision.deep._samples import Samples


class Checkpoint:
    """Saves the state of training after each epoch, and finds it again.

    Parameters
    ----------
    path : path-like
        The file; written whole or not at all.
    identity : str
        What a run must share with the one that wrote the file, to go on from it.
    """

    def __init__(self, path: str | os.PathLike[str], identity: str) -> None:
        self._path = Path(path)
        self._identity = hashlib.sha256(identity.encode()).hexdigest()

    def load(self) -> dict[str, Any] | None:
        """Return what was saved, None where nothing was.

        Raises
        ------
        ValueError
            If another run wrote the file.
        """
        if not self._path.exists():
            return None
        saved: dict[str, Any] = torch.load(self._path, map_location="cpu", weights_only=True)
        if saved["identity"] != self._identity:
            raise ValueError(
                f"The 'checkpoint' {str(self._path)!r} is of a run with other parameters or other "
                "data. Delete it, or give this run a path of its own."
            )
        return saved

    def save(self, state: dict[str, Any]) -> None:
        """Replace the file by this state."""
        unfinished = self._path.with_name(self._path.name + ".part")
        torch.save({**state, "identity": self._identity}, unfinished)
        os.replace(unfinished, self._path)


def fingerprint(samples: Samples) -> str:
    """Tell data sets apart by their size and up to 64 samples."""
    rows = np.unique(np.linspace(0, len(samples) - 1, 64).astype(int))
    batch = samples.batch(rows, torch.device("cpu")).numpy()
    return f"{len(samples)} {batch.shape} {hashlib.sha256(batch.tobytes()).hexdigest()}"
