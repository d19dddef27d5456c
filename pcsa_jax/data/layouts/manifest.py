"""A manifest: one table that says where everybody's volumes are, whatever they are called."""

import os
import re
from pathlib import Path

from pcsa_jax.data.layouts.sidecars import is_fwhm
from pcsa_jax.data.subjects import Findings, Subject
from pcsa_jax.data.tables import Row, Table, note_prefixed, read_diagnosis, read_identifier, read_table

NAME = "manifest"
FILE = "manifest.tsv"
COLUMNS = ("participant_id", "diagnosis", "mri")
"""What every manifest has; session_id, pet, mri_fwhm_mm and pet_fwhm_mm are optional."""


def claim(path: Path) -> str:
    """What tells that ``path`` is in this layout, or ""."""
    if path.is_file():
        return "it is a table"
    return f"it holds {FILE}" if (path / FILE).is_file() else ""


def read(path: Path, participants: Path | None, findings: Findings) -> tuple[list[Subject], tuple[str, ...]]:
    """The visits of the table; the participants without any GM map.

    Paths are relative to the manifest's folder, out of which ``..`` does not lead, or absolute. ``participants`` is not
    looked at: the diagnosis stands in the manifest.
    """
    path = path if path.is_file() else path / FILE
    table = read_table(path, findings)
    if table is None:
        return [], ()
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        found = f"expected the columns {', '.join(COLUMNS)}, found {table.heading}"
        findings.add(path, found, f"Add {', '.join(missing)} (tab-separated)")
        return [], ()
    prefixed: list[str] = []
    lines: dict[tuple[str, str], int] = {}
    subjects, people = [], set()
    for row in table.rows:
        visit = _visit(table, row, findings, prefixed)
        if visit is None:
            continue
        if visit in lines:
            name = " ".join(visit).strip()
            found = f"line {row.line}: {name} is listed twice (first in line {lines[visit]}), expected once"
            findings.add(path, found, "Remove one line")
            continue
        lines[visit] = row.line
        people.add(visit[0])
        subject = _subject(table, row, visit, findings)
        if subject is not None:
            subjects.append(subject)
    note_prefixed(table, prefixed, findings)
    _check_once(path, subjects, findings)
    if not table.rows:
        findings.add(path, "expected one line a visit, found only the heading", "Write them")
    subjects.sort(key=lambda subject: (subject.participant_id, subject.session_id))
    return subjects, tuple(sorted(people - {subject.participant_id for subject in subjects}))


def _visit(table: Table, row: Row, findings: Findings, prefixed: list[str]) -> tuple[str, str] | None:
    participant_id = read_identifier(table, row, "participant_id", findings, prefixed)
    session_id: str | None = ""
    if row.values.get("session_id"):
        session_id = read_identifier(table, row, "session_id", findings, prefixed)
    return None if participant_id is None or session_id is None else (participant_id, session_id)


def _subject(table: Table, row: Row, visit: tuple[str, str], findings: Findings) -> Subject | None:
    """The visit of a row; None without a GM map."""
    name = " ".join(visit).strip()
    diagnosis = read_diagnosis(table, row, "diagnosis", name, findings)
    mri, pet = (_path(table, row, column, visit, findings) for column in ("mri", "pet"))
    if mri is None:
        if not row.values["mri"]:
            findings.notes.append(f"Left out: {name} has no GM map in {table.path.name}")
        return None
    fwhm = [_fwhm_mm(table, row, f"{column}_fwhm_mm", name, findings) for column in ("mri", "pet")]
    return Subject(*visit, diagnosis, mri, pet, mri_fwhm_mm=fwhm[0], pet_fwhm_mm=fwhm[1] if pet else None)


def _path(table: Table, row: Row, column: str, visit: tuple[str, str], findings: Findings) -> Path | None:
    """The volume that a row names in ``column``; None if it names none or one that is not there."""
    given = row.values.get(column, "")
    if not given:
        return None
    if "\0" in given:
        findings.add(table.path, f"line {row.line}: expected a path, found {given!r}", "Correct it", visit=visit)
        return None
    if not os.path.isabs(given) and os.path.normpath(given).split(os.sep)[0] == os.pardir:
        found = f"line {row.line}: expected a path below {table.path.parent}, found {given!r}, which leads out of it"
        findings.add(table.path, found, "Write an absolute path", visit=visit)
        return None
    path = table.path.parent / given
    foreign = _foreign(given)
    if foreign is not None and not os.path.lexists(path):
        what, remedy = foreign
        found = f"line {row.line}: expected a path of this machine, found {given!r}, {what}"
        findings.add(table.path, found, remedy, visit=visit)
        return None
    findings.check_presence(path, visit=visit)
    return path


def _foreign(given: str) -> tuple[str, str] | None:
    """What a path is that only another program would follow, and what to do; None for any other."""
    if "\\" in given or re.match("[A-Za-z]:/", given):
        return "a path of Windows", "Write it as this machine sees it, with /"
    if given.startswith("~"):
        return "whose ~ a shell would replace and a table does not", "Write the whole path"
    return None


def _fwhm_mm(table: Table, row: Row, column: str, name: str, findings: Findings) -> float | None:
    given = row.values.get(column, "")
    if not given:
        return None
    try:
        value = float(given)
    except ValueError:
        value = float("nan")
    if not is_fwhm(value):
        found = f"line {row.line}: {name} has {column} {given!r}, expected a number of millimetres >= 0 or n/a"
        findings.add(table.path, found, "Correct it")
        return None
    return value


def _check_once(path: Path, subjects: list[Subject], findings: Findings) -> None:
    """Adds a problem for each file that two visits share."""
    owners: dict[str, str] = {}
    for subject in subjects:
        for volume in filter(None, (subject.mri, subject.pet)):
            key = os.path.normpath(volume)
            if key in owners:
                found = f"{volume} is {subject.name}'s and {owners[key]}'s, expected one owner"
                findings.add(path, found, "Correct one line", visit=(subject.participant_id, subject.session_id))
            owners.setdefault(key, subject.name)
