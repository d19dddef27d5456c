"""The site: built once, strictly, tutorial and all; what has to be in it is, and a link that leads nowhere fails."""

import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import jupytext
import pytest
from sphinx.util.inventory import InventoryFile

import pcsa_jax
from pcsa_jax.commands import COMMANDS
from pcsa_jax.experiment.config_files import read_rows
from tests.conftest import ROOT

DOCS = ROOT / "docs"
PAGES = [*(path.relative_to(ROOT) for path in DOCS.rglob("*.md") if "_build" not in path.parts), Path("README.md")]
PIECES = ["ssim.ssim", "ssim.ms_ssim", "platform_convolution.convolve", "blockwise_attention.attend"]


def build(root: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """What ``make docs`` runs, into another folder; its programs are compiled as users run them."""
    words = ["-q", "-W", "--keep-going", "-n", "-b", "html", "-d", str(out / "doctrees"), "-c", "docs"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_DISABLE_MOST_OPTIMIZATIONS": "false"}
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *words, ".", str(out / "html")],
        cwd=root, env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip


class Links(HTMLParser):
    """What a page can be entered at, and where it leads."""

    def __init__(self, page: Path):
        super().__init__()
        self.ids, self.targets = {""}, set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        self.ids |= {said["id"]} if said.get("id") else set()
        self.targets |= {said[name] for name in ("href", "src") if said.get(name)}


def broken(site: Path) -> list[str]:
    """Links within the site to pages, places in pages or files that are not there."""
    pages = {page: Links(page) for page in site.rglob("*.html")}
    found = []
    for page, links in pages.items():
        for target in sorted(links.targets):
            path, place = map(unquote, urldefrag(target))
            path = path.partition("?")[0]
            if ":" in target.split("/")[0]:  # another site, or data
                continue
            file = (page.parent / path).resolve() if path else page
            there = pages[file].ids if file in pages else {"", place} if file.is_file() else set()
            found += [] if place in there else [f"{page.relative_to(site)}: {target}"]
    return found


@pytest.mark.slow
def test_the_site(tmp_path):
    done = build(ROOT, tmp_path)
    assert done.returncode == 0, done.stderr
    site = tmp_path / "html"
    assert [str(page) for page in PAGES if not (site / page.with_suffix(".html")).is_file()] == []
    assert broken(site) == []
    assert "docs/index.html" in (site / "index.html").read_text()

    documented = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="").data
    documented = {name for kind, names in documented.items() if kind.startswith("py:") for name in names}
    assert {f"pcsa_jax.{name}" for name in dir(pcsa_jax)} <= documented
    assert {f"pcsa_jax.model.{name}" for name in PIECES} <= documented
    commands = (site / "docs" / "reference" / "commands.html").read_text()
    assert [name for name in COMMANDS if f"usage: python -m pcsa_jax {name} " not in commands] == []
    rows = (site / "docs" / "reference" / "rows.html").read_text()
    assert [name for name in read_rows("pcsa") if f">{name}</span>" not in rows] == []

    networks = (site / "docs" / "reference" / "networks.html").read_text()
    assert "<strong>Deviation:</strong>" in networks
    assert not [text for text in ("_Sentinel", "jaxlib._jax", "Alias for field number") if text in networks]

    tutorial = (site / "docs" / "tutorial.html").read_text()
    for printed in ("No problem found in", "as trained", "outside", "95 % interval", "Wrote synthetic PET of 1 inputs"):
        assert printed in tutorial, printed
    assert tutorial.count('src="../_images/') == 2


def test_the_notebook_is_the_tutorial():
    def cells(path):
        return [(cell.cell_type, cell.source) for cell in jupytext.read(path).cells]

    told = "docs/tutorial.ipynb: jupytext --to ipynb docs/tutorial.md writes it again"
    assert cells(DOCS / "tutorial.ipynb") == cells(DOCS / "tutorial.md"), told
    assert all(not cell.get("outputs") for cell in jupytext.read(DOCS / "tutorial.ipynb").cells), told


@pytest.mark.slow
def test_a_link_or_a_reference_that_leads_nowhere_fails_the_build(tmp_path):
    (tmp_path / "docs").mkdir()
    for name in ("conf.py", "site_pages.py"):
        shutil.copy(DOCS / name, tmp_path / "docs")
    wrong = {"gone.md": "gone.md", "#no-such-heading": "no-such-heading", "../configs/gone.py": "../configs/gone.py"}
    links = "\n".join(f"* [text]({target})" for target in wrong)
    reference = "```{eval-rst}\n:func:`pcsa_jax.fly`, :func:`pcsa_jax.train`\n```"
    (tmp_path / "docs" / "index.md").write_text(f"# A page\n\n{links}\n\n{reference}\n")
    done = build(tmp_path, tmp_path / "out")
    assert done.returncode != 0
    for told in (*wrong.values(), "pcsa_jax.fly"):
        assert told in done.stderr, done.stderr
    assert "pcsa_jax.train" not in done.stderr
