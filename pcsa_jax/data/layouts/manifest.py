"""A manifest: one table that says where everybody's volumes are, whatever they are called."""

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pcsa_jax.data.demographics import read_person
from pcsa_jax.data.diagnoses import read_diagnosis
from pcsa_jax.data.layouts.sidecars import Sidecars, dataset_of, is_fwhm, smoothing_fwhm_mm
from pcsa_jax.data.names import parse_name, why_no_fdg_pet, why_no_grey_matter_map
from pcsa_jax.data.people import Label, People, alike_ids, describe_labels, read_people, renamings
from pcsa_jax.data.subjects import Findings, Reading, Subject, counted, listing
from pcsa_jax.data.tables import Row, Table, check_spelling, note_prefixed, read_identifier, read_table

NAME = "manifest"
FILE = "manifest.tsv"
COLUMNS = ("participant_id", "diagnosis", "mri")
"""What every manifest has, the diagnosis unless another table has it."""

OPTIONAL = ("session_id", "pet", "mri_fwhm_mm", "pet_fwhm_mm")
NEAR = {
    "session": "session_id", "visit": "session_id", "participant": "participant_id", "subject_id": "participant_id",
    "fdg": "pet", "fdg_pet": "pet", "pet_path": "pet", "pet_file": "pet", "gm": "mri", "gm_map": "mri",
    "mri_path": "mri", "mri_file": "mri", "mri_fwhm": "mri_fwhm_mm", "pet_fwhm": "pet_fwhm_mm",
    **dict.fromkeys(("fwhm", "fwhm_mm", "smoothing", "smoothing_mm", "smoothing_fwhm", "smoothing_fwhm_mm"),
                    "mri_fwhm_mm or pet_fwhm_mm"),
}  # fmt: skip
"""What people call these columns."""


def claim(path: Path) -> str:
    """What tells that ``path`` is in this layout, or ""."""
    if path.is_file():
        return "it is a table"
    return f"it holds {FILE}" if (path / FILE).is_file() else ""


def read(path: Path, reading: Reading, findings: Findings) -> tuple[list[Subject], tuple[str, ...]]:
    """The visits of the table; the participants without any GM map.

    Paths are relative to the manifest's folder, out of which ``..`` does not lead, or absolute. The diagnosis stands in
    the manifest; where it does not, ``reading.participants`` may tell. Smoothness that has no column, or n/a in it, is
    what the volume's name or sidecar says.
    """
    path = path if path.is_file() else path / FILE
    table = read_table(path, findings)
    if table is None:
        return [], ()
    check_spelling(table, (*COLUMNS, *OPTIONAL), findings, near=NEAR)
    diagnosis_elsewhere = reading.participants is not None or reading.maps_only
    needed = [name for name in COLUMNS if name != "diagnosis" or not diagnosis_elsewhere]
    missing = [name for name in needed if name not in table.columns]
    if missing:
        found = f"expected the columns {', '.join(needed)}, found {table.heading}"
        findings.add(path, found, f"Add {', '.join(missing)} (tab-separated)")
        return [], ()
    if reading.tracer:
        text = f"--tracer={reading.tracer}: expected PET whose tracer is open, found a manifest, whose PET is FDG"
        findings.add(path, text, "Leave it out")
    if reading.maps_only:
        table = _without(table, ("diagnosis", "pet", "pet_fwhm_mm"))
    subjects, people = _read_rows(table, findings)
    if reading.participants is not None:
        subjects = _with_diagnoses(path, subjects, reading, findings)
    _check_owners(path, subjects, findings)
    _check_kinds(path, subjects, findings)
    if not table.rows:
        findings.add(path, "expected one line a visit, found only the heading", "Write them")
    subjects.sort(key=lambda subject: (subject.participant_id, subject.session_id))
    return subjects, tuple(sorted(people - {subject.participant_id for subject in subjects}))


def _without(table: Table, hidden: tuple[str, ...]) -> Table:
    """The table without some columns."""
    rows = tuple(
        row._replace(values={name: value for name, value in row.values.items() if name not in hidden})
        for row in table.rows
    )
    return table._replace(columns=tuple(name for name in table.columns if name not in hidden), rows=rows)


def _read_rows(table: Table, findings: Findings) -> tuple[list[Subject], set[str]]:
    """The visits with a GM map, and everybody's participant_id."""
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
            findings.add(table.path, found, "Remove one line")
            continue
        lines[visit] = row.line
        people.add(visit[0])
        subject = _subject(table, row, visit, findings)
        if subject is not None:
            subjects.append(subject)
    note_prefixed(table, prefixed, findings)
    return subjects, people


def _with_diagnoses(path: Path, subjects: list[Subject], reading: Reading, findings: Findings) -> list[Subject]:
    """The visits with the diagnoses of another table where the manifest has none."""
    people = read_people(reading.participants, findings)
    if people is None:
        return subjects
    wanting = [subject for subject in subjects if not subject.diagnosis]
    visits_only = reading.diagnosis == "visit"
    labels = {s.name: people.label(s.participant_id, s.session_id, visits_only=visits_only) for s in subjects}
    if not wanting:
        text = f"--participants {people.path}: expected visits without a diagnosis, found that the manifest has all"
        findings.add(path, text, "Leave it out, or write n/a in the manifest")
    else:
        _check_known(wanting, people, findings)
        _check_diagnoses(path, [subject for subject in subjects if subject.diagnosis], labels, people, findings)
    findings.notes.extend(describe_labels({subject.name: labels[subject.name] for subject in wanting}, people))
    return [
        dataclasses.replace(s, diagnosis=s.diagnosis or labels[s.name].diagnosis, **people.complete(s)._asdict())
        for s in subjects
    ]


def _check_known(wanting: Sequence[Subject], people: People, findings: Findings) -> None:
    """Notes the participants without a diagnosis whom the other table lacks; a problem if it lacks all."""
    ids = list(dict.fromkeys(subject.participant_id for subject in wanting))
    missing = [name for name in ids if name not in people.diagnoses]
    alike = alike_ids(set(people.diagnoses) - set(ids), missing)
    if missing == ids and people.diagnoses:
        text = f"expected the manifest's participants ({listing(ids)}), found {listing(sorted(people.diagnoses))}"
        more = f": {renamings(alike)} (padding or case differs)" if alike else ""
        findings.add(people.path, text, f"Write the ids as the manifest does{more}")
    elif missing:
        more = f"; may be meant: {renamings(alike)}" if alike else ""
        findings.notes.append(
            f"Diagnosis: {counted(len(missing), 'participant')} without one, whom {people.path.name} lacks as well "
            f"({listing(missing)}){more}"
        )


def _check_diagnoses(
    path: Path, subjects: Sequence[Subject], labels: Mapping[str, Label], people: People, findings: Findings
) -> None:
    """Adds a problem for each visit of which the two tables say two things; people may convert after their first."""
    later = []
    for subject in subjects:
        label = labels[subject.name]
        if label.diagnosis in ("", subject.diagnosis):
            continue
        if label.source == "participant" and subject.session_id:
            later.append(f"{subject.name}: {subject.diagnosis}, not {label.diagnosis}")
            continue
        text = f"expected one diagnosis, found {subject.diagnosis} here and {label.diagnosis} in {people.path}"
        visit = (subject.participant_id, subject.session_id)
        findings.add(path, text, "Correct one of them, or write n/a here", visit=visit)
    if later:
        findings.notes.append(
            f"Diagnosis: {counted(len(later), 'visit')} by the manifest, which is not the participant's "
            f"{people.column} of {people.path.name} ({listing(later)})"
        )


def _visit(table: Table, row: Row, findings: Findings, prefixed: list[str]) -> tuple[str, str] | None:
    participant_id = read_identifier(table, row, "participant_id", findings, prefixed)
    session_id: str | None = ""
    if row.values.get("session_id"):
        session_id = read_identifier(table, row, "session_id", findings, prefixed)
    return None if participant_id is None or session_id is None else (participant_id, session_id)


def _subject(table: Table, row: Row, visit: tuple[str, str], findings: Findings) -> Subject | None:
    """The visit of a row; None without a GM map."""
    name = " ".join(visit).strip()
    diagnosis = read_diagnosis(table, row, "diagnosis", name, findings) if "diagnosis" in table.columns else ""
    mri, pet = (_path(table, row, column, visit, findings) for column in ("mri", "pet"))
    if mri is None:
        if not row.values["mri"]:
            findings.notes.append(f"Left out: {name} has no GM map in {table.path.name}")
        return None
    fwhm = [
        _fwhm_mm(table, row, f"{column}_fwhm_mm", volume, visit, findings) if volume else None
        for column, volume in (("mri", mri), ("pet", pet))
    ]
    age, sex = read_person(table, row, findings)
    return Subject(*visit, diagnosis, mri, pet, mri_fwhm_mm=fwhm[0], pet_fwhm_mm=fwhm[1], age=age, sex=sex)


LONGEST_SHOWN = 80
"""Characters of a path in a message."""


def _path(table: Table, row: Row, column: str, visit: tuple[str, str], findings: Findings) -> Path | None:
    """The volume that a row names in ``column``; None if it names none or one that is not there."""
    given = row.values.get(column, "")
    if not given:
        return None
    if "\0" in given or not Path(given).name:  # "/" and "." name no file
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
    try:
        findings.check_presence(path, visit=visit)
    except OSError as error:
        shown = given if len(given) <= LONGEST_SHOWN else f"{given[:LONGEST_SHOWN]}... ({len(given)} characters)"
        found = f"line {row.line}: expected a path that can be followed, found {shown!r} ({error.strerror})"
        findings.add(table.path, found, "Correct it", visit=visit)
        return None
    return path


def _foreign(given: str) -> tuple[str, str] | None:
    """What a path is that only another program would follow, and what to do; None for any other."""
    if "\\" in given or re.match("[A-Za-z]:/", given):
        return "a path of Windows", "Write it as this machine sees it, with /"
    if given.startswith("~"):
        return "whose ~ a shell would replace and a table does not", "Write the whole path"
    return None


def _fwhm_mm(
    table: Table, row: Row, column: str, volume: Path, visit: tuple[str, str], findings: Findings
) -> float | None:
    """What the manifest says, or else the volume's name or sidecar."""
    given = row.values.get(column, "")
    if not given:
        sidecars = Sidecars(dataset_of(volume), findings)
        return smoothing_fwhm_mm(volume, sidecars, findings, visit=visit)
    try:
        value = float(given)
    except ValueError:
        value = float("nan")
    if not is_fwhm(value):
        name = " ".join(visit).strip()
        found = f"line {row.line}: {name} has {column} {given!r}, expected a number of millimetres >= 0 or n/a"
        findings.add(table.path, found, "Correct it")
        return None
    return value


def _check_owners(path: Path, subjects: list[Subject], findings: Findings) -> None:
    """Adds a problem for each file of two people, or PET of two visits; a GM map may serve a person's several PET."""
    owners: dict[str, tuple[Subject, str]] = {}
    shared: list[str] = []
    for subject in subjects:
        for modality in ("mri", "pet"):
            volume = getattr(subject, modality)
            if volume is None:
                continue
            first, use = owners.setdefault(os.path.normpath(volume), (subject, modality))
            if first is subject and use == modality:
                continue
            if use == modality == "mri" and first.participant_id == subject.participant_id:
                shared.append(f"{subject.name}: that of {first.session_id or 'no session'}")
            else:
                found = f"{volume} is {subject.name}'s and {first.name}'s, expected one owner"
                visit = (subject.participant_id, subject.session_id)
                findings.add(path, found, "Correct one line", visit=visit)
    if shared:
        findings.notes.append(
            f"{counted(len(shared), 'visit')} with the participant's GM map of another session ({listing(shared)})"
        )


def _check_kinds(path: Path, subjects: list[Subject], findings: Findings) -> None:
    """Adds a problem for each file that is something else by its name, and for GM maps of two kinds."""
    kinds: dict[bool, list[str]] = {}
    for subject in subjects:
        visit = (subject.participant_id, subject.session_id)
        name = parse_name(subject.mri)
        if other := why_no_grey_matter_map(name):
            text = f"expected a grey-matter map in MNI152 space, found {other}, by its name"
            findings.add(subject.mri, text, "Name the right file in the manifest", visit=visit)
        elif name.is_modulated is not None:
            kinds.setdefault(name.is_modulated, []).append(subject.name)
        if subject.pet and (other := why_no_fdg_pet(parse_name(subject.pet))):
            text = f"expected an FDG-PET, found {other}, by its name"
            findings.add(subject.pet, text, "Name the right file in the manifest", visit=visit)
    if len(kinds) > 1:
        text = (
            f"expected GM maps of one kind, found modulated ({listing(kinds[True])}) and unmodulated "
            f"({listing(kinds[False])}) ones by their names"
        )
        findings.add(path, text, "Take one kind for everybody")
    elif True in kinds:
        findings.notes.append("GM map: modulated ones, whose values are volumes, not probabilities")
