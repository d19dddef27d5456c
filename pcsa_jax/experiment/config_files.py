"""Config files: found by path or by name, run, and their mistakes told in one line."""

import importlib.machinery
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from ml_collections import ConfigDict

from pcsa_jax.errors import UserError
from pcsa_jax.experiment.rows import Row
from pcsa_jax.machine.home import user_path

_PACKAGE = Path(__file__).parents[1]
FOLDER = next((path for path in (_PACKAGE / "configs", _PACKAGE.parent / "configs") if path.is_dir()), _PACKAGE)
"""Where the configs with names are: inside the installed package, beside the package in a clone."""

T = TypeVar("T")
_MODULE = "pcsa_jax_config_file"


def config_names() -> list[str]:
    """What ``--config`` takes besides paths: the files of :data:`FOLDER` that make a config."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if "def get_config(" in path.read_text(encoding="utf-8"))


def find_config(given: str) -> tuple[Path, str | None]:
    """The file and the row of ``FILE[:ROW]`` or ``NAME[:ROW]``; an existing file comes before a name.

    Raises:
      UserError: if it is neither.
    """
    file, colon, row = given.partition(":")
    names, path = config_names(), user_path(file)
    path = FOLDER / f"{file}.py" if file in names and not path.is_file() else path
    if not path.is_file():
        raise UserError(
            f"--config: expected a config file or one of {', '.join(names)}, found {file!r}. Try --config=pcsa."
        )
    return path, row if colon else None


def load_config(given: str) -> ConfigDict:
    """The config that ``FILE[:ROW]`` or ``NAME[:ROW]`` makes.

    The file is Python and is executed: use only files you trust.

    Raises:
      UserError: if there is no such file, or it does not make a config.
    """
    return _with_module(given, _make_config)


def read_rows(given: str) -> dict[str, Row]:
    """``ROWS`` of a config file, by path or name; empty if it has none. The file is executed, see :func:`load_config`.

    Raises:
      UserError: if there is no such file, it cannot be run, or ``ROWS`` is something else.
    """

    def rows_of(module: ModuleType, path: Path, row: str | None) -> dict[str, Row]:
        rows = getattr(module, "ROWS", {})
        if not isinstance(rows, dict) or not all(isinstance(row, Row) for row in rows.values()):
            raise UserError(f"--config: {path}: expected ROWS as a dict of pcsa_jax.experiment.rows.Row. Mend it.")
        return dict(rows)

    return _with_module(given, rows_of)


def _with_module(given: str, work: Callable[[ModuleType, Path, str | None], T]) -> T:
    """What ``work`` makes of the module of a config file, the file and the row; mistakes in the file are one line."""
    path, row = find_config(given)
    loader = importlib.machinery.SourceFileLoader(_MODULE, str(path))  # whatever the file's ending
    module = importlib.util.module_from_spec(importlib.util.spec_from_file_location(_MODULE, path, loader=loader))
    sys.modules[_MODULE] = module  # dataclasses look their module up by name
    try:
        loader.exec_module(module)
        return work(module, path, row)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"--config: {_reason(error, path)}") from error
    finally:
        del sys.modules[_MODULE]


def _make_config(module: ModuleType, path: Path, row: str | None) -> ConfigDict:
    config = _get_config(module, path, row)()
    if not isinstance(config, ConfigDict):
        raise UserError(f"--config: {path}: expected get_config() to return a ConfigDict, found {config!r:.60}.")
    return config


def _get_config(module: ModuleType, path: Path, row: str | None) -> Callable[[], ConfigDict]:
    """The file's ``get_config``, with its row."""
    function = getattr(module, "get_config", None)
    if not callable(function):
        raise UserError(f"--config: {path}: expected a function get_config(), found none.")
    words = () if row is None else (row,)
    try:
        inspect.signature(function).bind(*words)
    except TypeError as error:
        expected = "a row (FILE:ROW)" if row is None else "no row"
        found = "none" if row is None else repr(row)
        raise UserError(f"--config: {path}: expected {expected}, as its get_config() has it, found {found}.") from error
    return lambda: function(*words)


def _reason(error: Exception, path: Path) -> str:
    """One line: what went wrong in a config file, and where.

    What the file itself raises as a ValueError is written for its user and stands as it is.
    """
    lines = str(error).strip().splitlines() or [""]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path}, line {error.lineno}: {type(error).__name__}: {error.msg}. Correct the file."
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, ValueError) and len(lines) == 1 and (frames[-1].line or "").startswith("raise "):
        return f"{lines[0].removesuffix('.')}."
    own = [frame.lineno for frame in frames if frame.filename == str(path)]
    where = f"{path}, line {own[-1]}" if own else str(path)
    told = ": ".join(filter(None, (type(error).__name__, lines[0].removesuffix("."))))
    return f"{where}: {told}. Correct the file."
