"""The rows of a config file: the paper's ablations and systems as overrides of one base config."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ml_collections import ConfigDict


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
    labels: Mapping[str, str] = MappingProxyType({})


def apply_row(config: "ConfigDict", rows: Mapping[str, Row], name: str) -> None:
    """Makes ``config``, the base, the one of row ``name``.

    Raises:
      ValueError: if there is no such row.
    """
    if name not in rows:
        raise ValueError(f"row: expected one of {', '.join(rows)}, found {name!r}")
    for field, value in rows[name].overrides.items():
        *group, field = field.split(".")
        (config[group[0]] if group else config)[field] = value
