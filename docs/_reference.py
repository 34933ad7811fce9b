"""The API reference, out of ``__all__``: a page for each package and each public name."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any

import skcollision

# The training loop, which may change in any version, and the command line, which has its own page.
NOT_IN_REFERENCE = {"skcollision.graph", "skcollision.engine", "skcollision.cli"}

# Of scikit-learn; their docstrings point at pages that are not here.
_POINT_ELSEWHERE = ("get_metadata_routing", "set_output", "_request", "score")

# The section of a docstring for parameters that few need.
_EXPERT = "Other Parameters"


def public_packages() -> list[str]:
    """Return the packages that users import from, the top one first."""
    below = (f"skcollision.{module.name}" for module in pkgutil.iter_modules(skcollision.__path__))
    public = {name for name in below if not name.split(".")[1].startswith("_")}
    return ["skcollision", *sorted(public - NOT_IN_REFERENCE)]


def public_names(package: str) -> tuple[list[str], list[str]]:
    """Return the names that `package` documents, and those it passes on from elsewhere."""
    module = importlib.import_module(package)
    own, passed_on = [], []
    for name in sorted(module.__all__):
        value = getattr(module, name)
        has_home = inspect.isclass(value) or inspect.isroutine(value)
        foreign = has_home and not value.__module__.startswith("skcollision")
        again = package != "skcollision" and name in skcollision.__all__
        if not name.startswith("__"):
            (passed_on if foreign or again else own).append(name)
    return own, passed_on


def write_reference(docs: Path) -> None:
    """Write ``reference/index.rst``, and a page for each package, into the folder `docs`."""
    folder = docs / "reference"
    folder.mkdir(exist_ok=True)
    packages = public_packages()
    for package in packages:
        _write(folder / f"{package}.rst", _page(package))
    _write(folder / "index.rst", _index(packages))


def quote_shapes(
    app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
    """Quote shapes such as (n_iter_, n_init): an underscore at the end is a link to Sphinx."""
    lines[:] = [
        re.sub(r"(?<!`)\([^()`]*\w_[,)][^()`]*\)?", lambda shape: f"``{shape[0]}``", line)
        for line in lines
    ]


def group_signature(
    app: Any, what: str, name: str, value: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """Give keyword parameters the order of the docstring: those of every day, then the others."""
    document = inspect.getdoc(value) or ""
    if what != "class" or _EXPERT not in document:
        return None
    documented = re.findall(r"^([a-z]\w*(?:, \w+)*) : ", document, flags=re.MULTILINE)
    order = [each for names in documented for each in names.split(", ")]
    parameters = inspect.signature(value).parameters.values()
    in_order = sorted(parameters, key=lambda each: (each.kind, order.index(each.name)))
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in in_order]
    return str(inspect.Signature(bare)), returns


def name_groups(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Name the two groups of parameters by what they are for, after numpydoc."""
    if f":{_EXPERT}:" in lines:
        lines[lines.index(":Parameters:")] = ":Everyday parameters:"
        lines[lines.index(f":{_EXPERT}:")] = ":Expert parameters:"


def _page(package: str) -> str:
    own, passed_on = public_names(package)
    lines = [package, "=" * len(package), "", f".. automodule:: {package}", ""]
    if own:
        lines += [".. autosummary::", "   :toctree: names", "", *(f"   {name}" for name in own), ""]
    if passed_on:
        lines += [f"Also here: {', '.join(f'``{name}``' for name in passed_on)}."]
    return "\n".join(lines) + "\n"


def _index(packages: list[str]) -> str:
    toctree = "\n".join(f"   {package}" for package in packages)
    return (
        "API reference\n=============\n\n"
        "Everything that can be imported, by package. ``skcollision.engine``, the training loop,\n"
        "is not meant for users and may change in any version.\n\n"
        f".. toctree::\n   :maxdepth: 2\n\n{toctree}\n"
    )


def _write(path: Path, text: str) -> None:
    # Only what changed, or Sphinx would read it all anew.
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def keep_out_foreign_members(
    app: Any, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave what classes inherit from torch, and metadata routing, out of their pages."""
    if what != "class":
        return None
    member = getattr(member, "fget", None) or member
    module = getattr(member, "__module__", None) or ""
    shown = module.startswith("sklearn") and not name.endswith(_POINT_ELSEWHERE)
    return None if shown or module.startswith("skcollision") else True


def find_by_name(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """Resolve a reference to a public name from wherever it can be imported, or by its bare name.

    Each name has one page, while docstrings know only that of their own package.
    """
    package, _, name = node.get("reftarget", "").rpartition(".")
    if node.get("refdomain") != "py" or package not in ("", *public_packages()):
        return None
    home = next((each for each in public_packages() if name in public_names(each)[0]), None)
    if home is None or (package and not hasattr(importlib.import_module(package), name)):
        return None
    domain = env.domains["py"]
    target = f"{home}.{name}"
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", target, node, contnode)
