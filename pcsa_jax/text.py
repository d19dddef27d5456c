"""Text that anybody may have written (names of files and people), as terminals and tables can hold it."""

import re
from collections.abc import Iterable, Sequence

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+|inf|nan)(?:[eE][-+]?\d+)?"
_NUMBERS = re.compile(rf"{_NUMBER}(?:, {_NUMBER})*")
"""What may begin with a sign: a number, or several of them."""

_FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20"
"""Beginnings, wide ones included, that spreadsheets take for a formula."""

_QUOTES = "'\""
"""A double one would hide the ends of cells; a single one is what stands before the others."""

_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|([tnr\\]))")
_LETTERS = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}


def printable(text: str, *, keep: str = "") -> str:
    """``text`` with control characters (and bytes that are no UTF-8) escaped: names of files can hold anything.

    Args:
      text: any.
      keep: characters that stay as they are.
    """
    return "".join(letter if letter.isprintable() or letter in keep else ascii(letter)[1:-1] for letter in text)


def cell(text: str) -> str:
    r"""``text`` as one cell of a tab-separated table, which nothing takes for two cells, two lines or a formula.

    Control characters and the backslash are escaped (``\t``, ``\n``, ``\\``), and what a spreadsheet would compute or
    take for a quotation has a ``'`` before it. Numbers stay as they are. :func:`from_cell` is the inverse.
    """
    safe = printable(text.replace("\\", "\\\\"))
    first = safe.lstrip()[:1]
    is_guarded = safe[:1] in _QUOTES or (first in _FORMULA + '"' and not _NUMBERS.fullmatch(safe))
    return f"'{safe}" if first and is_guarded else safe


def from_cell(text: str) -> str:
    """The text that :func:`cell` made ``text`` of."""
    return _ESCAPE.sub(_unescape, text.removeprefix("'"))


def _unescape(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    if code is None:
        return _LETTERS[match[4]]
    # A table that somebody has edited may hold a number that no character has.
    return chr(int(code, 16)) if int(code, 16) < 0x110000 else match[0]


def table_text(rows: Iterable[Sequence[str]]) -> str:
    """The content of a tab-separated table: one line a row, each cell by :func:`cell`."""
    return "".join("\t".join(map(cell, row)) + "\n" for row in rows)


def lines_of(text: str) -> list[str]:
    """The lines of a text with any line ends; ``splitlines`` would cut at the page breaks of a text as well."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def table_rows(text: str) -> list[list[str]]:
    """The rows of which :func:`table_text` made ``text``; any line ends are taken, blank lines are none."""
    return [[from_cell(field) for field in line.split("\t")] for line in lines_of(text) if line.strip()]
