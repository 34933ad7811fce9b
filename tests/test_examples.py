"""The scripts of examples/ run, each is a page of the gallery, and a notebook has its code."""

import ast
import json
import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import sklearn.datasets

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))
# These run as notebooks, which have the code of the scripts.
AS_NOTEBOOKS = [
    path for path in EXAMPLES if path.stem in ("plot_kmeans_comparison", "plot_grid_search")
]
# Whether an example runs does not depend on how many digits there are.
FEWER_DIGITS = """
import sklearn.datasets


def load_few(return_X_y=False, load=sklearn.datasets.load_digits):
    digits = load()
    digits |= {name: digits[name][:300] for name in ("data", "target", "images")}
    return (digits.data, digits.target) if return_X_y else digits


sklearn.datasets.load_digits = load_few
"""


def by_name(path):
    return path.stem


def notebook_of(path):
    name = f"{path.stem.removeprefix('plot_')}.ipynb"
    return json.loads((path.parent / "notebooks" / name).read_text(encoding="utf-8"))


def code_lines(source):
    """Return the lines of code, without comments and without the docstring at the top."""
    body = ast.parse(source).body
    is_docstring = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    lines = source.splitlines()[body[0].end_lineno if is_docstring else 0 :]
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # in a script a warning is for the reader, not an error
@pytest.mark.parametrize("path", sorted({*EXAMPLES} - {*AS_NOTEBOOKS}), ids=by_name)
def test_an_example_runs_and_draws(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("Agg")
    monkeypatch.setattr(plt, "show", lambda: None)
    monkeypatch.setattr(sklearn.datasets, "load_digits", sklearn.datasets.load_digits)  # undone
    exec(FEWER_DIGITS)
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


@pytest.mark.parametrize("path", EXAMPLES, ids=by_name)
def test_a_notebook_has_the_code_of_its_example(path):
    cells = [cell for cell in notebook_of(path)["cells"] if cell["cell_type"] == "code"]
    code = "\n".join("".join(cell["source"]) for cell in cells)
    assert code_lines(code) == code_lines(path.read_text(encoding="utf-8")), "run make notebooks"


def test_every_notebook_has_an_example():
    found = (EXAMPLES[0].parent / "notebooks").glob("*.ipynb")
    assert {f"plot_{path.stem}" for path in found} == {path.stem for path in EXAMPLES}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", AS_NOTEBOOKS, ids=by_name)
def test_a_notebook_runs_and_draws(path, tmp_path):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.reads(json.dumps(notebook_of(path)), as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(FEWER_DIGITS))
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=600, resources=resources).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
