"""A folder to work in, three obvious clusters, and functions that run the command line there."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from skcollision.cli import main
from skcollision.datasets import make_embeddings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def points(folder: Path) -> NDArray[np.float32]:
    """The matrix in X.npy; y.npy holds its three clusters."""
    X, y = make_embeddings(60, 3, 5, spread=0.1, random_state=0)
    np.save("X.npy", X)
    np.save("y.npy", y)
    return X


@pytest.fixture
def run(folder: Path) -> Callable[..., Result]:
    """Run a command that must succeed."""

    def call(*arguments: object) -> Result:
        result = CliRunner().invoke(main, [str(each) for each in arguments])
        assert result.exit_code == 0, result.output
        return result

    return call


@pytest.fixture
def fail(folder: Path) -> Callable[..., str]:
    """Run a command that must fail as promised; returns its one line on stderr."""

    def snapshot() -> dict[str, bytes | None]:
        files = sorted(folder.rglob("*"))
        return {str(path): path.read_bytes() if path.is_file() else None for path in files}

    def call(*arguments: object) -> str:
        before = snapshot()
        result = CliRunner().invoke(main, [str(each) for each in arguments])
        assert isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code == 2
        assert result.stdout == ""
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1
        assert snapshot() == before, "a failed command must leave every file as it was"
        return result.stderr

    return call
