"""Imports go downwards only: what each part of the package may import of the rest."""

import ast
from pathlib import Path

import pytest

import skcollision

ROOT = Path(skcollision.__file__).parent
ESTIMATOR = {"blocks", "losses", "pseudo_labels", "criteria", "engine", "graph"}
# Bottom up. Private modules beside the packages, such as skcollision/_parallel.py, are open to all
# and import only each other.
MAY_IMPORT: dict[str, set[str]] = {
    "pseudo_labels.kernels": set(),
    "blocks": set(),
    "graph": set(),
    "losses": set(),
    "pseudo_labels": {"pseudo_labels.kernels"},
    "metrics": {"engine", "graph", "pseudo_labels"},
    "datasets": set(),
    "criteria": {"losses", "pseudo_labels"},
    "engine": {"blocks", "criteria._base", "graph", "losses"},
    "cluster": ESTIMATOR,
    "deep": ESTIMATOR | {"cluster._docstrings"},
    "supervised": ESTIMATOR | {"cluster"},
    "features": {"engine"},
    "export": {"cluster", "criteria", "engine", "supervised"},
    "model_selection": {"cluster", "engine"},
    "inspection": {"metrics"},
    "plotting": {"inspection", "metrics", "model_selection"},
}
UNRESTRICTED = {"cli", "__init__"}


def test_no_object_waits_for_another():
    """In Python 3.11 a cached_property has one lock for all, which a fork may leave held."""
    assert not [file for file in ROOT.rglob("*.py") if "import cached_property" in file.read_text()]


def imported_modules(source: str, module: str) -> set[str]:
    """Modules of skcollision that `source` imports, without the leading 'skcollision.'."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # One dot is the folder of the file, so it drops the last part of the module's name.
            parents = f"skcollision.{module}".split(".")[: -node.level] if node.level else []
            base = ".".join([*parents, *filter(None, [node.module])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return {name.partition(".")[2] for name in found if name.split(".")[0] == "skcollision"}


def violations(source: str, module: str) -> list[str]:
    """Imports in `source`, the text of skcollision's `module`, that its layer does not allow."""
    if module.split(".")[0] in UNRESTRICTED:
        return []
    layer = next((name for name in MAY_IMPORT if f"{module}.".startswith(f"{name}.")), None)
    if layer is None and not module.startswith("_"):
        return [f"skcollision.{module} belongs to no layer: add its package to MAY_IMPORT"]
    allowed = MAY_IMPORT[layer] | {layer} if layer else set()

    def is_allowed(name: str) -> bool:
        return name.startswith("_") or any(f"{name}.".startswith(f"{each}.") for each in allowed)

    imports = sorted(imported_modules(source, module))
    return [f"skcollision.{module} imports {name!r}" for name in imports if not is_allowed(name)]


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: path.name)
def test_imports_go_downwards(path):
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    assert not violations(path.read_text(encoding="utf-8"), module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("losses._collision", "from ..criteria import Collision"),
        ("losses._collision", "def f():\n    import skcollision.engine._trainer"),
        ("losses._collision", "from skcollision import CollisionClusterer"),
        ("losses._collision", "from .. import metrics"),
        ("metrics.__init__", "from ..plotting import ClusterDisplay"),
        ("graph._neighbours", "from ..engine import Trainer"),
        ("engine._trainer", "from ..criteria import Collision"),
        ("engine._trainer", "from ..criteria._collision import Collision"),
        ("cluster._collision", "from ..metrics import match_labels"),
        ("plotting._map", "from ..cluster import CollisionClusterer"),
        ("model_selection._n_clusters", "from ..plotting import NClustersDisplay"),
        ("cluster._base", "from ..model_selection import NClustersSearch"),
        ("pseudo_labels.kernels.cpu", "from .._problem import Problem"),
        ("_parallel", "from .engine import Trainer"),
        ("_parallel", "import skcollision"),
        ("newcomer._module", "import numpy"),
    ],
)
def test_a_violation_is_found(module, source):
    assert violations(source, module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("losses._collision", "import torch\nfrom torch import metrics\nfrom ._simplex import log"),
        ("losses._collision", "from .._parallel import threads\nfrom skcollision import _parallel"),
        ("pseudo_labels._em", "from .kernels.cpu import sweep\nfrom .kernels import cpu"),
        ("pseudo_labels.kernels.cpu", "import numba\nfrom ..._jit import kernel"),
        ("engine._trainer", "from ..criteria._base import Criterion\nfrom ..graph import Graph"),
        ("cluster._collision", "from ..criteria import Collision\nfrom ..engine import Trainer"),
        ("cli._fit", "from skcollision import CollisionClusterer"),
        ("__init__", "from .cluster import CollisionClusterer"),
    ],
)
def test_an_import_downwards_is_allowed(module, source):
    assert not violations(source, module)
