"""Tables of a cohort (participants.tsv, sessions.tsv, a manifest) as people and spreadsheets write them."""

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from pcsa_jax.data.files import odd_kind
from pcsa_jax.data.foreign_formats import judge_pointer
from pcsa_jax.data.subjects import PARTICIPANT_ID, SESSION_ID, Findings, counted, listing
from pcsa_jax.text import lines_of

NOT_AVAILABLE = ("", "n/a", "N/A", "NA", "nan", "NaN")
"""What stands for a missing value; BIDS wants n/a."""

LIKENESS = 0.85
"""Of two columns' letters (difflib's ratio), from which one is taken for a slip of the other."""


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
    lines = lines_of(text)
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
    table: Table,
    ours: Sequence[str],
    findings: Findings,
    *,
    near: Mapping[str, str] = MappingProxyType({}),
    instead: Sequence[str] = (),
) -> None:
    """Adds a problem for each column that is probably one of ours in another spelling, which nobody would read.

    Args:
      table: with its columns.
      ours: the columns that are read.
      findings: gets the problems.
      near: other words for them, and the column (or several, with " or " between) that each means.
      instead: columns of which one will do: where one is there, nothing is taken for a slip of another.
    """
    filled = instead if any(name in table.columns for name in instead) else ()
    words = {_letters(name): name for name in ours} | {_letters(word): meant for word, meant in near.items()}
    for name in table.columns:
        meant = words.get(_letters(name), "")
        if not meant:
            close = difflib.get_close_matches(_letters(name), words, n=1, cutoff=LIKENESS)
            meant = words[close[0]] if close and words[close[0]] not in filled else ""
        if name not in ours and meant and not set(meant.split(" or ")) <= set(table.columns):
            findings.add(table.path, f"expected the column {meant}, found {name}", f"Rename {name} to {meant}")


def _letters(name: str) -> str:
    """A form that spellings of one column share: participant_id, Participant ID, ParticipantId."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


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
