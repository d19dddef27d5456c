"""What was done to a scan, step by step, and the software that the steps need beyond the rest of the package."""

import contextlib
import importlib
import importlib.metadata
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from pcsa_jax.errors import UserError

PACKAGES = {"ants": ("ANTsPy", "antspyx"), "deepbet": ("deepbet", "deepbet")}
"""Module -> the name people know it by, and the package that it comes in."""


class Step(NamedTuple):
    """One processing step, as it is recorded beside the result.

    Attributes:
      name: what was done, in a few words.
      software: what did it, with its version ("ANTsPy 0.6.3").
      parameters: the settings that matter to the result; values that JSON can hold.
    """

    name: str
    software: str
    parameters: dict[str, Any]


def software(module: str) -> str:
    """Name and version of a module of :data:`PACKAGES`, of NumPy, ...: "ANTsPy 0.6.3"."""
    name, package = PACKAGES.get(module, (module, module))
    return f"{name} {importlib.metadata.version(package)}"


def load_extra(module: str) -> ModuleType:
    """Imports a module of :data:`PACKAGES`.

    Raises:
      UserError: if it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        name = PACKAGES[module][0]
        what = name if error.name == module else f"{name} with {error.name}"
        raise UserError(f"preprocess: expected {what}, found none. pip install antspyx deepbet") from error


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[None]:
    """Sends the temporary files of this process to ``folder``: ANTsPy leaves its own behind."""
    before = tempfile.tempdir
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
