"""The pages of docs/: their code runs as it is printed, and the reference has every public name."""

import doctest
import importlib.util
import inspect
import pickle
import re
import shlex
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from click.testing import CliRunner

import skcollision
from skcollision.cli import main
from skcollision.datasets import make_embeddings

DOCS = Path(__file__).parent.parent / "docs"
PAGES = [*sorted(path.name for path in DOCS.glob("*.md")), "../README.md"]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^skcollision (.+)$", re.MULTILINE)
BELOW = {"add_your_own_criterion.md"}  # has a test of its own
# Module constants, whose docstring is that of their type.
CONSTANTS = {"PAPER_RECIPE", "clustering_accuracy_scorer"}


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


stubs = load("docs_stubs", Path(__file__).parent / "_docs_stubs.py")


def blocks(page):
    """Return the code of a page, each block on the lines it has there."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return ["\n" * text[: block.start(1)].count("\n") + block[1] for block in BLOCK.finditer(text)]


@pytest.fixture
def run_page(tmp_path, monkeypatch):
    """Run the blocks of a page, one after the other, as a module that pickle can find."""
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("Agg")
    modules = []

    def run(page):
        path = tmp_path / f"page_{Path(page).stem}.py"
        path.touch()
        module = load(path.stem, path)
        monkeypatch.setitem(sys.modules, path.stem, module)
        modules.append(module)
        vars(module).update(stubs.prepare(page, monkeypatch))
        for code in blocks(page):
            if ">>>" in code:
                run_doctest(code, vars(module), page)
            else:
                exec(compile(code, DOCS / page, "exec"), vars(module))
        return module

    yield run
    plt.close("all")
    for module in modules:
        if hasattr(module, "client"):  # of a scheduler, which would serve later tests as well
            module.client.close()
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def run_doctest(code, names, page):
    test = doctest.DocTestParser().get_doctest(code, names, page, page, 0)
    report = []
    doctest.DocTestRunner().run(test, out=report.append, clear_globs=False)
    names.update(test.globs)
    assert not report, "".join(report)


@pytest.mark.slow
# Networks of the stubs have random weights: their clusters may end empty.
@pytest.mark.filterwarnings("ignore:.*clusters ended empty:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page) and page not in BELOW])
def test_the_code_of_a_page_runs(run_page, page):
    run_page(page)


@pytest.mark.parametrize("page", ["command_line.md", "../README.md"])
def test_the_commands_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, y = make_embeddings(200, 10, 16, random_state=0)
    np.save("features.npy", X)
    np.save("new.npy", X[:5])
    np.save("truth.npy", y)
    Path("texts.csv").write_text("\n".join(["text", *(f"subject{k}" for k in y)]))
    commands = COMMAND.findall((DOCS / page).read_text(encoding="utf-8"))
    assert len(commands) >= 4
    for command in commands:
        if command != "demo" and "--dask" not in command:  # have tests of their own
            result = CliRunner().invoke(main, shlex.split(command))
            assert not result.exit_code, result.output


def test_every_block_is_found():
    texts = [(DOCS / page).read_text(encoding="utf-8") for page in PAGES]
    assert [text.count("```python") for text in texts] == [
        len(BLOCK.findall(text)) for text in texts
    ]


def test_a_page_that_is_wrong_fails(run_page):
    with pytest.raises(AssertionError, match="Expected"):
        run_doctest(">>> 1 + 1\n3\n", {}, "page.md")


def test_add_your_own_criterion(run_page):
    page = run_page("add_your_own_criterion.md")
    assert type(page.clusterer).__name__ == "SquaredErrorClusterer"
    restored = pickle.loads(pickle.dumps(page.clusterer))
    assert (restored.predict(page.X) == page.clusterer.labels_).all()
    criterion = page.QuadraticCriterion(1.3, page.np.array([0.2, 0.3, 0.5]))
    logits = torch.randn(2, 8, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.arange(1, 9, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda z: criterion.loss(z, None, weight), logits)
    alone = torch.cat([criterion.loss(one[None], None, weight) for one in logits])
    torch.testing.assert_close(criterion.loss(logits, None, 2 * weight), alone)


reference = load("docs_reference", DOCS / "_reference.py")


def public_packages():
    """Find the packages by their folders."""
    root = Path(skcollision.__file__).parent
    return {
        f"skcollision.{path.parent.name}"
        for path in root.glob("*/__init__.py")
        if not path.parent.name.startswith("_")
    }


DOCUMENTED = [
    (package, name)
    for package in reference.public_packages()
    for name in reference.public_names(package)[0]
]


def test_the_reference_has_every_public_name():
    packages = set(reference.public_packages())
    assert packages | reference.NOT_IN_REFERENCE == public_packages() | {"skcollision"}
    names = {name for _, name in DOCUMENTED}
    for package in packages:
        module = importlib.import_module(package)
        ours = [
            name
            for name in module.__all__
            if getattr(getattr(module, name), "__module__", package).startswith("skcollision")
        ]
        assert {name for name in ours if not name.startswith("__")} <= names, package


def test_each_name_has_one_page():
    names = [name for _, name in DOCUMENTED]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("page", PAGES)
def test_links_to_the_reference_find_their_page(page):
    targets = re.findall(r"\]\((skcollision\.[\w.]+)\)", (DOCS / page).read_text(encoding="utf-8"))
    assert set(targets) <= {f"{package}.{name}" for package, name in DOCUMENTED}


@pytest.mark.parametrize(
    ("package", "name"), [each for each in DOCUMENTED if each[1] not in CONSTANTS]
)
def test_a_public_name_has_an_example(package, name):
    value = getattr(importlib.import_module(package), name)
    assert re.search(r"^Examples\n-+\n(.*\n)*?>>> ", inspect.getdoc(value), flags=re.MULTILINE)
