"""docs/reliability.md names tests; each of them is there."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "reliability.md"
ROWS = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ") and "::" in line]
NAMED = sorted({name for row in ROWS for name in re.findall(r"`([\w/]+\.py::[\w*]+)`", row)})


def test_each_row_has_a_fault_an_answer_and_a_test():
    assert len(ROWS) > 40
    for row in ROWS:
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert len(cells) == 3 and all(cells), row
        assert re.fullmatch(r"(`[\w/]+\.py::[\w*]+`(, )?)+", cells[2].rstrip("| ")), row


@pytest.mark.parametrize("name", NAMED)
def test_each_named_test_is_there(name):
    path, function = name.split("::")
    nodes = ast.walk(ast.parse((TESTS / path).read_text(encoding="utf-8")))
    found = {node.name for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}
    assert found if function == "*" else function in found
