"""What SECURITY.md promises: no code from data, nothing fetched, every package declared, hostile arrays refused."""

import ast
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

import pcsa_jax
from pcsa_jax.errors import UserError
from pcsa_jax.machine.requirements import MODULES
from tests.conftest import ROOT
from tests.test_architecture import IDS, imports, touches, tree
from tests.test_architecture import MODULES as SOURCES

UNSAFE = {
    "pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "copyreg", "yaml", "code",
    "codeop", "urllib.request", "urllib3", "requests", "httpx", "aiohttp", "http", "ftplib", "smtplib", "xmlrpc",
    "ctypes.util", "pip",
}  # fmt: skip
"""Modules that run what they read, or fetch it."""

RUNNING = {"eval", "exec", "compile", "__import__", "execfile"}
"""Built-in functions that run text."""

EXTRA = {"ants", "deepbet", "torch", "jax2onnx", "onnx", "onnxruntime"}
"""Packages of ``requirements-preprocess.txt`` and ``requirements-onnx.txt``."""

CONFIG_FILES = "experiment/config_files.py"
"""The one module that runs a file: a config, which is code."""


def calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]


def writers(path: Path) -> set[str]:
    """Modules that would run what they read, of which ``path`` uses nothing but what writes plain values."""
    used = {ast.unparse(node) for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
    names = {name for name in used if name.startswith("yaml.")}
    return {"yaml"} if names == {"yaml.safe_dump"} else set()


def unsafe_calls(path: Path) -> list[str]:
    """Calls that run text, unpickle, or hand a line to a shell."""
    found = []
    for call in calls(path):
        name = ast.unparse(call.func)
        arguments = {each.arg: ast.unparse(each.value) for each in call.keywords}
        is_unsafe = (
            name in RUNNING
            or name in ("os.system", "os.popen", "torch.load", "pd.read_pickle", "pandas.read_pickle")
            or arguments.get("shell", "False") != "False"
            or arguments.get("allow_pickle", "False") != "False"
            or (name.split(".")[-1] in ("load", "loads") and name.split(".")[0] in ("yaml", "pickle", "marshal"))
            or (name in ("np.load", "numpy.load") and arguments.get("allow_pickle") != "False")
        )
        found += [f"line {call.lineno}: {ast.unparse(call)[:80]}"] if is_unsafe else []
    return found


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_no_module_runs_or_fetches_what_it_reads(path):
    assert not touches(imports(path), UNSAFE - writers(path))
    assert unsafe_calls(path) == []
    loads = [call for call in calls(path) if ast.unparse(call.func).split(".")[-1] in ("exec_module", "run_path")]
    assert len(loads) == (str(path).endswith(CONFIG_FILES)), "only a config is run"


def test_the_rules_see_a_breach(tmp_path):
    path = tmp_path / "breach.py"
    path.write_text(
        "import numpy as np, subprocess, torch, yaml\nfrom urllib.request import urlopen\n"
        "np.load('a')\nnp.load('a', allow_pickle=True)\nsubprocess.run('ls', shell=True)\neval('1')\nexec('1')\n"
        "torch.load('a')\nyaml.load('a')\nnp.load('a', allow_pickle=False)\nsubprocess.run(['ls'])\njson.loads('1')\n"
    )
    assert touches(imports(path), UNSAFE) == {"yaml", "urllib.request", "urllib.request.urlopen"}
    assert [found.split(":")[0] for found in unsafe_calls(path)] == [f"line {number}" for number in range(3, 10)]


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_every_package_that_is_imported_is_declared(path):
    known = {*MODULES, *EXTRA, *sys.stdlib_module_names, "pcsa_jax", "__future__"}
    assert {name.split(".")[0] for name in imports(path)} <= known


def requirements(name: str) -> dict:
    """Package -> version specifier of a requirements file."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {each.name: each.specifier for each in map(Requirement, (x for x in lines if x and x[0] != "#"))}


def test_what_moves_is_bounded():
    declared = requirements("requirements.txt")
    assert len(declared) == len(MODULES)
    assert all(specifier for specifier in declared.values()), "each has a lower bound"
    assert "1.0" not in declared["orbax-checkpoint"] and "0.12.8" in declared["orbax-checkpoint"]


def test_what_converts_to_onnx_runs_the_same_packages_but_orbax():
    ours, theirs = requirements("requirements.txt"), requirements("requirements-onnx.txt")
    own = {"jax2onnx", "onnx", "onnxruntime", "orbax-checkpoint"}
    assert {name: theirs[name] for name in set(theirs) - own} == {name: ours[name] for name in set(theirs) - own}
    assert "0.12.8" not in theirs["orbax-checkpoint"] and "0.18.0" not in theirs["jax2onnx"]


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def bomb(tmp_path):
    """An array file with a pickle that leaves a trace where it is opened, and the place of the trace."""
    stream = io.BytesIO()
    np.save(stream, np.array([Bomb(tmp_path / "exploded")], dtype=object), allow_pickle=True)
    with pytest.raises(OSError), io.BytesIO(stream.getvalue()) as again:  # it does explode: the folder is there twice
        np.load(again, allow_pickle=True)
        again.seek(0)
        np.load(again, allow_pickle=True)
    (tmp_path / "exploded").rmdir()
    return stream.getvalue(), tmp_path / "exploded"


def refused(read) -> str:
    with pytest.raises(UserError) as caught:
        read()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_pickle_in_place_of_a_volume_or_an_export_is_refused(bomb, tmp_path):
    from pcsa_jax.data.volumes import read_volume

    content, trace = bomb
    for name in ("x.nii", "x.nii.gz"):
        (tmp_path / name).write_bytes(content)
        assert refused(lambda name=name: read_volume(tmp_path / name, subject="s")).startswith("s: expected")
    (tmp_path / "x.safetensors").write_bytes(content)
    assert "a damaged file" in refused(lambda: pcsa_jax.load_generator(tmp_path / "x.safetensors"))
    assert not trace.exists()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Orbax leaves an event loop behind
def test_a_pickle_in_any_file_of_a_run_is_never_opened(bomb, tiny_run, tmp_path):
    from pcsa_jax.training.trained import open_run

    content, trace = bomb
    files = sorted(path for path in tiny_run.rglob("*") if path.is_file() and "tensorboard" not in path.parts)
    told = []
    for path in files:
        run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
        (run / path.relative_to(tiny_run)).write_bytes(content)
        try:
            open_run(run)
        except UserError as error:
            told.append(str(error))
        shutil.rmtree(run)
    assert len(told) > 5 and not any("\n" in each for each in told)
    assert not trace.exists()


def test_pickled_arrays_of_a_store_are_refused(bomb, tmp_path):
    from pcsa_jax.data.store import open_store

    content, trace = bomb
    for name in ("mri", "pet"):
        (tmp_path / f"{name}.npy").write_bytes(content)
    told = refused(lambda: open_store(tmp_path))
    assert told.startswith(f"{tmp_path}: expected the run's volumes as two arrays, found ")
    assert not trace.exists()


WATCHED = """
import json, sys
seen = []
def hook(event, arguments):
    if event in ("pickle.find_class", "socket.connect", "socket.getaddrinfo", "urllib.Request", "os.system"):
        seen.append([event, repr(arguments)[:200]])
    if event == "subprocess.Popen":
        seen.append([event, str(arguments[0])])
sys.addaudithook(hook)
import pcsa_jax
words, cohort, out = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
pcsa_jax.train(words[0].partition("=")[2], f"{out}/run", overrides=words[1:])
pcsa_jax.evaluate(f"{out}/run")
pcsa_jax.export(f"{out}/run", f"{out}/g.safetensors")
pcsa_jax.synthesize([cohort], [f"{out}/g.safetensors"], f"{out}/pet")
print(json.dumps(seen))
"""


@pytest.mark.slow
def test_nothing_is_fetched_or_unpickled_from_a_training_to_its_pet(tiny_words, cohort, tmp_path):
    words = json.dumps([str(word) for word in tiny_words({"num_epochs": 1})])
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, words, str(cohort), str(tmp_path)],
        capture_output=True, text=True, cwd=ROOT, timeout=300, check=True,
    )  # fmt: skip
    seen = json.loads(done.stdout.splitlines()[-1])
    assert [event for event in seen if event[0] != "subprocess.Popen"] == []
    assert {Path(event[1]).name for event in seen if event[0] == "subprocess.Popen"} <= {"git", "uname"}
