"""The commands of this software in the documents' code blocks."""

import re
import shlex
from collections.abc import Iterator


def own_lines(text: str) -> Iterator[tuple[str, list[str]]]:
    """(command, its words) of every train.py, evaluate.py and ``python -m pcsa_jax`` line in a code block."""
    for block in re.findall(r"```\w*\n(.*?)```", text, flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:2] in (["python", "train.py"], ["python", "evaluate.py"]):
                yield words[1].removesuffix(".py"), words[2:]
            elif words[:3] == ["python", "-m", "pcsa_jax"]:
                yield words[3], words[4:]
