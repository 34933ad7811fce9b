"""Features kept on disk, one file a network, so that no image is embedded twice."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

from skcollision.features._images import ImageLike, load_image


class FeatureCache:
    """Features of one network by the content of images, in an SQLite file.

    Each `store` is a transaction: whatever stops the program, the file stays whole and holds all
    batches that were finished.
    """

    def __init__(self, path: Path, images: Sequence[ImageLike], n_jobs: int) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        keys = Parallel(n_jobs=n_jobs, prefer="threads")(map(delayed(content_key), images))
        self._keys: list[bytes | None] = keys

    def recall(self, features: np.ndarray) -> list[int]:
        """Fill in the rows of `features` that are known; return the others."""
        unknown = []
        with self._open() as file:
            for row, key in enumerate(self._keys):
                query = "SELECT feature FROM features WHERE image = ?"
                found = file.execute(query, (key,)).fetchone()
                if found is None:
                    unknown.append(row)
                else:
                    features[row] = np.frombuffer(found[0], dtype=np.float32)
        return unknown

    def store(self, rows: Sequence[int], features: np.ndarray) -> None:
        """Keep the features of these images."""
        found = [(self._keys[row], one.tobytes()) for row, one in zip(rows, features, strict=True)]
        with self._open() as file:
            file.executemany("INSERT OR REPLACE INTO features VALUES (?, ?)", found)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            # Others may be writing.
            with closing(sqlite3.connect(self._path, timeout=60)) as file, file:
                file.execute(
                    "CREATE TABLE IF NOT EXISTS features (image BLOB PRIMARY KEY, feature BLOB)"
                )
                yield file
        except sqlite3.DatabaseError as error:
            raise ValueError(
                f"The cache {self._path} cannot be used: {error}. Delete that file, or give "
                "another 'cache_dir'."
            ) from error


def content_key(image: ImageLike) -> bytes | None:
    """Return a digest of what an image shows, None for one that cannot be read."""
    try:
        if isinstance(image, str | os.PathLike):
            with open(image, "rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        loaded = load_image(image)
    except (OSError, ValueError):
        return None
    return hashlib.sha256(f"RGB pixels {loaded.size}".encode() + loaded.tobytes()).digest()
