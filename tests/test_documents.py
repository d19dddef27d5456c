"""What the pages quote from the code is in the code: messages, places."""

import ast
import functools
import re

import pytest

from tests.command_lines import code_blocks
from tests.conftest import ROOT
from tests.test_architecture import MODULES, tree

TROUBLES = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
MESSAGES = [block.strip("\n") for language, block in code_blocks(TROUBLES) if language == "text"]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
SHORTEST = 9
"""Characters with a letter among them that count as a part of a message."""


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Every piece of text in the code, a message with values in it as several."""
    nodes = [node for path in MODULES for node in ast.walk(tree(path)) if isinstance(node, ast.Constant)]
    return sorted({node.value for node in nodes if isinstance(node.value, str)})


def unknown(message: str, texts: list[str]) -> list[str]:
    """What of a message, between the ``...`` for what differs, no pieces of text in the code make."""

    def is_piece(piece: str, part: str) -> bool:
        is_enough = len(piece) >= SHORTEST or not re.search(r"\w", piece) or piece == part
        return is_enough and any(piece in text for text in texts)

    @functools.cache
    def is_made(rest: str, part: str) -> bool:
        return not rest or any(
            is_piece(rest[:end], part) and is_made(rest[end:], part) for end in range(len(rest), 0, -1)
        )

    return [part for part in message.split("...") if not is_made(part, part)]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message[:50])
def test_every_quoted_message_is_one_of_ours(message, texts):
    assert unknown(message, texts) == []


def test_a_message_of_nobody_is_told(texts):
    assert unknown("...: expected a whole checkpoint, found a broken one: ...", texts) == [
        ": expected a whole checkpoint, found a broken one: "
    ]


def test_the_places_of_the_glossary_are_there():
    places = set(re.findall(r"`((?:data|model|studies|evaluation|experiment|configs)/[\w/.]*)`", GLOSSARY))
    assert len(places) > 15
    for place in places:
        assert (ROOT / place if place.startswith("configs") else ROOT / "pcsa_jax" / place).exists(), place
