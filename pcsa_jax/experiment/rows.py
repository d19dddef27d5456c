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


class Chosen(NamedTuple):
    """What trials on validation subjects chose for a system.

    Attributes:
      learning_rate: of the generator, at the scale of the trials alone.
      schedule: of that.
      adversarial: weight; 0 in a system without such a term too.
    """

    learning_rate: float
    schedule: str
    adversarial: float


def tuned_row(name: str, row: Row, chosen: Chosen, *, target: str, paper: str) -> Row:
    """``row`` with the schedule and the adversarial weight that were chosen for it, as a row of ``target`` alone."""
    overrides = {"generator_optimizer.schedule": chosen.schedule, "loss.adversarial": chosen.adversarial}
    differs = f"`{name}` tuned: {chosen.schedule}, adversarial weight {chosen.adversarial:g}"
    return Row(
        f"{differs}; at the demo's scale learning rate {chosen.learning_rate:g}",
        f"{paper}, tuned by us",
        {**row.overrides, **overrides},
        {target: f"{row.labels[target]}, tuned"},
    )


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
