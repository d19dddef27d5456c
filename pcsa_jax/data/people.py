"""Who has which diagnosis at which visit, by ``participants.tsv`` and the sessions tables."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from pcsa_jax.data.demographics import Person, filled, read_person
from pcsa_jax.data.diagnoses import (
    DIAGNOSIS_COLUMNS,
    OTHER_COLUMNS,
    check_columns,
    diagnosis_column,
    read_diagnosis,
    read_sessions,
)
from pcsa_jax.data.layout import PARTICIPANT_COLUMNS
from pcsa_jax.data.problems import visit_name
from pcsa_jax.data.subjects import Findings, Subject, counted, listing
from pcsa_jax.data.tables import Table, note_prefixed, read_identifier, read_table


class Label(NamedTuple):
    """The diagnosis of one visit.

    Attributes:
      diagnosis: "" if none is known.
      source: "visit" (a row of its own says it, n/a included), "participant", or "" (nobody says).
      written: the session as the table writes it, if otherwise than the folder; else "".
    """

    diagnosis: str
    source: str
    written: str = ""


class People(NamedTuple):
    """What the tables say about people.

    Attributes:
      path: of ``participants.tsv``.
      column: of the participants' diagnoses; "" if there is none.
      diagnoses: participant_id -> diagnosis ("" if none is known), of everyone in the table.
      by_visit: participant_id -> session_id -> diagnosis ("" for n/a), of the rows of single visits.
      persons: (participant_id, session_id) -> age and sex, of the rows of ``participants.tsv`` and of
        the sessions tables that hold diagnoses.
    """

    path: Path
    column: str
    diagnoses: dict[str, str]
    by_visit: dict[str, dict[str, str]]
    persons: Mapping[tuple[str, str], Person] = MappingProxyType({})

    def person(self, participant_id: str, session_id: str) -> Person:
        """Age and sex at a visit: what its own row says, or one of another spelling, or else the participant's."""
        alike = [s for s in self.by_visit.get(participant_id, {}) if same_session(s) == same_session(session_id)]
        found = Person()
        for row in (session_id, *alike[: len(alike) == 1], ""):
            found = found.or_else(self.persons.get((participant_id, row), Person()))
        return found

    def complete(self, subject: Subject) -> Person:
        """What the subject's own table says, and from these what it does not."""
        known = Person(subject.age, subject.sex)
        return known.or_else(self.person(subject.participant_id, subject.session_id))

    def label(self, participant_id: str, session_id: str, *, visits_only: bool = False) -> Label:
        """The diagnosis at a visit: that of its own row, n/a included, or else the participant's.

        A row counts as the visit's own if its session is the same, or the only one that is the same but for case and
        padding (M00, m000 for ses-M000).
        """
        rows = self.by_visit.get(participant_id, {})
        if session_id in rows:
            return Label(rows[session_id], "visit")
        if not session_id and len(rows) == 1 and not self.diagnoses.get(participant_id):
            (only,) = rows  # a visit of no session, and one row
            return Label(rows[only], "visit", only)
        alike = [written for written in rows if same_session(written) == same_session(session_id)]
        if session_id and len({rows[written] for written in alike}) == 1:
            return Label(rows[alike[0]], "visit", alike[0])
        diagnosis = self.diagnoses.get(participant_id, "")
        if visits_only and session_id:
            return Label("", "")
        return Label(diagnosis, "participant" if diagnosis else "")


def same_session(session_id: str) -> str:
    """A form that spellings of one session share: ses-M00, ses-M000 and ses-m000; ses-1 and ses-01."""
    return re.sub(r"0*(\d+)", r"\1", session_id.removeprefix("ses-").lower())


def same_participant(participant_id: str) -> str:
    """A form that spellings of one participant share: sub-1 and sub-0001, 002_S_0295 and sub-ADNI002S0295."""
    letters = re.sub(r"[^a-z0-9]", "", participant_id.removeprefix("sub-").lower())
    return re.sub(r"0*(\d+)", r"\1", re.sub(r"^(adni|oas|aibl)", "", letters))


def alike_ids(listed: Iterable[str], unlisted: Iterable[str]) -> list[tuple[str, str]]:
    """(participant, id of the table) where the two differ by case, padding or a study's prefix only."""
    forms: dict[str, list[str]] = {}
    for name in sorted(listed):
        forms.setdefault(same_participant(name), []).append(name)
    pairs = [(own, forms.get(same_participant(own), [])) for own in unlisted]
    return [(own, names[0]) for own, names in pairs if len(names) == 1]


def renamings(alike: Iterable[tuple[str, str]]) -> str:
    """:func:`alike_ids` in words."""
    return listing(f"{own} for {name}" for own, name in alike)


def describe_labels(labels: Mapping[str, Label], people: People) -> list[str]:
    """Notes on the visits whose diagnosis is not the one of a row of exactly their name.

    Args:
      labels: visit's name ("sub-X ses-Y") -> its label.
      people: what the tables say.
    """
    notes = []
    respelt = [f"{name} as {label.written}" for name, label in labels.items() if label.written]
    if respelt:
        notes.append(f"Diagnosis: {counted(len(respelt), 'visit')} found in another spelling ({listing(respelt)})")
    na = [
        name
        for name, label in labels.items()
        if label.source == "visit" and not label.diagnosis and people.diagnoses.get(name.split()[0])
    ]
    if na:
        notes.append(
            f"Diagnosis: {counted(len(na), 'visit')} without one, as their own row says n/a, whatever the "
            f"participant's {people.column} is ({listing(na)})"
        )
    fallen = [name for name, label in labels.items() if label.source == "participant" and " " in name]
    if fallen:
        notes.append(
            f"Diagnosis: {counted(len(fallen), 'visit')} without a row of their own take the participant's "
            f"{people.column} of {people.path.name} ({_named(fallen, people)}); --diagnosis=visit, in a training "
            "data.diagnosis, leaves them without"
        )
    unknown = [name for name, label in labels.items() if not label.source and " " in name]
    unmatched = [name for name in unknown if people.by_visit.get(name.split()[0])]
    if unmatched:
        notes.append(
            f"Diagnosis: {counted(len(unmatched), 'visit')} without one, as no row is theirs "
            f"({_named(unmatched, people)})"
        )
    return notes


def _named(names: Iterable[str], people: People) -> str:
    """The first of ``names``, each with the sessions that the tables have of that person."""
    words = []
    for name in names:
        rows = people.by_visit.get(name.split()[0])
        words.append(f"{name}: rows of {listing(rows)}" if rows else name)
    return listing(words)


def read_people(
    source: Path, findings: Findings, *, cohort: Path | None = None,
    remedy: str = "Write one line a person, or say where: --participants=BIDS",
) -> People | None:  # fmt: skip
    """Reads ``participants.tsv`` and the sessions tables beside the participants' folders.

    A table that has a column ``session_id`` holds visits: its rows with a session are theirs, those without the
    participant's.

    Args:
      source: the folder that holds them, or ``participants.tsv`` itself under any name.
      findings: gets the problems and notes.
      cohort: folder of the participants' folders, whose sessions tables are read too.
      remedy: what to do if there is no such table.

    Returns:
      None if there is no table that names people.
    """
    path = source if source.is_file() else source / "participants.tsv"
    if path.is_symlink() and not path.exists():
        findings.check_presence(path, visit=("", ""))
        return None
    if not path.is_file():
        found = "expected participants.tsv (participant_id, diagnosis: AD, CN, MCI, ... or n/a), found none"
        findings.add(source, found, remedy)
        return None
    table = read_table(path, findings)
    if table is None:
        return None
    if "participant_id" not in table.columns:
        found = f"expected the columns participant_id and diagnosis, found {table.heading}"
        findings.add(path, found, "Write them (tab-separated)")
        return None
    if not table.rows:
        findings.add(path, "expected one line a person, found only the heading", "Write them", is_of_all=True)
    check_columns(table, findings)
    _note_unread(table, findings)
    diagnoses, by_visit, persons = _read_participants(table, findings)
    columns: Counter[str] = Counter()
    places = list(dict.fromkeys(folder.resolve() for folder in (path.parent, cohort) if folder is not None))
    for participant_id in diagnoses:
        for place in places:
            rows, found, own = read_sessions(place / participant_id, participant_id, findings)
            columns.update(found)
            persons |= filled(own, persons)
            _check_conflict(place, participant_id, by_visit.get(participant_id, {}), rows, findings)
            if rows:
                by_visit[participant_id] = by_visit.get(participant_id, {}) | rows
    if not (diagnosis_column(table) or any(by_visit.values())):
        _add_no_column(table, columns, findings)
    return People(path, diagnosis_column(table) or "", diagnoses, by_visit, persons)


def _note_unread(table: Table, findings: Findings) -> None:
    """Notes columns that BIDS writes otherwise: nothing here reads them, but others of the cohort's readers would."""
    for name in table.columns:
        meant = name.lower()
        if name != meant and meant in PARTICIPANT_COLUMNS and meant not in (*table.columns, *DIAGNOSIS_COLUMNS):
            findings.notes.append(f"{table.path.name}: expected the column {meant}, found {name}, which nobody reads")


def _check_conflict(
    place: Path, participant_id: str, known: Mapping[str, str], rows: Mapping[str, str], findings: Findings
) -> None:
    """Adds a problem where two tables give one visit two diagnoses."""
    for session_id, diagnosis in rows.items():
        other = known.get(session_id)
        if other and diagnosis and other != diagnosis:
            text = (
                f"expected one diagnosis of {participant_id} {session_id}, found {other} and {diagnosis} in two tables"
            )
            findings.add(place / participant_id, text, "Correct one of them")


def _add_no_column(table: Table, columns: Counter[str], findings: Findings) -> None:
    """The problem of tables without any diagnosis, with what other studies' columns would say."""
    others = [name for name in (*table.columns, *columns) if name.lower() in OTHER_COLUMNS]
    sessions = f" (sessions tables: {', '.join(columns)})"[:200] if columns else ""
    found = f"expected a column diagnosis here or in the sessions tables, found {table.heading}{sessions}"
    remedy = "Add it (tab-separated): AD, CN, MCI, ... or n/a"
    if others:
        remedy += f"; {', '.join(dict.fromkeys(others))} may hold it in other words: write AD or CN for each visit to "
        remedy += "a table with participant_id, session_id, diagnosis, and give that with --participants"
    findings.add(table.path, found, remedy)


def _read_participants(
    table: Table, findings: Findings
) -> tuple[dict[str, str], dict[str, dict[str, str]], dict[tuple[str, str], Person]]:
    """Diagnoses of the participants, and of the visits that the table has lines of; age and sex of both."""
    column, prefixed = diagnosis_column(table), []
    persons: dict[tuple[str, str], Person] = {}
    has_sessions = "session_id" in table.columns
    lines: dict[tuple[str, str], int] = {}
    diagnoses: dict[str, str] = {}
    by_visit: dict[str, dict[str, str]] = {}
    for row in table.rows:
        participant_id = read_identifier(table, row, "participant_id", findings, prefixed)
        session_id: str | None = ""
        if has_sessions and row.values["session_id"]:
            session_id = read_identifier(table, row, "session_id", findings, prefixed)
        if participant_id is None or session_id is None:
            continue
        who = visit_name(participant_id, session_id)
        first = lines.setdefault((participant_id, session_id), row.line)
        if first != row.line:
            found = f"line {row.line}: {who} is listed twice (first in line {first}), expected once"
            findings.add(table.path, found, "Remove one line")
            continue
        diagnosis = read_diagnosis(table, row, column, who, findings) if column else ""
        persons[participant_id, session_id] = read_person(table, row, findings)
        diagnoses.setdefault(participant_id, "")
        if session_id:
            by_visit.setdefault(participant_id, {})[session_id] = diagnosis
        else:
            diagnoses[participant_id] = diagnosis
    note_prefixed(table, prefixed, findings)
    return diagnoses, by_visit, persons
