"""What the README tells people to type exists and runs."""

import argparse
import importlib
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import benchmarks.__main__ as benchmarks_main
import pcsa_jax
from benchmarks import crash, deep_grey, ensembles, fuzz, ingredients, page, portable, real_anatomy, tuning
from benchmarks.gpu import command as gpu
from pcsa_jax.commands import COMMANDS, run_command
from pcsa_jax.experiment.config import TRAINING, parse_config
from pcsa_jax.experiment.config_files import read_rows
from pcsa_jax.experiment.words import config_words
from pcsa_jax.studies.classification.config import CLASSIFIER
from tests.command_lines import own_lines

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def command_lines():
    for document in DOCUMENTS:
        yield from own_lines(document.read_text())


def benchmark_lines():
    """The words of every ``python -m benchmarks`` line in a code block; of ``benchmarks.NAME``, NAME first."""
    for document in [*DOCUMENTS, ROOT / "benchmarks" / "README.md"]:
        for block in re.findall(r"```\w*\n(.*?)```", document.read_text(), flags=re.DOTALL):
            for line in block.splitlines():
                if line.startswith("python -m benchmarks"):
                    module, *words = shlex.split(line, comments=True)[2:]
                    yield [*module.split(".")[1:], *words]


def example_lines():
    """The same of the examples in the commands' help, which the site shows; behind each stands what it does."""
    for name in COMMANDS:
        documented = importlib.import_module(f"pcsa_jax.commands.{name}").__doc__
        lines = [re.split(r"\s{3,}", line.strip())[0] for line in documented.splitlines()]
        yield from own_lines("\n".join(["```", *lines, "```"]))


DOCUMENTED = list(command_lines())
LINES = DOCUMENTED + [line for line in example_lines() if line not in DOCUMENTED]
SCHEMAS = {"classify": CLASSIFIER}
"""Command -> what its config holds, if not a training's."""


def test_the_readme_shows_every_command():
    assert {command for command, _ in DOCUMENTED} == set(COMMANDS)


@pytest.mark.parametrize(("command", "words"), LINES, ids=[" ".join([c, *w])[:60] for c, w in LINES])
def test_every_command_line_is_understood(command, words, monkeypatch):
    monkeypatch.chdir(ROOT)
    parser = argparse.ArgumentParser(allow_abbrev=False)
    importlib.import_module(f"pcsa_jax.commands.{command}").add_arguments(parser)
    arguments, rest = parser.parse_known_args(words)
    assert all(word.startswith("--config.") for word in rest)
    if "config" in arguments:
        given = {name: getattr(arguments, name, None) for name in ("cohort", "participants")}
        parse_config(config_words(arguments.config, rest, **given), SCHEMAS.get(command, TRAINING))


@pytest.mark.parametrize("words", list(benchmark_lines()), ids=" ".join)
def test_every_benchmark_line_is_understood(words):
    own = {
        "crash": crash,
        "deep_grey": deep_grey,
        "fuzz": fuzz,
        "gpu": gpu,
        "ensembles": ensembles,
        "ingredients": ingredients,
        "page": page,
        "portable": portable,
        "real_anatomy": real_anatomy,
        "tuning": tuning,
    }
    name = words[0] if words and words[0] in own else None
    parser = own[name].make_parser() if name else benchmarks_main.make_parser()
    parser.parse_args(words[1:] if name else words)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_linked_file_exists(document):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_the_table_of_rows_is_that_of_the_configs():
    shown = re.findall(
        r"^\| `(\w+)` \| ((?:Fig|Table|added)[^|]*) \| ([^|]+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    rows = read_rows("pcsa")
    assert shown == [(name, row.paper, row.differs) for name, row in rows.items()]
    assert read_rows("demo") == rows


@pytest.mark.parametrize("row", read_rows("pcsa"))
@pytest.mark.parametrize("config", ["pcsa", "demo"])
def test_every_row_makes_a_config(row, config):
    assert parse_config([f"--config={ROOT / 'configs' / config}.py:{row}"]).row == row


@pytest.mark.slow
def test_the_whole_way_from_a_cohort_to_a_loaded_generator(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small = [
        "--config.data.size=16", "--config.generator.attention_sizes=(1,)", "--config.generator.skip_sizes=(4, 8, 16)",
        "--config.generator.stages=(((3, 2), (3, 2)), ((3, 2),))", "--config.generator.bottleneck_features=4",
        "--config.discriminator.features=(2, 2)",
        "--config.data.num_folds=2", "--config.data.validation_fraction=0.4", "--config.num_epochs=2",
        "--config.data.root=cohort",
    ]  # fmt: skip
    demo = f"--config={ROOT / 'configs' / 'demo.py'}"
    assert run_command("phantom", ["--out=cohort", "--pairs=9", "--mri-only=1", "--size=16", "--jobs=1"], prog="p") == 0
    assert run_command("train", [demo, "--workdir=run", *small], prog="train.py") == 0
    assert run_command("evaluate", ["--workdir=run"], prog="evaluate.py") == 0
    assert run_command("export", ["--workdir=run", "--out=generator.safetensors"], prog="p") == 0
    folder = tmp_path / "run" / "evaluation" / "test"
    assert {"subjects.tsv", "regions.tsv", "zmaps.tsv", "summary.json", "figures", "report.html"} == {
        p.name for p in folder.iterdir()
    }
    assert "PHANTOM" in (folder / "report.html").read_text()
    pet = pcsa_jax.load_generator("generator.safetensors")(np.random.default_rng(0).uniform(size=(16, 16, 16)))
    assert pet.shape == (16, 16, 16)
    assert 0 <= pet.min() <= pet.max() <= 1
    # A finished run is left as it is, a file is not overwritten.
    assert run_command("train", [demo, "--workdir=run", *small], prog="train.py") == 0
    assert run_command("export", ["--workdir=run", "--out=generator.safetensors"], prog="p") == 1
    assert "generator.safetensors: expected a new file, found one" in capsys.readouterr().err
