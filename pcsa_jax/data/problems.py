"""What is wrong with a file of a cohort, told once: as a row of a table or as one line."""

import dataclasses
from pathlib import Path


def visit_name(participant_id: str, session_id: str) -> str:
    """How a visit is named wherever a user reads of it: "sub-X ses-Y", "sub-X" without sessions, "" of nobody."""
    return f"{participant_id} {session_id}".strip()


@dataclasses.dataclass(frozen=True)
class Problem:
    """One fault of one file (or table), in the words that a user reads.

    Attributes:
      participant_id: "sub-X", or "" where the fault is the whole cohort's.
      session_id: "ses-Y", or "".
      file: the file at fault.
      found: what was expected and what was found, without a full stop.
      remedy: what to do, without a full stop.
      is_of_all: True if it is why nobody was found at all.
    """

    participant_id: str
    session_id: str
    file: Path
    found: str
    remedy: str
    is_of_all: bool = False

    @property
    def visit(self) -> str:
        return visit_name(self.participant_id, self.session_id)

    def __str__(self) -> str:
        name = self.visit
        return f"{name + ': ' if name else ''}{self.file}: {self.found}. {self.remedy}."
