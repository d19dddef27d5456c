"""``events.jsonl``: what a training has noticed of itself, one JSON object an event; there is none without events."""

import json
from pathlib import Path
from typing import Any

from pcsa_jax.data.files import write_text
from pcsa_jax.data.json_objects import parse_object
from pcsa_jax.errors import UserError
from pcsa_jax.training.watch import Event

FIELDS = {"step": int, "epoch": int, "event": str, "text": str}
"""Of one line."""


class EventsLog:
    """Appends events to ``path``.

    Args:
      path: ``events.jsonl``.
      resume_step: events after this step are dropped: a resumed run comes to them again.

    Raises:
      UserError: if the file is damaged.
    """

    def __init__(self, path: Path, *, resume_step: int):
        self._path = path
        if path.exists():
            kept = [row for row in read_events(path) if row["step"] <= resume_step]
            write_text(path, "".join(json.dumps(row) + "\n" for row in kept))

    def write(self, event: Event, *, epoch: int) -> None:
        """Adds one event.

        Raises:
          UserError: if it cannot be written.
        """
        row = {"step": event.step, "epoch": epoch, "event": event.kind, "text": event.text}
        try:
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
        except OSError as error:
            raise UserError(
                f"{self._path}: could not be written ({error.strerror}). Free some space; the same command goes on "
                "from the latest checkpoint."
            ) from error


def read_events(path: Path) -> list[dict[str, Any]]:
    """The events of a run, oldest first; none if there is no file. A last line cut short by a killed run is left out.

    Raises:
      UserError: if any other line is no event.
    """
    if not path.is_file():
        return []
    rows, lines = [], path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if number == len(lines):  # an event ends with a line break: this is half of one, or nothing
            break
        try:
            rows.append(parse_object(line, FIELDS))
        except ValueError as error:
            raise UserError(
                f"{path}, line {number}: expected one event ({', '.join(FIELDS)}), found {error}. Restore the file, or "
                "move it away: training does without it."
            ) from error
    return rows


def describe_events(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    """One line for people an event."""
    return tuple(f"Epoch {row['epoch'] + 1}, step {row['step']}: {row['text']}" for row in rows)
