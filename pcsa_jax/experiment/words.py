"""A config as the words of a command line: the file and what overrides it."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from pcsa_jax.errors import UserError


def config_words(
    config: str | PathLike[str],
    overrides: Mapping[str, Any] | Sequence[str] = (),
    *,
    cohort: str | PathLike[str] | None = None,
    participants: str | PathLike[str] | None = None,
) -> list[str]:
    """``--config=FILE[:ROW]`` and the words ``--config.FIELD=VALUE``, as ``experiment.config.parse_config`` takes them.

    Args:
      config: file or name, and row.
      overrides: ``{"group.field": value}``, or the words.
      cohort, participants: short for the overrides of ``data.root`` and ``data.participants``.

    Raises:
      UserError: if one of the two is given twice.
    """
    if isinstance(overrides, Mapping):
        overrides = [f"--config.{name}={value}" for name, value in overrides.items()]
    words = [f"--config={config}", *overrides]
    for option, name, path in (
        ("--cohort", "data.root", cohort),
        ("--participants", "data.participants", participants),
    ):
        if path is None:
            continue
        if any(word.startswith(f"--config.{name}=") for word in overrides):
            raise UserError(f"{option}: expected one of {option} and --config.{name}, found both. Leave one out.")
        words.append(f"--config.{name}={path}")
    return words
