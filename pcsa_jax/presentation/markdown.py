"""Markdown of the pages."""

import re
from collections.abc import Iterable, Sequence

from pcsa_jax.text import printable


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, num_left: int = 1) -> str:
    """A table whose first ``num_left`` columns stand to the left, the others to the right."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rule = ["---"] * num_left + ["---:"] * (len(header) - num_left)
    return "\n".join([line(header), f"| {' | '.join(rule)} |", *map(line, rows)])


def markdown_text(text: object) -> str:
    """What anybody may have written, such as a cohort's name, as plain text of a page: no markup, no HTML, one line."""
    return re.sub(r"[\\`*\[\]<&|]", r"\\\g<0>", printable(str(text)))
