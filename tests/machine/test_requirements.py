"""A Python without our packages says so in one line; a bug of ours keeps its traceback."""

import importlib.metadata
import re
import subprocess
import sys

import pytest

from pcsa_jax.commands import run_command
from pcsa_jax.machine.requirements import MODULES, missing_requirement
from tests.conftest import ROOT

COMMANDS = [
    ("train.py", "--config=pcsa", "--workdir=x"),
    ("evaluate.py", "--workdir=x"),
    ("-m", "pcsa_jax", "train", "--config=demo", "--workdir=x"),
    ("-m", "pcsa_jax", "evaluate", "--workdir=x"),
    ("-m", "pcsa_jax", "describe", "--config=demo"),
    ("-m", "pcsa_jax", "phantom", "--out=x"),
    ("-m", "pcsa_jax", "check", "x"),
    ("-m", "pcsa_jax", "preprocess", "x", "y"),
    ("-m", "pcsa_jax", "classify", "--config=classifier", "--generator=x", "--workdir=y"),
    ("-m", "pcsa_jax", "reproduce", "fig3", "--out=x"),
    ("-m", "pcsa_jax", "export", "--workdir=x", "--out=y"),
    ("-m", "pcsa_jax", "synthesize", "--checkpoint=x", "--out=y", "z"),
]


def bare_python(*words):
    """Runs this Python without its packages."""
    return subprocess.run([sys.executable, "-E", "-S", *words], capture_output=True, text=True, cwd=ROOT, timeout=60)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_under_a_python_without_the_packages(words):
    done = bare_python(*words)
    assert done.returncode == 1
    assert done.stdout == ""
    who = " ".join(["python", *words[:3]]) if words[0] == "-m" else words[0]
    version = ".".join(map(str, sys.version_info[:3]))
    assert re.fullmatch(
        re.escape(f"{who}: error: {sys.executable} (Python {version}): expected the package ") + r"(\w+)"
        r", found none\. Activate the environment that has it \(source \.venv/bin/activate\), "
        r"or install it here \(pip install \.\)\.\n",
        done.stderr,
    ), done.stderr  # fmt: skip


def test_help_and_version_need_no_package():
    assert bare_python("train.py", "--help").returncode == 0
    assert bare_python("-m", "pcsa_jax", "--version").stdout.startswith("pcsa_jax ")


def test_an_older_python_is_told_in_one_line():
    script = "import runpy, sys\nsys.version_info = (3, 9, 2)\nrunpy.run_path('train.py', run_name='__main__')"
    done = bare_python("-c", script, "--help")
    assert done.returncode == 1
    assert done.stderr == (
        f"{sys.executable}: expected Python 3.11 or later, found {sys.version.split()[0]}. Use another.\n"
    )


def test_the_modules_are_those_of_requirements_txt():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    wanted = {re.match(r"[\w-]+", line)[0] for line in lines if line and line[0] != "#"}

    def normal(name):
        return re.sub(r"[-_.]+", "-", name).lower()

    owners = importlib.metadata.packages_distributions()
    found = {normal(owner) for module in MODULES for owner in owners[module]}
    # A namespace (orbax) has several owners.
    assert {normal(name) for name in wanted} <= found
    assert all({normal(owner) for owner in owners[module]} & {normal(name) for name in wanted} for module in MODULES)


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'pcsa_jax.modle'", name="pcsa_jax.modle"),
        ModuleNotFoundError("No module named 'rich.tabel'", name="rich.tabel"),
        ModuleNotFoundError("No module named 'nmupy'", name="nmupy"),
        ModuleNotFoundError("numpy is here, and still something raises this", name="numpy"),
        ModuleNotFoundError("without a name"),
    ],
    ids=str,
)
def test_a_bug_is_not_taken_for_a_missing_package(monkeypatch, tmp_path, error):
    from pcsa_jax.commands import phantom

    def broken(arguments):
        raise error

    assert missing_requirement(error) is None
    monkeypatch.setattr(phantom, "run", broken)
    with pytest.raises(ModuleNotFoundError):
        run_command("phantom", [f"--out={tmp_path}"], prog="phantom")
