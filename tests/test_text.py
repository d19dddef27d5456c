"""Names as terminals and tables hold them: nothing in them is a cell, a line or a formula, and they read back."""

import csv
import io
import random

import pytest

from pcsa_jax.text import cell, from_cell, printable, table_rows, table_text

ODD = [
    "a\tb", "a\nb", "a\r\nb", "=cmd|'/C calc'!A0", "+1+1", "-1+cmd", "@SUM(A1)", " =1", "\uff1d1+1", "'quoted", "''",
    '"open', ' "open', "back\\slash", "back\\tslash", "\\", "\u2028", "\x85", "\x1b[31m", "\udcff", "\u202egnp",
    "=\t\n\\n'", "n/a", "", " ", "[red]", "Köhler", "\U000e0001",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD, ids=ascii)
def test_a_cell_is_one_cell_and_no_formula_and_reads_back(text):
    safe = cell(text)
    assert safe.isprintable()
    assert safe.lstrip()[:1] not in tuple('=+-@"\uff1d')
    assert from_cell(safe) == text


def test_any_text_reads_back():
    rng = random.Random(0)
    letters = "\\'\"=+-@\t\n\r tnxu0af\x00\x1b\u2028\udc80é"
    texts = ["".join(rng.choices(letters, k=rng.randrange(9))) for _ in range(5000)]
    assert [from_cell(cell(text)) for text in texts] == texts
    assert len({cell(text) for text in texts}) == len(set(texts))


@pytest.mark.parametrize("text", ["-1.5", "+3", "-1e-05", "-inf", "-90, -126, -72", "12", ".5"])
def test_numbers_stay_as_they_are(text):
    assert cell(text) == text


def test_a_table_reads_back_whatever_its_line_ends_and_by_any_reader():
    rows = [["file", "problem"], *([text, f"found {text}"] for text in ODD)]
    text = table_text(rows)
    assert text.count("\n") == len(rows)
    assert table_rows(text) == table_rows(text.replace("\n", "\r\n") + "\n") == rows
    # A reader that heeds quotes, as spreadsheets and pandas do, sees the same cells.
    read = list(csv.reader(io.StringIO(text), delimiter="\t"))
    assert [[from_cell(field) for field in row] for row in read] == rows


@pytest.mark.parametrize("text", ["\\Uffffffff", "\\x", "\\q"])
def test_what_nobody_escaped_stays(text):
    assert from_cell(text) == text


def test_printable_keeps_what_it_is_told_to():
    assert printable("a\nb\tc\udcff") == r"a\nb\tc\udcff"
    assert printable("Köhler, 3 × 3 mm") == "Köhler, 3 × 3 mm"
    assert printable("a\nb\t", keep="\n") == "a\nb\\t"
