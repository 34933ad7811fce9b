"""The scripts of examples/ run, and each is a page of the gallery."""

import ast
import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


def by_name(path):
    return path.stem


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # in a script a warning is for the reader, not an error
@pytest.mark.parametrize("path", EXAMPLES, ids=by_name)
def test_an_example_runs_and_draws(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("Agg")
    monkeypatch.setattr(plt, "show", lambda: None)
    runpy.run_path(str(path), run_name="__main__")
    assert plt.get_fignums()
    plt.close("all")


@pytest.mark.parametrize("path", EXAMPLES, ids=by_name)
def test_an_example_is_a_page_of_the_gallery(path):
    assert path.name.startswith("plot_")
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    title, underline, *text = docstring.splitlines()
    assert set(underline) == {"="}
    assert len(underline) >= len(title)
    assert "".join(text)
