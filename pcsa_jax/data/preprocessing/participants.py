"""The participants' table of a raw BIDS data set, passed through to the derivatives made from it."""

from collections.abc import Collection
from pathlib import Path

from pcsa_jax.data.diagnoses import check_columns
from pcsa_jax.data.files import read_text, write_text
from pcsa_jax.data.subjects import PARTICIPANT_ID, Findings
from pcsa_jax.data.tables import Table
from pcsa_jax.errors import UserError
from pcsa_jax.text import lines_of

MISSING = "n/a"
"""What BIDS writes where a value is not known."""


class ParticipantTable:
    """``participants.tsv``: its columns in their order, and its lines by participant.

    Attributes:
      columns: names; ``participant_id`` and ``diagnosis`` are always among them.
      rows: participant_id -> column -> value.
      slips: one line for each column that is probably one that training reads in another spelling.
    """

    def __init__(
        self, columns: list[str], rows: dict[str, dict[str, str]], slips: tuple[str, ...] = ()
    ) -> None:  # fmt: skip
        self.columns = columns
        self.rows = rows
        self.slips = slips

    def write(self, path: Path, participants: Collection[str]) -> None:
        """Writes the lines of ``participants``, one each; values of those not in the table are ``n/a``."""
        lines = [self.columns]
        for name in sorted(participants):
            row = self.rows.get(name, {}) | {"participant_id": name}
            lines.append([row.get(column) or MISSING for column in self.columns])
        write_text(path, "".join("\t".join(line) + "\n" for line in lines))

    def completed_by(self, path: Path) -> "ParticipantTable":
        """The table and, for participants that are not in it, the lines of another at ``path`` if there is one."""
        if not path.is_file():
            return self
        other = read_participants(path.parent)
        columns = [*self.columns, *(name for name in other.columns if name not in self.columns)]
        return ParticipantTable(columns, other.rows | self.rows, self.slips)

    def without_diagnosis(self, participants: Collection[str]) -> list[str]:
        """Those of ``participants`` whose diagnosis is not known."""
        return [p for p in sorted(participants) if self.rows.get(p, {}).get("diagnosis", MISSING) in ("", MISSING)]


def read_participants(root: Path) -> ParticipantTable:
    """Reads ``participants.tsv`` of a raw BIDS data set, with or without a byte-order mark and carriage returns.

    A table that is not there gives one without lines; ``sub-`` may be missing in the ids.

    Raises:
      UserError: if it has no column participant_id, an id that is none, a line of another length, or an id twice.
    """
    path = Path(root) / "participants.tsv"
    if not path.is_file():
        return ParticipantTable(["participant_id", "diagnosis"], {})
    # Not the csv module, which gives up on a field of 131,072 characters.
    lines = [line.split("\t") for line in lines_of(read_text(path))]
    columns = [name.strip() for name in lines[0]]
    if "participant_id" not in columns:
        raise UserError(f"{path}: expected a column participant_id (tab-separated), found {columns}. Add it.")
    if len(set(columns)) < len(columns):
        raise UserError(f"{path}: expected each column once, found {columns}. Rename one.")
    rows: dict[str, dict[str, str]] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not any(word.strip() for word in line):
            continue
        if len(line) != len(columns):
            raise UserError(
                f"{path} line {number}: expected {len(columns)} values, found {len(line)}. Write n/a where one is "
                "not known."
            )
        row = dict(zip(columns, (word.strip() for word in line), strict=True))
        name = row["participant_id"] if row["participant_id"].startswith("sub-") else f"sub-{row['participant_id']}"
        if not PARTICIPANT_ID.fullmatch(name):
            raise UserError(
                f"{path} line {number}: expected a participant_id like sub-0001, found {row['participant_id']!r}. "
                "Correct it."
            )
        if name in rows:
            raise UserError(f"{path} line {number}: {name} is listed twice, expected once. Remove one line.")
        rows[name] = row | {"participant_id": name}
    slips = Findings()
    check_columns(Table(path, tuple(columns), ()), slips)
    if "diagnosis" not in columns:
        columns.insert(1, "diagnosis")
    ordered = ["participant_id", *(name for name in columns if name != "participant_id")]
    return ParticipantTable(ordered, rows, tuple(map(str, slips.problems)))
