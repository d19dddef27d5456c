"""How a start after a crash, or a reader given a damaged file, may end; and how the counts are shown and kept."""

import collections
import json
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.results import describe_machine
from pcsa_jax.data.files import write_json, write_text
from pcsa_jax.presentation.markdown import markdown_table

AS_WAS, RESUMED, REFUSED, NOTED, ACCEPTED = (
    "as was", "resumed to the same bits", "refused in one line", "read with a note",
    "accepted as sound with other content",
)  # fmt: skip
CHANGED, TRACEBACK, DIED, HANG = "CHANGED IN SILENCE", "TRACEBACK", "DIED", "HANG"
OUTCOMES = (AS_WAS, RESUMED, REFUSED, NOTED, ACCEPTED, CHANGED, TRACEBACK, DIED, HANG)
FINDS = (CHANGED, TRACEBACK, DIED, HANG)
"""What must not happen: each is a find."""


class Noted(Exception):  # noqa: N818 - no error
    """What a reader that takes a file raises if it says a line on it that it does not say of the sound one."""


class Find(NamedTuple):
    """One of :data:`FINDS`.

    Attributes:
      outcome: which.
      command: the words that show it again, without ``python``.
      told: the last line of what it said, or what differs.
      file: where the damaged file or folder is kept; "" if it is not.
    """

    outcome: str
    command: Sequence[str]
    told: str
    file: str = ""


def of_exit(status: int, errors: str) -> tuple[str, str]:
    """The outcome of a command that ended by itself, as far as status and stderr tell, and its last line.

    A command that ended with 0 is :data:`RESUMED` until somebody has compared what it wrote.
    """
    lines = errors.strip().splitlines() or [""]
    if "Traceback (most recent call last)" in errors:
        return TRACEBACK, lines[-1][:300]
    if status < 0:
        return DIED, f"signal {-status}: {lines[-1][:300]}"
    return (REFUSED, lines[-1][:300]) if status else (RESUMED, "")


def keep(find: Find, source: Path, folder: Path) -> Find:
    """The find with its file or folder copied to ``folder``, and beside it the command that shows it."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / source.name
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True)
    else:
        shutil.copy(source, target)
    write_text(folder / "command.txt", f"python {shlex.join(find.command)}\n{find.outcome}: {find.told}\n")
    return find._replace(file=str(target))


def count(found: Iterable[str]) -> dict[str, int]:
    """How often each outcome came, in the order of :data:`OUTCOMES`, those that never came left out."""
    counted = collections.Counter(found)
    return {name: counted[name] for name in OUTCOMES if counted[name]}


def tabulate(rows: Mapping[str, Mapping[str, int]]) -> str:
    """Counts as Markdown: one line for each name, one column for each outcome that came at all."""
    columns = [name for name in OUTCOMES if any(name in row for row in rows.values())]
    lines = [[name, str(sum(row.values())), *(str(row.get(each, 0)) for each in columns)] for name, row in rows.items()]
    return markdown_table(["", "tries", *columns], lines)


def tell(rows: Mapping[str, Mapping[str, Any]]) -> bool:
    """Prints what came of each name (see :func:`write`), and each find; whether there is any."""
    print(tabulate({name: row["counts"] for name, row in rows.items()}))
    finds = [find for row in rows.values() for find in row["finds"]]
    for find in finds:
        print(f"{find.outcome}: {find.told}: {find.file}")
    return bool(finds)


def write(path: Path, command: str, rows: Mapping[str, Mapping[str, Any]], **more: Any) -> None:
    """Keeps what was found as JSON, each name with the command that tried it; names not tried now stay as they were.

    Args:
      path: the file.
      command: of this time.
      rows: name -> ``counts``, ``finds`` and what else is to be kept. Where the files of the finds lie is this
        machine's affair.
      more: to be kept with every name.
    """
    former = json.loads(path.read_text()) if path.is_file() else {}
    for name, row in rows.items():
        told = [find._replace(file="/".join(Path(find.file).parts[-2:]))._asdict() for find in row["finds"]]
        former[name] = {"command": command, "machine": describe_machine(), **more, **row, "finds": told}
    write_json(path, former)
