"""The site: ``make docs`` builds it into ``docs/_build/html``, strictly.

The pages are found from the root of the clone (``sphinx-build -c docs . docs/_build/html``), so that a link to
``../README.md`` or ``../configs/pcsa.py`` is the same path on the site as in the clone. Nothing beside the folders of
``SHOWN`` is looked at: data and runs that lie in a clone are nobody else's.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]
# The tutorial's cells and the commands in them run this clone's code, whichever one is installed.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
os.environ["TTY_COMPATIBLE"] = "0"  # a notebook asks for colours and moving bars, which a page does not have
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

SHOWN = {"README.md", "SECURITY.md", "CHANGELOG.md", "LICENSE", "benchmarks", "configs", "docs"}

project = "pcsa_jax"
copyright = "the pcsa_jax maintainers"
root_doc = "docs/index"
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "myst_nb",
    "sphinxcontrib.mermaid",
    "site_pages",
]
include_patterns = ["README.md", "SECURITY.md", "CHANGELOG.md", "benchmarks/README.md", "docs/**"]
exclude_patterns = [
    *(path.name for path in ROOT.iterdir() if path.name not in SHOWN),
    "docs/_build",
    "docs/tutorial.ipynb",  # the tutorial as a notebook, without its pictures: a download
    "**/__pycache__",
]

html_theme = "furo"
html_title = "pcsa_jax"
html_static_path = ["site_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False

myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]
suppress_warnings: list[str] = []
nitpicky = True

# The tutorial runs while the site is built, in a folder of its own; a cell that fails fails the build.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_attr_annotations = False  # types stand in the signature
