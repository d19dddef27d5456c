"""Tables of a cohort (participants.tsv, sessions.tsv, a manifest) as people and spreadsheets write them."""

from pathlib import Path
from typing import NamedTuple

from pcsa_jax.data.subjects import DIAGNOSES, OTHER_DIAGNOSES, PARTICIPANT_ID, SESSION_ID, Findings, counted, listing

DIAGNOSIS_COLUMNS = ("diagnosis", "diagnosis_sc", "diagnosis_bl")
"""Where a diagnosis may stand, the first that is there: ours, and those of Clinica's converters of ADNI and OASIS."""

NOT_AVAILABLE = ("", "n/a", "N/A", "NA", "nan", "NaN")
"""What stands for a missing value; BIDS wants n/a."""


class Row(NamedTuple):
    """A line of a table.

    Attributes:
      line: its number in the file, from 1.
      values: column -> text without surrounding blanks and quotes, "" where nothing or n/a stands.
    """

    line: int
    values: dict[str, str]


class Table(NamedTuple):
    """A tab-separated file.

    Attributes:
      path: of the file.
      columns: its heading.
      rows: its lines that are not blank.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def heading(self) -> str:
        """The columns for a message."""
        return ", ".join(self.columns)[:200] or "nothing"


class People(NamedTuple):
    """What the tables say about people.

    Attributes:
      diagnoses: participant_id -> diagnosis ("" if none is known), of everyone in ``participants.tsv``.
      by_visit: (participant_id, session_id) -> diagnosis, from the sessions tables.
    """

    diagnoses: dict[str, str]
    by_visit: dict[tuple[str, str], str]

    def diagnosis(self, participant_id: str, session_id: str) -> str:
        """The diagnosis at a visit, or the participant's."""
        return self.by_visit.get((participant_id, session_id)) or self.diagnoses.get(participant_id, "")


def read_table(path: Path, findings: Findings) -> Table | None:
    """Reads a tab-separated table, with or without byte-order mark, whatever its line ends; None if it cannot be."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        findings.add(path, "expected UTF-8 text, found another encoding", "Save it as UTF-8")
        return None
    except OSError as error:
        findings.add(path, f"expected a readable table, found {error.strerror}", "Restore the file")
        return None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    columns = tuple(_unquoted(name) for name in lines[0].split("\t"))
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        fields = [_unquoted(field) for field in line.split("\t")]
        if any(fields[len(columns) :]):
            found = f"line {number}: expected {len(columns)} fields as in the heading, found {len(fields)}"
            findings.add(path, found, "Correct the line (tab-separated)")
            continue
        fields = ["" if field in NOT_AVAILABLE else field for field in fields]
        rows.append(Row(number, dict(zip(columns, fields + [""] * len(columns), strict=False))))
    return Table(path, columns, tuple(rows))


def _unquoted(field: str) -> str:
    field = field.strip()
    return field[1:-1].strip() if len(field) > 1 and field[0] == field[-1] == '"' else field


def read_identifier(table: Table, row: Row, column: str, findings: Findings, prefixed: list[str]) -> str | None:
    """The ``participant_id`` or ``session_id`` of a row; None if it is not one.

    Args:
      table, row, column: where it stands.
      findings: gets the problem of one that is not an identifier, such as a path.
      prefixed: gets those that lack "sub-" or "ses-", which are read with it.
    """
    given = row.values[column]
    pattern, prefix = (PARTICIPANT_ID, "sub-") if column == "participant_id" else (SESSION_ID, "ses-")
    found = given if given.startswith(prefix) else prefix + given
    if not pattern.fullmatch(found):
        example = "sub-0001" if prefix == "sub-" else "ses-M00"
        text = f"line {row.line}: expected a {column} like {example} (letters and digits), found {given!r}"
        findings.add(table.path, text, "Rename it")
        return None
    if found != given:
        prefixed.append(given)
    return found


def note_prefixed(table: Table, prefixed: list[str], findings: Findings) -> None:
    """Notes the identifiers that were read with a prefix they lack."""
    if prefixed:
        findings.notes.append(
            f"{table.path.name}: {counted(len(prefixed), 'id')} without 'sub-' or 'ses-' ({listing(prefixed)}), read "
            "with it"
        )


def read_diagnosis(table: Table, row: Row, column: str, who: str, findings: Findings) -> str:
    """The diagnosis of a row; "" if there is none or it is not one, which is a problem."""
    given = row.values[column]
    if given and given not in DIAGNOSES + OTHER_DIAGNOSES:
        known = ", ".join(DIAGNOSES + OTHER_DIAGNOSES)
        findings.add(
            table.path,
            f"line {row.line}: {who} has {column} {given!r}, expected one of {known} or n/a",
            "Correct or remove the line",
            is_of_diagnosis=True,
        )
        return ""
    return given


def read_people(
    source: Path, findings: Findings, *, remedy: str = "Write one line a person, tab-separated"
) -> People | None:
    """Reads ``participants.tsv`` and the sessions tables beside the participants' folders.

    Args:
      source: the folder that holds them, or ``participants.tsv`` itself under any name.
      findings: gets the problems and notes.
      remedy: what to do if there is no such table.

    Returns:
      None if there is no table that names people.
    """
    path = source if source.is_file() else source / "participants.tsv"
    if not path.is_file():
        found = "expected participants.tsv (participant_id, diagnosis: AD, CN, MCI, ... or n/a), found none"
        findings.add(source, found, remedy, is_of_diagnosis=True)
        return None
    table = read_table(path, findings)
    if table is None:
        return None
    if "participant_id" not in table.columns:
        found = f"expected the columns participant_id and diagnosis, found {table.heading}"
        findings.add(path, found, "Write them (tab-separated)")
        return None
    diagnoses = _read_participants(table, findings)
    by_visit = {}
    for participant_id in diagnoses:
        by_visit |= _read_sessions(path.parent / participant_id, participant_id, findings)
    if not (set(DIAGNOSIS_COLUMNS) & set(table.columns) or by_visit):
        found = f"expected a column diagnosis here or in the sessions tables, found {table.heading}"
        findings.add(path, found, "Add it (tab-separated): AD, CN, MCI, ... or n/a", is_of_diagnosis=True)
    return People(diagnoses, by_visit)


def _diagnosis_column(table: Table) -> str | None:
    return next((name for name in DIAGNOSIS_COLUMNS if name in table.columns), None)


def _read_participants(table: Table, findings: Findings) -> dict[str, str]:
    column, prefixed = _diagnosis_column(table), []
    lines: dict[str, int] = {}
    diagnoses: dict[str, str] = {}
    for row in table.rows:
        participant_id = read_identifier(table, row, "participant_id", findings, prefixed)
        if participant_id is None:
            continue
        if participant_id in lines:
            found = f"line {row.line}: {participant_id} is listed twice (first in line {lines[participant_id]})"
            findings.add(table.path, f"{found}, expected once", "Remove one line")
            continue
        lines[participant_id] = row.line
        diagnoses[participant_id] = read_diagnosis(table, row, column, participant_id, findings) if column else ""
    note_prefixed(table, prefixed, findings)
    return diagnoses


def _read_sessions(folder: Path, participant_id: str, findings: Findings) -> dict[tuple[str, str], str]:
    """The diagnoses of ``sub-X/sub-X_sessions.tsv``, if it is there and has any."""
    path = folder / f"{participant_id}_sessions.tsv"
    table = read_table(path, findings) if path.is_file() else None
    column = _diagnosis_column(table) if table else None
    if table is None or column is None or "session_id" not in table.columns:
        return {}
    found: dict[tuple[str, str], str] = {}
    for row in table.rows:
        session_id = read_identifier(table, row, "session_id", findings, [])
        if session_id is not None:
            who = f"{participant_id} {session_id}"
            found[participant_id, session_id] = read_diagnosis(table, row, column, who, findings)
    return found
