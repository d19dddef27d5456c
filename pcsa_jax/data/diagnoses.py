"""Columns and tables in which a diagnosis may stand: how they are spelt, and what stands in them."""

from pathlib import Path
from typing import NamedTuple

from pcsa_jax.data.demographics import Person, read_person
from pcsa_jax.data.subjects import DIAGNOSES, OTHER_DIAGNOSES, Findings
from pcsa_jax.data.tables import Row, Table, check_spelling, read_identifier, read_table

DIAGNOSIS_COLUMNS = ("diagnosis", "diagnosis_sc", "diagnosis_bl")
"""Where a diagnosis may stand, the first that is there: ours, and those of Clinica's converters."""

MEANT = {
    "dementia": "AD", "ad dementia": "AD", "alzheimer": "AD", "alzheimer's disease": "AD", "nl": "CN", "hc": "CN",
    "nc": "CN", "control": "CN", "normal": "CN", "cognitively normal": "CN",
    "na": "n/a", "none": "n/a", "-": "n/a", "unknown": "n/a",
}  # fmt: skip
"""What tables of other studies write, and what is likely meant: suggested, never taken."""

OTHER_COLUMNS = ("dx", "dx1", "dx_bl", "dx_group", "group", "dxcurren")
"""Where tables of other studies (ADNIMERGE, OASIS-3) keep diagnoses in words of their own, in small letters."""


def check_columns(table: Table, findings: Findings) -> None:
    """Adds a problem for a column of these tables in another spelling."""
    ours = ("session_id", "participant_id", *DIAGNOSIS_COLUMNS)
    near = {"session": "session_id", "ses": "session_id"}
    check_spelling(table, ours, findings, near=near, instead=DIAGNOSIS_COLUMNS)


def diagnosis_column(table: Table) -> str | None:
    """The first diagnosis column that says anything, or else the first."""
    there = [name for name in DIAGNOSIS_COLUMNS if name in table.columns]
    filled = [name for name in there if any(row.values[name] for row in table.rows)]
    return next(iter(filled or there), None)


def read_diagnosis(table: Table, row: Row, column: str, who: str, findings: Findings) -> str:
    """The diagnosis of a row; "" if there is none or it is not one, which is a problem."""
    given = row.values[column]
    if given and given not in DIAGNOSES + OTHER_DIAGNOSES:
        known = ", ".join(DIAGNOSES + OTHER_DIAGNOSES)
        upper = given.upper() if given.upper() in DIAGNOSES + OTHER_DIAGNOSES else MEANT.get(given.lower())
        findings.add(
            table.path,
            f"line {row.line}: {who} has {column} {given!r}, expected one of {known} or n/a",
            _mending(upper),
        )
        return ""
    return given


def _mending(meant: str | None) -> str:
    if meant is None:
        return "Correct or remove the line"
    return "Write n/a" if meant == "n/a" else f"Write {meant}, if that is meant, or n/a"


class Sessions(NamedTuple):
    """What a sessions table says.

    Attributes:
      diagnoses: session_id -> diagnosis; empty if the table is not there or has no column of them.
      columns: of the table.
      persons: (participant_id, session_id) -> age and sex, of the same lines.
    """

    diagnoses: dict[str, str]
    columns: tuple[str, ...]
    persons: dict[tuple[str, str], Person]


def read_sessions(folder: Path, participant_id: str, findings: Findings) -> Sessions:
    """Reads ``sub-X/sub-X_sessions.tsv``, if it is there."""
    path = folder / f"{participant_id}_sessions.tsv"
    if path.is_symlink() and not path.exists():
        findings.check_presence(path, visit=(participant_id, ""))
    table = read_table(path, findings) if path.is_file() else None
    if table is None:
        _note_other_tables(folder, path, findings)
        return Sessions({}, (), {})
    check_columns(table, findings)
    column = diagnosis_column(table)
    if column is None or "session_id" not in table.columns:
        return Sessions({}, table.columns, {})
    found: dict[str, str] = {}
    persons: dict[tuple[str, str], Person] = {}
    lines: dict[str, int] = {}
    for row in table.rows:
        session_id = read_identifier(table, row, "session_id", findings, []) if row.values["session_id"] else None
        if session_id is None:
            continue
        first = lines.setdefault(session_id, row.line)
        if first != row.line:
            text = f"line {row.line}: {session_id} is listed twice (first in line {first}), expected once"
            findings.add(path, text, "Remove one line")
            continue
        found[session_id] = read_diagnosis(table, row, column, f"{participant_id} {session_id}", findings)
        persons[participant_id, session_id] = read_person(table, row, findings)
    return Sessions(found, table.columns, persons)


def _note_other_tables(folder: Path, expected: Path, findings: Findings) -> None:
    """Counts the sessions tables that lie elsewhere, or are named otherwise, and are not read."""
    if not folder.is_dir():
        return
    for path in [*folder.glob("*.[tc]sv"), *folder.glob("ses-*/*_sessions.tsv")]:
        if path != expected and "sessions" in path.name.lower():
            findings.leave("sessions table", "place", f"{path.parent.name}/{path.name}")
