"""How old people are and of which sex, as far as tables say; nothing fails where they do not."""

from collections.abc import Mapping
from typing import NamedTuple

from pcsa_jax.data.subjects import Findings
from pcsa_jax.data.tables import Row, Table

Visit = tuple[str, str]
"""(participant_id, session_id)."""

AGE_COLUMNS = ("age", "age_at_scan", "age_bl")
"""Columns of an age in years, the first that says anything counts; ``age_bl`` (Clinica) is that at the first visit."""

SEX_COLUMNS = ("sex", "gender")

OLDEST = 120.0

SEXES = {"f": "F", "female": "F", "m": "M", "male": "M"}


class Person(NamedTuple):
    """What is known of somebody at a visit.

    Attributes:
      age: years; None if not known.
      sex: "F" or "M"; None if not known.
    """

    age: float | None = None
    sex: str | None = None

    def or_else(self, other: "Person") -> "Person":
        """What is known here, and from ``other`` what is not."""
        return Person(*(own if own is not None else theirs for own, theirs in zip(self, other, strict=True)))


def filled(persons: Mapping[Visit, Person], known: Mapping[Visit, Person]) -> dict[Visit, Person]:
    """Those of ``persons``, with what is known of them already before what their own table says."""
    return {visit: known.get(visit, Person()).or_else(own) for visit, own in persons.items()}


def _age(text: str) -> float | None:
    try:
        years = float(text.removesuffix("+"))  # BIDS: "89+" hides how old the oldest are
    except ValueError:
        return None
    return years if 0 < years <= OLDEST else None


def _sex(text: str) -> str | None:
    return SEXES.get(text.lower())


def read_person(table: Table, row: Row, findings: Findings) -> Person:
    """Age and sex of a row of ``table``; one note for all of its values that are neither."""
    found = {}
    for columns, read in ((AGE_COLUMNS, _age), (SEX_COLUMNS, _sex)):
        name = next((name for name in columns if row.values.get(name)), None)
        found[columns] = read(row.values[name]) if name else None
        if name and found[columns] is None:
            _note(table, f"line {row.line}, {name} {row.values[name]!r}", findings)
    return Person(found[AGE_COLUMNS], found[SEX_COLUMNS])


def _note(table: Table, first: str, findings: Findings) -> None:
    """Says once a table that a value counts as not known."""
    beginning = f"{table.path.name}: expected years (0 to {OLDEST:g}), F or M or n/a in {AGE_COLUMNS[0]} and sex"
    if not any(note.startswith(beginning) for note in findings.notes):
        findings.notes.append(f"{beginning}, found something else ({first}, and perhaps more); taken as not known")
