"""HTML pages: one file each that needs nothing beside itself, in one style."""

import base64
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcsa_jax.presentation.numbers import count, interval, number

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).with_name("templates")
"""``page.html``, which every page extends, and ``style.css``, which it includes."""


def render(template: Path, **values: Any) -> str:
    """The page of a Jinja template, which may extend ``page.html``; what is put into it is escaped.

    Raises:
      jinja2.UndefinedError: if the template needs a value that is not given.
    """
    return _environment(template.parent).get_template(template.name).render(**values)


@functools.cache
def _environment(folder: Path) -> "jinja2.Environment":
    """Templates of ``folder`` and the shared ones; each is compiled once in a process."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "interval": interval, "count": count}
    return environment


def data_uri(content: bytes, kind: str) -> str:
    """A picture as part of a page; ``kind`` is ``png`` or ``jpeg``."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
