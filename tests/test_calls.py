"""Each command is one Python call too: what the package offers, what it costs to import, what the commands pass on."""

import argparse
import ast
import importlib
import inspect
import shutil
import subprocess
import sys

import numpy as np
import pytest

import pcsa_jax
from pcsa_jax import calls
from pcsa_jax.commands import COMMANDS, run_command
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.config import parse_config
from pcsa_jax.experiment.words import config_words
from pcsa_jax.experiment.workdir import Workdir
from tests.conftest import ROOT

OFFERED = [
    "calibrate", "check", "evaluate", "export", "load_generator", "phantom", "publish", "reproduce", "synthesize",
    "train",
]  # fmt: skip
OTHERS = {"browser", "classify", "describe", "onnx", "preprocess"}
"""Commands that are a call of their stage alone."""


def test_the_package_lists_exactly_its_calls():
    assert dir(pcsa_jax) == OFFERED
    assert set(OFFERED) - {"load_generator"} == set(COMMANDS) - OTHERS
    with pytest.raises(AttributeError, match="module 'pcsa_jax' has no attribute 'fly'"):
        _ = pcsa_jax.fly


def test_the_name_alone_costs_nothing():
    script = (
        "import sys\nbefore = set(sys.modules)\nimport pcsa_jax\n"
        "for name in dir(pcsa_jax):\n    getattr(pcsa_jax, name)\n"
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = set(ast.literal_eval(done.stdout))
    assert not loaded & {"jax", "flax", "numpy", "nibabel", "ml_collections", "rich", "pandas", "scipy"}, loaded


@pytest.mark.parametrize("name", OFFERED)
def test_each_call_is_typed_and_documented(name):
    call = getattr(pcsa_jax, name)
    signature = inspect.signature(call)
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(p.annotation is not inspect.Parameter.empty for p in signature.parameters.values())
    documented = inspect.getdoc(call)
    assert "UserError" in documented
    assert all(parameter in documented for parameter in signature.parameters)


@pytest.mark.parametrize("name", [name for name in OFFERED if name != "load_generator"])
def test_every_flag_of_the_command_reaches_the_call(name, monkeypatch, tmp_path):
    """The command file only parses: what it passes on is what the call takes, no more and no less."""
    seen, signature = {}, inspect.signature(getattr(calls, name))

    class Enough(Exception):
        pass

    def record(*arguments, **options):
        seen.update(signature.bind(*arguments, **options).arguments)
        raise Enough

    parser = argparse.ArgumentParser()
    importlib.import_module(f"pcsa_jax.commands.{name}").add_arguments(parser)
    words = []
    for action in parser._actions:
        if action.required:
            words.append(action.option_strings[0] + "=x" if action.option_strings else "x")
    monkeypatch.setattr(calls, name, record)
    with pytest.raises(Enough):
        run_command(name, words, prog=name)
    assert set(seen) == set(signature.parameters)


@pytest.mark.parametrize(
    ("command", "words", "former", "now"),
    [
        ("synthesize", ["--out=o", "maps"], "--checkpoint=runs/a", "--generator=runs/a"),
        ("reproduce", ["fig3", "--out=o"], "--data=cohort", "--cohort=cohort"),
    ],
)
def test_a_former_spelling_means_the_same(command, words, former, now):
    parser = argparse.ArgumentParser()
    importlib.import_module(f"pcsa_jax.commands.{command}").add_arguments(parser)
    assert parser.parse_args([*words, former]) == parser.parse_args([*words, now])


PATHS = {"DIR", "FILE", "PATH", "RUN", "COHORT", "INPUT", "DIR_OR_FILE", "FILE.tsv", "BIDS_DIR", "OUT_DIR"}
"""How the help of the commands calls a path."""


@pytest.mark.parametrize("name", COMMANDS)
def test_a_home_folder_behind_an_equals_sign_is_expanded_in_every_command(name, monkeypatch):
    """The shell expands ~ in ``--out ~/x`` and leaves it alone in ``--out=~/x``."""
    monkeypatch.setenv("HOME", "/home/me")
    parser = argparse.ArgumentParser()
    importlib.import_module(f"pcsa_jax.commands.{name}").add_arguments(parser)
    for action in parser._actions:
        if action.metavar in PATHS and not (name == "train" and action.dest in ("cohort", "participants")):
            assert str(action.type("~/x")) == "/home/me/x", action
    # The others are values of the config, as --config.data.root is, or name one.
    config = parse_config(config_words("pcsa", ["--config.data.participants=~/p"], cohort="~/x"))
    assert (config.data.root, config.data.participants) == ("/home/me/x", "/home/me/p")


NOBODY = "~no-such-user/x"


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        (name, parameter)
        for name in OFFERED
        for parameter, of in inspect.signature(getattr(calls, name)).parameters.items()
        if "PathLike[str]" in str(of.annotation)
    ],
)
def test_and_in_every_call(name, parameter, cohort, tmp_path, tiny_run):
    """Told by an unknown user, in whichever path of whichever call."""
    out = tmp_path / "out"
    known = {"config": "pcsa", "target": "fig3", "cohort": cohort, "out": out, "workdir": tiny_run, "inputs": [cohort]}
    known |= {"generators": [tiny_run], "runs": [tiny_run], "report": None, "participants": None}
    signature = inspect.signature(getattr(calls, name))
    given = {key: value for key, value in known.items() if key in signature.parameters}
    bad = [NOBODY] if parameter in ("inputs", "generators", "runs") else NOBODY
    with pytest.raises(UserError, match="expected the name of a user of this machine after ~, found 'no-such-user'"):
        getattr(calls, name)(**{**given, parameter: bad})
    assert list(tmp_path.iterdir()) == []


def test_a_config_and_what_overrides_it():
    assert config_words("pcsa:sa16") == ["--config=pcsa:sa16"]
    overrides = {"num_epochs": 2, "generator.skip_sizes": (8, 16)}
    assert config_words("demo", overrides, cohort="data", participants="bids") == [
        "--config=demo", "--config.num_epochs=2", "--config.generator.skip_sizes=(8, 16)", "--config.data.root=data",
        "--config.data.participants=bids",
    ]  # fmt: skip
    with pytest.raises(UserError) as caught:
        config_words("demo", ["--config.data.root=a"], cohort="b")
    assert str(caught.value) == (
        "--cohort: expected one of --cohort and --config.data.root, found both. Leave one out."
    )


def test_the_whole_way_in_python(tiny_run, cohort, tmp_path, tiny_words):
    run = shutil.copytree(tiny_run, tmp_path / "run")
    assert pcsa_jax.check(cohort).problems == ()
    config, *overrides = tiny_words()
    outcome = pcsa_jax.train(config.removeprefix("--config="), run, overrides=overrides)
    assert outcome.signal_number is None  # finished: left as it is, but for what single images are judged by
    assert Workdir(run).trust.is_file()
    assert pcsa_jax.calibrate([run]).about["training_people"] == 6
    card = pcsa_jax.export(run, tmp_path / "tiny.safetensors")
    generator = pcsa_jax.load_generator(tmp_path / "tiny.safetensors")
    assert generator.card["sha256"] == card["sha256"]
    written = pcsa_jax.synthesize([cohort], [run], tmp_path / "pet")
    assert (written.written, written.skipped) == (14, 0)
    maps = np.random.default_rng(0).uniform(size=(2, 16, 16, 16))
    assert generator(maps).shape == maps.shape
