"""The commands of this software in the documents' code blocks."""

import re
import shlex
from collections.abc import Iterator


def own_lines(text: str) -> Iterator[tuple[str, list[str]]]:
    """(command, its words) of every line of ours in a code block: train.py, ``python -m pcsa_jax``, a container."""
    for block in re.findall(r"```\w*\n(.*?)```", text, flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            words = words[words[:1] == ["srun"] :]
            if words[:2] in (["python", "train.py"], ["python", "evaluate.py"]):
                yield words[1].removesuffix(".py"), words[2:]
            elif words[:3] == ["python", "-m", "pcsa_jax"]:
                yield words[3], words[4:]
            elif words[:2] in CONTAINERS:
                _, words = inside(words)
                if words and words[0] != "--help":
                    yield words[0], words[1:]


CONTAINERS = (["docker", "run"], ["apptainer", "run"], ["apptainer", "exec"])


def inside(words: list[str]) -> tuple[list[str], list[str]]:
    """What a line that starts a container tells Docker or Apptainer, and the words after ``pcsa_jax`` inside of it."""
    image = next(i for i, word in enumerate(words) if word.split(":")[0] in ("pcsa_jax", "pcsa_jax.sif"))
    return words[:image], words[image + 1 + (words[1] == "exec") :]
