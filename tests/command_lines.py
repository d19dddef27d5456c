"""The code blocks of the documents, and the commands of this software in them."""

import re
import shlex
from collections.abc import Iterator


def code_blocks(text: str) -> Iterator[tuple[str, str]]:
    """(what the fence says, content) of every fenced block: ``python``, ``{code-cell} ipython3``, or nothing."""
    for _, said, block in re.findall(r"^(```+)([^`\n]*)\n(.*?)^\1$", text, flags=re.DOTALL | re.MULTILINE):
        yield said.strip(), block


def own_lines(text: str) -> Iterator[tuple[str, list[str]]]:
    """(command, its words) of every line of ours in a code block: train.py, ``python -m pcsa_jax``, a container.

    In a cell of a notebook the shell's lines start with ``!``.
    """
    for _, block in code_blocks(text):
        for line in block.replace("\\\n", " ").splitlines():
            if line.removeprefix("!").split(" ")[0] not in ("python", "srun", "docker", "apptainer"):
                continue
            words = shlex.split(line.removeprefix("!"), comments=True)
            words = words[words[:1] == ["srun"] :]
            if words[:2] in (["python", "train.py"], ["python", "evaluate.py"]):
                yield words[1].removesuffix(".py"), words[2:]
            elif words[1:3] == ["-m", "pcsa_jax"]:
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
