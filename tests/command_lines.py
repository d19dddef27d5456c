"""The code blocks of the documents, and the commands of this software in them."""

import re
import shlex
from collections.abc import Iterator


def code_blocks(text: str) -> Iterator[tuple[str, str]]:
    """(what the fence says, content) of every fenced block: ``python``, ``{code-cell} ipython3``, or nothing."""
    for _, said, block in re.findall(r"^(```+)([^`\n]*)\n(.*?)^\1$", text, flags=re.DOTALL | re.MULTILINE):
        yield said.strip(), block


def own_lines(text: str) -> Iterator[tuple[str, list[str]]]:
    """(command, its words) of every train.py, evaluate.py and ``python -m pcsa_jax`` line in a code block.

    In a cell of a notebook the shell's lines start with ``!``.
    """
    for _, block in code_blocks(text):
        for line in block.replace("\\\n", " ").splitlines():
            if not line.removeprefix("!").startswith("python "):
                continue
            words = shlex.split(line.removeprefix("!"), comments=True)
            if words[1:2] in (["train.py"], ["evaluate.py"]):
                yield words[1].removesuffix(".py"), words[2:]
            elif words[1:3] == ["-m", "pcsa_jax"]:
                yield words[3], words[4:]
