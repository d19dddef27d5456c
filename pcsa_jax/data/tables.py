"""Tables of a cohort (participants.tsv, sessions.tsv, a manifest) as people and spreadsheets write them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from pcsa_jax.data.files import odd_kind
from pcsa_jax.data.foreign_formats import judge_pointer
from pcsa_jax.data.subjects import PARTICIPANT_ID, SESSION_ID, Findings, counted, listing

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


def read_table(path: Path, findings: Findings) -> Table | None:
    """Reads a tab-separated table, with or without byte-order mark, whatever its line ends; None if it cannot be."""
    if kind := odd_kind(path):
        findings.add(path, f"expected a readable table, found {kind}", "Put the file in its place")
        return None
    try:
        raw = path.read_bytes()
        if pointer := judge_pointer(path.name, raw, expected="expected a table"):
            findings.add(path, pointer.found, pointer.remedy)
            return None
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        findings.add(path, "expected UTF-8 text, found another encoding", "Save it as UTF-8")
        return None
    except OSError as error:
        findings.add(path, f"expected a readable table, found {error.strerror}", "Restore the file")
        return None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    columns = tuple(_unquoted(name) for name in lines[0].split("\t"))
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        findings.add(path, f"expected every column once, found {', '.join(twice)} twice", "Remove or rename one")
        return None
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


def check_spelling(
    table: Table, ours: Sequence[str], findings: Findings, *, near: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Adds a problem for each column that is one of ours but for capitals, blanks or a word that people use for it.

    Args:
      table: with its columns.
      ours: the columns that are read.
      findings: gets the problems.
      near: other words, in small letters, and the column that each means.
    """
    for name in table.columns:
        plain = name.lower().replace(" ", "_")
        meant = near.get(plain, plain)
        if name not in ours and meant in ours and meant not in table.columns:
            findings.add(table.path, f"expected the column {meant}, found {name}", f"Rename {name} to {meant}")


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
        findings.add(table.path, text, _renaming(given, prefix))
        return None
    if found != given:
        prefixed.append(given)
    return found


def _renaming(given: str, prefix: str) -> str:
    """What to do about a value that is no identifier, with what may be meant: ADNI's 002_S_0295 is sub-ADNI002S0295."""
    letters = re.sub(r"[-_. ]", "", given.removeprefix(prefix))
    if not re.fullmatch("[A-Za-z0-9]+", letters):
        return "Rename it"
    study = "ADNI" if prefix == "sub-" and re.fullmatch(r"\d{3}S\d{4}", letters) else ""
    return f"Write it as the volumes are named, such as {prefix}{study}{letters}"


def note_prefixed(table: Table, prefixed: list[str], findings: Findings) -> None:
    """Notes the identifiers that were read with a prefix they lack."""
    if prefixed:
        findings.notes.append(
            f"{table.path.name}: {counted(len(prefixed), 'id')} without 'sub-' or 'ses-' ({listing(prefixed)}), read "
            "with it"
        )
