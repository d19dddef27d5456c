"""Tables of results on disk: TSV with a header, numbers to six digits, ``n/a`` for what is missing."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pcsa_jax.data.files import replacing

if TYPE_CHECKING:
    import pandas as pd


def write_table(path: Path, table: "pd.DataFrame", columns: Sequence[str] | None = None) -> Path:
    """Writes ``columns`` of ``table``, all if not given, whole or not at all; returns ``path``."""
    columns = list(table.columns if columns is None else columns)
    with replacing(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False, columns=columns, float_format="%.6g", na_rep="n/a")
    return path
