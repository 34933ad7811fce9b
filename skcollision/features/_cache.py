"""Features kept on disk, one file a network, so that no image is embedded twice."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import numpy as np
from joblib import Parallel, delayed

from skcollision.features._images import ImageLike, content_key


class NoCache:
    """Knows nothing and forgets everything."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def recall(self, images: Sequence[ImageLike], features: np.ndarray) -> list[int]:
        """Fill in the rows of `features` that are known; return the others."""
        return list(range(len(images)))

    def store(self, rows: Sequence[int], features: np.ndarray) -> None:
        """Keep the features of these rows of the images last recalled."""


class FeatureCache(NoCache):
    """Features of one network by the content of images, in an SQLite file.

    Each `store` is a transaction: whatever stops the program, the file stays whole and holds all
    batches that were finished.
    """

    def __init__(self, folder: str | os.PathLike[str], network_key: str, n_jobs: int) -> None:
        self._path = Path(folder) / f"{network_key}.sqlite"
        self._n_jobs = n_jobs

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._named_errors():
            self._file = sqlite3.connect(self._path, timeout=60)  # others may be writing
            self._file.execute(
                "CREATE TABLE IF NOT EXISTS features (image BLOB PRIMARY KEY, feature BLOB)"
            )
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def recall(self, images: Sequence[ImageLike], features: np.ndarray) -> list[int]:
        keys = Parallel(n_jobs=self._n_jobs, prefer="threads")(map(delayed(content_key), images))
        self._keys: list[bytes | None] = keys
        return [row for row, key in enumerate(keys) if not self._read(key, features[row])]

    def _read(self, key: bytes | None, row: np.ndarray) -> bool:
        """Fill in a row if it is known; return whether it was."""
        query = "SELECT feature FROM features WHERE image = ?"
        with self._named_errors():
            found = self._file.execute(query, (key,)).fetchone()
        if found is None:
            return False
        row[:] = np.frombuffer(found[0], dtype=np.float32)
        return True

    def store(self, rows: Sequence[int], features: np.ndarray) -> None:
        found = [
            (self._keys[row], np.ascontiguousarray(feature).data)
            for row, feature in zip(rows, features, strict=True)
        ]
        with self._named_errors(), self._file:
            self._file.executemany("INSERT OR REPLACE INTO features VALUES (?, ?)", found)

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise ValueError(
                f"The cache {self._path} cannot be used: {error}. Delete that file, or give "
                "another 'cache_dir'."
            ) from error
