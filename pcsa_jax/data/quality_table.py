"""``quality.tsv`` of a preprocessed cohort: its numbers, which visits are suspicious, what a person decided on them.

Preprocessing writes it, every reader of the cohort heeds it. Cohorts of other software have none.
"""

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pcsa_jax.data import files
from pcsa_jax.data.layouts.sidecars import dataset_of
from pcsa_jax.data.names import parse_name
from pcsa_jax.data.problems import visit_name
from pcsa_jax.data.subjects import Findings, Subject, counted, listing
from pcsa_jax.data.tables import read_table
from pcsa_jax.errors import UserError
from pcsa_jax.text import from_cell, table_text

FILE = "quality.tsv"
VISIT = ("participant_id", "session_id")
SUSPICIOUS, ACCEPTED = "suspicious", "accepted"
MISSING = "n/a"
DECISIONS = {"": None, "yes": True, "no": False}
"""What may stand under :data:`ACCEPTED` -> whether the visit is taken; None where nobody has decided."""

BETWEEN = "; "
OF_THE_PET = "pet_"
"""Begins the measures that a grey-matter map alone has not."""

REMEDY = (
    "Look at preprocessing.html; then write yes (take the visit) or no (leave it out) under accepted in quality.tsv, "
    "or accept all with data.accept_suspicious (check: --accept-suspicious)"
)


class Reason(NamedTuple):
    """Why a visit is suspicious.

    Attributes:
      measure: key of :data:`pcsa_jax.data.preprocessing.quality.MEASURES`.
      value: as the table has it.
      why: the limit, as in ``below 0.75``.
    """

    measure: str
    value: str
    why: str

    def __str__(self) -> str:
        return f"{self.measure} {self.value} ({self.why})"

    @property
    def is_of_the_map(self) -> bool:
        """True if the grey-matter map alone is outside limits that hold for everybody: no matter of PET or cohort."""
        return not self.measure.startswith(OF_THE_PET) and self.why.startswith(("below", "above"))


class Quality(NamedTuple):
    """One visit's line.

    Attributes:
      participant_id, session_id: whose; "" without sessions.
      values: measure -> number as text, "" where there is none.
      reasons: why it is suspicious; none if it is not.
      is_accepted: a person's decision; None where there is none.
    """

    participant_id: str
    session_id: str
    values: Mapping[str, str]
    reasons: tuple[Reason, ...]
    is_accepted: bool | None = None

    @property
    def name(self) -> str:
        return visit_name(self.participant_id, self.session_id)

    @property
    def is_open(self) -> bool:
        """True if it is suspicious and nobody has decided."""
        return bool(self.reasons) and self.is_accepted is None

    def describe(self) -> str:
        """The reasons in one line."""
        return BETWEEN.join(map(str, self.reasons))


def write_quality(folder: Path, visits: Iterable[Quality], measures: Iterable[str]) -> None:
    """Writes the table, whole or not at all; without visits there is none."""
    visits, measures, words = list(visits), list(measures), {accepted: word for word, accepted in DECISIONS.items()}
    if not visits:
        (folder / FILE).unlink(missing_ok=True)
        return
    rows = [[*VISIT, *measures, SUSPICIOUS, ACCEPTED]]
    for visit in visits:
        cells = [visit.participant_id, visit.session_id, *(visit.values.get(name, "") for name in measures)]
        rows.append([cell or MISSING for cell in (*cells, visit.describe(), words[visit.is_accepted])])
    files.write_text(folder / FILE, table_text(rows))


def read_quality(folder: Path, findings: Findings) -> dict[tuple[str, str], Quality]:
    """The visits of the table in ``folder`` by participant_id and session_id; none if it has no such table.

    A table of that name that says nothing of suspicion is somebody else's, and not looked at.
    """
    path = folder / FILE
    if not path.is_file():
        return {}
    table = read_table(path, findings)
    if table is None or not {VISIT[0], SUSPICIOUS} <= set(table.columns):
        return {}
    measures = [name for name in table.columns if name not in (*VISIT, SUSPICIOUS, ACCEPTED)]
    found: dict[tuple[str, str], Quality] = {}
    for row in table.rows:
        visit = (row.values[VISIT[0]], row.values.get(VISIT[1], ""))
        word = row.values.get(ACCEPTED, "")
        if word.lower() not in DECISIONS:
            text = f"line {row.line}: expected yes, no or n/a under {ACCEPTED}, found {word!r}"
            findings.add(path, text, "Correct it", visit=visit)
            word = ""
        values = {name: row.values[name] for name in measures}
        reasons = tuple(_reason(text) for text in from_cell(row.values[SUSPICIOUS]).split(BETWEEN) if text)
        found[visit] = Quality(*visit, values, reasons, DECISIONS[word.lower()])
    return found


def check_map(folder: Path, visit: tuple[str, str], subject: str) -> None:
    """Refuses a grey-matter map that is outside limits for everybody, or was left out; its PET is no matter here.

    Args:
      folder: of the data set that it lies in.
      visit: its participant_id and session_id.
      subject: what it is, for the message.

    Raises:
      UserError: if the table says so and nobody has accepted it, or if the table cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        return
    found = _read_once(folder, path.stat().st_mtime_ns).get(visit)
    if found is None:
        return
    if found.is_accepted is False:
        raise UserError(f"{subject}: expected a visit to take, found no under {ACCEPTED} in {path}. Leave it out.")
    reasons = [str(reason) for reason in found.reasons if reason.is_of_the_map]
    if reasons and found.is_open:
        raise UserError(
            f"{subject}: expected preprocessing within its limits, found {BETWEEN.join(reasons)} in {path}. Look at "
            f"preprocessing.html; then write yes under {ACCEPTED} in that table to take it, or no to leave it out."
        )


@functools.lru_cache(maxsize=8)
def _read_once(folder: Path, stamp: int) -> Mapping[tuple[str, str], Quality]:
    """The table as it was at ``stamp``: of a large cohort it would be read for every visit."""
    findings = Findings()
    found = read_quality(folder, findings)
    if findings.problems:
        raise UserError(str(findings.problems[0]))
    return found


def _reason(text: str) -> Reason:
    """The inverse of ``str``; what a person wrote in its place is a reason as well."""
    measure, _, rest = text.partition(" ")
    value, _, why = rest.partition(" (")
    return Reason(measure, value, why.removesuffix(")"))


def with_decisions(visits: Iterable[Quality], former: Mapping[tuple[str, str], Quality]) -> list[Quality]:
    """``visits`` with what was decided on them when their numbers were the same."""
    found = []
    for visit in visits:
        before = former.get((visit.participant_id, visit.session_id))
        same = before is not None and all(
            _is_same(before.values[name], visit.values[name]) for name in before.values.keys() & visit.values.keys()
        )
        found.append(visit._replace(is_accepted=before.is_accepted) if same else visit)
    return found


def _is_same(former: str, now: str) -> bool:
    """True for one number, whatever a spreadsheet has made of its digits."""
    try:
        return math.isclose(float(former), float(now), rel_tol=1e-4)
    except ValueError:
        return former == now


def heed(
    root: Path, subjects: Iterable[Subject], findings: Findings, *, accept: bool
) -> tuple[list[Subject], list[Path]]:
    """The visits without those that a person left out; a problem for each suspicious one that nobody has decided on.

    A map is known by the data set that it lies in and by its own name there, whatever cohort it has come into: a
    manifest calls people as it likes.

    Args:
      root: folder of the cohort.
      subjects: its visits.
      findings: gets problems and notes.
      accept: take suspicious visits as well, unless they were left out by name.

    Returns:
      The visits to take, and the folders whose tables say something of any.
    """
    places = [(subject, dataset_of(subject.mri) or root) for subject in subjects]
    tables = {folder: read_quality(folder, findings) for folder in dict.fromkeys((root, *(own for _, own in places)))}
    kept, accepted, left_out = [], [], []
    for subject, folder in places:
        name = parse_name(subject.mri)
        found = tables[folder].get((name.participant_id, name.session_id))
        if found is not None and found.is_accepted is False:
            left_out.append(subject.name)
            continue
        kept.append(subject)
        if found is None or not found.reasons:
            continue
        if found.is_open and not accept:
            text = f"expected preprocessing within its limits, found {found.describe()}"
            findings.add(folder / FILE, text, REMEDY, visit=(subject.participant_id, subject.session_id))
        else:
            accepted.append(f"{subject.name}: {', '.join(reason.measure for reason in found.reasons)}")
            findings.accepted.extend([subject.name] if found.is_open else [])
    if accepted:
        visits = counted(len(accepted), "visit")
        findings.notes.append(f"{visits} of suspicious preprocessing, taken as accepted ({listing(accepted)})")
    if left_out:
        findings.notes.append(f"Left out: {counted(len(left_out), 'visit')} by {FILE} ({listing(left_out)})")
    return kept, [folder for folder, table in tables.items() if table]


def describe_no_effect(root: Path, folders: Sequence[Path], findings: Findings) -> list[str]:
    """One note if ``accept_suspicious`` was given and no visit was taken because of it.

    ``root`` and ``folders``: of :func:`heed`.

    A note and no problem: a table whose visits have been decided on since must not stop what a config asks for again.
    """
    if findings.accepted:
        return []
    why = f"no visit of {FILE} is suspicious and undecided" if folders else f"there is no {root / FILE}"
    return [f"data.accept_suspicious (check: --accept-suspicious) has no effect here: {why}"]
