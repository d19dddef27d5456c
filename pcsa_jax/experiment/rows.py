"""The rows of a config file: the paper's ablations and systems as overrides of one base config."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from pcsa_jax.errors import UserError


class Row(NamedTuple):
    """One row of a table or figure.

    Attributes:
      differs: what differs from the full model, in words.
      paper: where it is in the paper.
      overrides: ``{"group.field": value}``; a dict takes the place of its whole group, as other networks have other
        fields.
      labels: target of ``reproduce`` in which the row stands -> its name for print there, the paper's where it has one.
    """

    differs: str
    paper: str
    overrides: Mapping[str, Any]
    labels: Mapping[str, str] = {}


def apply_row(config: ConfigDict, rows: Mapping[str, Row], name: str) -> None:
    """Makes ``config``, the base, the one of row ``name``.

    Raises:
      ValueError: if there is no such row.
    """
    if name not in rows:
        raise ValueError(f"row: expected one of {', '.join(rows)}, found {name!r}")
    for field, value in rows[name].overrides.items():
        *group, field = field.split(".")
        (config[group[0]] if group else config)[field] = value


def read_rows(file: Path) -> dict[str, Row]:
    """``ROWS`` of a config file, which is Python and is executed; empty if it has none.

    Raises:
      UserError: if ``ROWS`` is something else.
    """
    spec = importlib.util.spec_from_file_location("config", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rows = getattr(module, "ROWS", {})
    if not isinstance(rows, dict) or not all(isinstance(row, Row) for row in rows.values()):
        raise UserError(
            f"{file}: expected ROWS as a dict of pcsa_jax.experiment.rows.Row, found {type(rows).__name__}."
        )
    return dict(rows)
