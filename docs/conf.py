"""Settings of Sphinx; ``make docs`` builds."""

import sys
from pathlib import Path

from sphinx_gallery.sorting import ExplicitOrder

import skcollision

sys.path.insert(0, str(Path(__file__).parent))
from _reference import (
    find_by_name,
    group_signature,
    keep_out_foreign_members,
    name_groups,
    quote_shapes,
    write_reference,
)

# Those to see first, in this order; others follow.
EXAMPLES = [
    "kmeans_comparison",
    "five_minutes",
    "images_to_gallery",
    "sentences_to_topics",
    "features_to_report",
    "photographs",
    "displays",
    "n_clusters",
    "grid_search",
    "imbalance",
]

project = "skcollision"
author = copyright = "The skcollision developers"
version = release = skcollision.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # the scripts of MathJax, so that no page fetches them from elsewhere
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
# Tables that scripts wrote begin with whatever heading they have.
suppress_warnings = ["myst.header"]
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# The names of a package, one page each; types are in the numpydoc sections.
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_typehints = "none"
numpydoc_show_class_members = False

# Every reference within the project must resolve; those into other projects are plain text, so
# that the pages build without the network.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!skcollision)[\w]+(\.[\w]+)+")]

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "within_subsection_order": ExplicitOrder([f"plot_{name}.py" for name in EXAMPLES] + ["*"]),
    "abort_on_example_error": True,
    "backreferences_dir": "reference/backreferences",
    "doc_module": ("skcollision",),
    "show_memory": False,
    "min_reported_time": 1e9,
    "write_computation_times": False,  # a page whose scripts come from the network
    "remove_config_comments": True,
}

toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_title = "skcollision"
html_show_sourcelink = False
html_context = {"default_mode": "auto"}  # dark or light; without it the theme's script complains
html_theme_options = {
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "compared_with": [], "measurements": []}  # room for tables


def setup(app: object) -> None:
    """Write the pages of the reference before they are read, and choose members of classes."""
    app.connect("config-inited", lambda app, config: write_reference(Path(app.srcdir)))
    app.connect("autodoc-skip-member", keep_out_foreign_members)
    app.connect("missing-reference", find_by_name)
    # Before numpydoc, which takes part at 500.
    app.connect("autodoc-process-docstring", quote_shapes, priority=400)
    app.connect("autodoc-process-docstring", name_groups, priority=600)
    app.connect("autodoc-process-signature", group_signature)
