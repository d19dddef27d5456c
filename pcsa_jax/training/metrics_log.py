"""The record of a training: ``metrics.jsonl`` (the source of truth) and TensorBoard event files."""

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from pcsa_jax.data.files import check_plain, finite_or_none, replacing
from pcsa_jax.data.json_objects import parse_object
from pcsa_jax.data.subjects import counted
from pcsa_jax.errors import UserError
from pcsa_jax.machine.progress import console
from pcsa_jax.training.event_files import EventFiles

FIELDS = {"step": int, "epoch": int | None}
"""What every row has; all else are numbers, null where one was not finite."""

MOST_LINE_BYTES = 2**20
LARGEST_STEP = 2**53
"""Beyond it a step is no number that anything counts or draws."""

MOST_TOLD = 5
"""Damaged lines that a note tells."""


class Line(NamedTuple):
    """One line of ``metrics.jsonl``.

    Attributes:
      number: from 1.
      raw: its bytes, with the line's end if it has one.
      row: what it says; None if it is no row.
      problem: what is wrong with it, in a few words; "" if nothing is. A row that is wrong only in its place has both.
    """

    number: int
    raw: bytes
    row: dict[str, Any] | None
    problem: str

    @property
    def is_unfinished(self) -> bool:
        """True for what a killed process has left at the end."""
        return self.row is None and not self.raw.endswith(b"\n")


class MetricsLog:
    """Appends one JSON object a row; a context manager.

    Args:
      path: ``metrics.jsonl``.
      tensorboard: folder of the event files.
      resume_step: rows after this step are dropped (a killed run may have logged steps that no checkpoint holds), so
        that a resumed run's record has each step once. An unfinished last line goes as well; all other lines stay,
        damaged ones too, which one note tells.

    Raises:
      UserError: if the file is there and cannot be read.
    """

    def __init__(self, path: Path, tensorboard: Path, *, resume_step: int):
        check_plain(path)
        if path.exists():
            _cut(path, resume_step)
        self._stream = path.open("a", encoding="utf-8")
        self._events = EventFiles(tensorboard, purge_step=resume_step + 1 if resume_step else None)

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._events.close()
        self._stream.close()

    def write(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """Adds one row; flushed at once, so a reader sees it and a kill cannot lose it."""
        row = finite_or_none({"step": step, "epoch": epoch, **values})
        self._stream.write(json.dumps(row, allow_nan=False) + "\n")
        self._stream.flush()
        self._events.write(step, values)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The rows of ``metrics.jsonl`` by their steps; one note tells the lines that are no rows or out of place.

    Raises:
      UserError: if it cannot be read.
    """
    lines = read_lines(path)
    _tell(path, lines, "no rows left out of tables and figures")
    return sorted((line.row for line in lines if line.row is not None), key=lambda row: row["step"])


def read_lines(path: Path) -> list[Line]:
    """All lines of ``metrics.jsonl`` that are not blank, whatever stands in them.

    Raises:
      UserError: if it cannot be read.
    """
    check_plain(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: expected the run's record, found {error.strerror}. Restore or remove it.") from error
    lines, last = [], -1
    seen: dict[int, set[str]] = {}
    for number, raw in enumerate(io.BytesIO(content), start=1):
        if not raw.strip():
            continue
        try:
            row, problem = _row(raw), ""
        except ValueError as error:
            lines.append(Line(number, raw, None, str(error)))
            continue
        step, values = row["step"], row.keys() - FIELDS.keys()
        if step in seen and (values & seen[step] or not values):
            problem = f"step {step} again"
        elif step < last:
            problem = f"step {step} after {last}"
        seen[step], last = seen.get(step, set()) | values, max(last, step)
        lines.append(Line(number, raw, row, problem))
    return lines


def _cut(path: Path, resume_step: int) -> None:
    """Leaves of ``path`` what a run that goes on after ``resume_step`` begins with."""
    lines = read_lines(path)
    kept = [line for line in lines if not line.is_unfinished and (line.row is None or line.row["step"] <= resume_step)]
    _tell(path, [line._replace(number=number) for number, line in enumerate(kept, start=1)], "kept")
    with replacing(path) as temporary:
        # The last line may be whole and lack its end alone.
        temporary.write_bytes(b"".join(line.raw if line.raw.endswith(b"\n") else line.raw + b"\n" for line in kept))


def _row(raw: bytes) -> dict[str, Any]:
    """The row that a line is.

    Raises:
      ValueError: if it is none.
    """
    row = parse_object(raw, FIELDS, most_bytes=MOST_LINE_BYTES)
    if not 0 <= row["step"] <= LARGEST_STEP:
        raise ValueError(f"step {row['step']}")
    for name, value in row.items():
        if value is not None and (type(value) not in (int, float) or not math.isfinite(value)):
            raise ValueError(f"{name[:60]!a} that is no number")
    return row


def _tell(path: Path, lines: Sequence[Line], what: str) -> None:
    """Prints one note on the damaged lines among ``lines``, if there are any; an unfinished last one is none."""
    odd = [line for line in lines if line.problem and not line.is_unfinished]
    if odd:
        shown = "; ".join(f"line {line.number}: {line.problem}" for line in odd[:MOST_TOLD])
        more = f"; and {len(odd) - MOST_TOLD} more" if len(odd) > MOST_TOLD else ""
        console.print(f"warning: {path}: {counted(len(odd), 'damaged line')}, {what} ({shown}{more})")
