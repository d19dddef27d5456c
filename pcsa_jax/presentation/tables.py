"""Tables as tab-separated files."""

import csv
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pcsa_jax.data.files import check_plain, replacing
from pcsa_jax.text import cell, from_cell

if TYPE_CHECKING:
    import pandas as pd


def write_table(
    path: Path, table: "pd.DataFrame", columns: Sequence[str] | None = None, *, float_format: str = "%.6g"
) -> Path:
    """Writes ``columns`` of ``table``, all if not given, whole or not at all; returns ``path``.

    Text is escaped (:func:`~pcsa_jax.text.cell`), numbers are written by ``float_format``, NaN as ``n/a``.
    """
    columns = list(table.columns if columns is None else columns)
    safe = table[columns].map(lambda value: cell(value) if isinstance(value, str) else value)
    with replacing(path) as temporary:
        safe.to_csv(
            temporary, sep="\t", index=False, header=list(map(cell, columns)), float_format=float_format, na_rep="n/a",
            quoting=csv.QUOTE_NONE,
        )  # fmt: skip
    return path


def read_table(path: Path, columns: Sequence[str], words: Collection[str]) -> "pd.DataFrame":
    """Reads ``columns`` of a table of :func:`write_table`; ``words`` of them are text, all others float64.

    Raises:
      ValueError: if it is no table, or has no such columns.
      OSError: if it cannot be read.
    """
    import pandas as pd

    check_plain(path)
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE)
    table.columns = [from_cell(name) for name in table.columns]
    if not set(columns) <= set(table.columns):
        raise ValueError(f"the columns {', '.join(table.columns)}")
    table = table[list(columns)]
    for name in columns:
        is_text = name in words
        table[name] = table[name].map(from_cell) if is_text else table[name].replace("n/a", "nan").astype(float)
    return table
