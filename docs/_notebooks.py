"""The scripts of examples/ as notebooks, by sphinx-gallery; ``make notebooks`` runs this file."""

import re
from pathlib import Path

from sphinx_gallery.gen_gallery import DEFAULT_GALLERY_CONF
from sphinx_gallery.notebook import jupyter_notebook, save_notebook
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

EXAMPLES = Path(__file__).parent.parent / "examples"
# :class:`~package.Name` and :doc:`a title </page>`, which lead nowhere outside of Sphinx.
NAME = re.compile(r":(?:class|func|mod):`~?(?:[\w.]+\.)?(\w+)`")
PAGE = re.compile(r":doc:`([^`<]+) <[^`]*>`")


def write_notebook(script: Path, folder: Path) -> None:
    """Write `script` as a notebook, without outputs, into `folder`."""
    _, blocks = split_code_and_text_blocks(str(script))
    plain = [
        block._replace(content=PAGE.sub(r"\1", NAME.sub(r"``\1``", block.content)))
        if block.type == "text"
        else block
        for block in blocks
    ]
    notebook = jupyter_notebook(plain, DEFAULT_GALLERY_CONF, str(folder))
    del notebook["metadata"]["language_info"]["version"]  # that of whoever runs this
    save_notebook(notebook, folder / f"{script.stem.removeprefix('plot_')}.ipynb")


if __name__ == "__main__":
    target = EXAMPLES / "notebooks"
    target.mkdir(exist_ok=True)
    for path in target.glob("*.ipynb"):
        path.unlink()
    for path in sorted(EXAMPLES.glob("plot_*.py")):
        write_notebook(path, target)
