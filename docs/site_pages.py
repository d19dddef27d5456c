"""What the site adds to its pages: commands and rows from the code, docstrings as they are written here, references.

An extension of Sphinx, see ``conf.py``. A reference in a docstring has to name something that exists: what the site
documents is linked, other Python objects stay plain text, and a name that leads nowhere fails the build.
"""

import ast
import importlib
import inspect
import os
import re
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_nb.core import render
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode

LABELS = ("Source", "Deviation", "Paper")
"""Words that begin a paragraph of their own in our docstrings."""

FOREIGN = ("builtins", "typing", "collections.abc", "pathlib", "numpy", "jax", "jaxtyping", "nibabel", "flax.linen")
"""Where names of other people's are looked for."""

COLUMNS = "100"
"""Width of the commands' help."""

SPRINGBOARD = '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=docs/index.html">\n'
"""The pages lie below ``docs/``, as in the clone; the site's first address leads there."""


def command_help() -> str:
    """Each command with its options, from its own parser."""
    from pcsa_jax.commands import COMMANDS, make_parser

    os.environ["COLUMNS"] = COLUMNS
    parts = []
    for name, summary in COMMANDS.items():
        shown = make_parser(name, prog=f"python -m pcsa_jax {name}").format_help()
        parts.append(f"## {name}\n\n{summary[0].upper()}{summary[1:]}.\n\n`````text\n{shown}\n`````\n")
    return "\n".join(parts)


def row_table() -> str:
    """Each row of ``configs/pcsa.py`` with what it overrides."""
    from pcsa_jax.experiment.config_files import read_rows

    lines = ["| row | in the paper | what differs | fields |", "|---|---|---|---|"]
    for name, row in read_rows("pcsa").items():
        fields = "<br>".join(f"`{field}={value}`" for field, value in row.overrides.items())
        lines.append(f"| `{name}` | {row.paper} | {row.differs} | {fields} |")
    return "\n".join(lines) + "\n"


MADE: dict[str, Callable[[], str]] = {"docs/reference/commands": command_help, "docs/reference/rows": row_table}
"""Page -> what the site adds at its end."""


def add_what_is_made(app: Sphinx, page: str, source: list[str]) -> None:
    if page in MADE:
        source[0] = f"{source[0].rstrip()}\n\n{MADE[page]()}"


def always_again(app: Sphinx, env: Any, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Pages that follow the code are read at every build."""
    return [page for page in MADE if page in env.found_docs]


def prepare_docstring(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """``Source: Eq. 3.`` becomes a paragraph with its label in bold, ``one, other: text`` a field each.

    Runs before napoleon, which takes two names for a type and a name, and what stands before a colon in a constant's
    first line for its type: an empty word at the beginning keeps it from that.
    """
    lines[:] = [out for line in _one_by_one(lines) for out in _labelled(line)]
    if what in ("attribute", "data", "property"):
        lines.insert(0, "\\")


def _labelled(line: str) -> Iterator[str]:
    found = re.match(rf"({'|'.join(LABELS)}): (?=\S)", line)
    if found:
        yield from ("", f"**{found[1]}:** {line[found.end() :]}")
    else:
        yield line


def _one_by_one(lines: list[str]) -> Iterator[str]:
    """Of a line ``one, other: text`` in a section, and what is indented below it, a copy for each name."""
    while lines:
        line, lines = lines[0], lines[1:]
        found = re.match(r"(\s+)(\w+(?:, \w+)+)(: .*)", line)
        if not found:
            yield line
            continue
        edge = " " * (len(found[1]) + 1)
        deeper = list(takewhile(lambda below, edge=edge: below.startswith(edge), lines))
        lines = lines[len(deeper) :]
        for name in found[2].split(", "):
            yield from (f"{found[1]}{name}{found[3]}", *deeper)


def shorten_signature(app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: Any, returned: Any) -> Any:
    """Without the two fields that flax gives every module; ``Array`` by the name that everybody uses."""
    if signature:
        signature = re.sub(r"(, )?parent: [^=]* = [^,]*, name: [^=]* = None\)$", ")", signature)
    return tuple(text and text.replace("jaxlib._jax.Array", "Array") for text in (signature, returned))


def skip_fields(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Fields of named tuples are told in their class's docstring; ``setup`` is flax's own."""
    is_alias = (getattr(obj, "__doc__", None) or "").startswith("Alias for field number")
    return True if is_alias or name.split(".")[-1] == "setup" else None


def find_reference(app: Sphinx, env: Any, node: Any, shown: nodes.Element) -> nodes.Element | None:
    """A name of Python that Sphinx has not found: the one documented object of this name, or text if it exists."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"].lstrip("~.").partition("[")[0].replace("jax.jaxlib._jax.", "jax.")
    if not target or target[0] in "'\"0123456789":  # the shapes of jaxtyping
        return shown
    objects = env.domains.python_domain.objects
    documented = [name for name in objects if name == target or name.endswith(f".{target}")]
    pages = {(objects[name].docname, objects[name].node_id) for name in documented}
    if len(pages) == 1:
        page, anchor = pages.pop()
        return make_refnode(app.builder, node["refdoc"], page, anchor, shown, documented[0])
    around = [node.get("py:module"), f"{node.get('py:module')}.{node.get('py:class')}"]
    places = [*filter(None, around), "", "pcsa_jax", *FOREIGN]
    return shown if any(exists(f"{place}.{target}".lstrip(".")) for place in places) else None


def exists(dotted: str) -> bool:
    """Whether ``dotted`` is a module, something in one, or what a class says of its instances."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except (ImportError, ValueError):
            continue
        for part in parts[end:]:
            said = re.search(rf"^\s+{part}: ", found.__doc__ or "", re.MULTILINE) if inspect.isclass(found) else None
            if not (hasattr(found, part) or said):
                return False
            found = getattr(found, part, None)
        return True
    return False


def complete_annotations(app: Sphinx, config: Any) -> None:
    """Our calls name their results for the type checker alone, as they import nothing before they are called."""
    for name in ("cohorts", "generators", "runs"):
        module = importlib.import_module(f"pcsa_jax.calls.{name}")
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                exec("\n".join(map(ast.unparse, node.body)), module.__dict__)


def join_streams(outputs: list[Any]) -> list[Any]:
    """What a cell printed, in one piece for stdout and one for stderr.

    In place of myst-nb's own, which ends a line wherever a command's output came in pieces.
    """
    joined: list[Any] = []
    streams: dict[str, Any] = {}
    for output in outputs:
        stream = streams.get(output.get("name")) if output["output_type"] == "stream" else None
        if stream is not None:
            stream["text"] += output["text"]
            continue
        joined.append(output)
        if output["output_type"] == "stream":
            streams[output["name"]] = output
    return joined


def write_springboard(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        Path(app.outdir, "index.html").write_text(SPRINGBOARD, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    render.coalesce_streams = join_streams
    for event, handler in {
        "config-inited": complete_annotations,
        "source-read": add_what_is_made,
        "env-get-outdated": always_again,
        "autodoc-process-signature": shorten_signature,
        "autodoc-skip-member": skip_fields,
        "missing-reference": find_reference,
        "build-finished": write_springboard,
    }.items():
        app.connect(event, handler)
    app.connect("autodoc-process-docstring", prepare_docstring, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
