"""Paths as callers give them."""

from os import PathLike
from pathlib import Path

from pcsa_jax.machine.home import user_path

AnyPath = str | PathLike[str]


def given(path: AnyPath | None) -> Path | None:
    """A path with ``~`` replaced; None if there is none."""
    return None if path is None else user_path(path)
