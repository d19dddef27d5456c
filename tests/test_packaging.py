"""What is shipped: the wheel and the sdist, tried in a fresh environment; the Makefile's two installations."""

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

import pcsa_jax
from tests.conftest import ROOT, TINY

SOURCES = [
    ".dockerignore", ".gitignore", "CHANGELOG.md", "CITATION.cff", "LICENSE", "Makefile", "README.md", "SECURITY.md",
    "benchmarks", "configs", "containers", "docs", "evaluate.py", "hatch_build.py", "pcsa_jax", "pyproject.toml",
    "requirements.txt", "requirements-dev.txt", "requirements-docs.txt", "requirements-onnx.txt",
    "requirements-preprocess.txt", "tests", "train.py",
    "train.py",
]  # fmt: skip
PRIVATE = [".venv/lib/big.py", "runs/demo/config.json", "adni/sub-01/scan.nii.gz", "pcsa_jax/__pycache__/a.pyc"]
"""What lies in a clone and is nobody else's."""
CONFIGS = {path.name for path in (ROOT / "configs").glob("*.py")}


def run(*words, cwd, check=True):
    """Runs a command without this Python's import path and without what ``make test`` was called with."""
    ours = ("PYTHON", "MAKE", "MFLAGS", "VENV", "DEMO")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, cwd=cwd, timeout=300, check=False,
        env=inherited,
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def pip_wheel(source: Path, out: Path) -> Path:
    """Builds as ``pip install`` does, with the build backend of requirements-dev.txt."""
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-index")
    run(*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", out, source, cwd=out.parent)
    return next(out.glob("*.whl"))


def members(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def files(clone: Path) -> list[Path]:
    """All that lies in a clone, but for the bytecode that Python keeps of what it runs."""
    return sorted(path for path in clone.rglob("*") if "__pycache__" not in path.parts)


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """A copy of the working tree as a user has it: with an environment, runs and data in it."""
    root = tmp_path_factory.mktemp("clone") / "pcsa_jax"
    root.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "_build", "images"))
        else:
            shutil.copy(ROOT / name, root)
    for name in PRIVATE:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("private")
    return root


@pytest.fixture(scope="module")
def built(clone, tmp_path_factory):
    """Wheel and sdist of the clone, and the clone's files before and after."""
    out = tmp_path_factory.mktemp("built")
    before = files(clone)
    wheel = pip_wheel(clone, out / "wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", out, cwd=clone)
    return SimpleNamespace(wheel=wheel, sdist=next(out.glob("*.tar.gz")), before=before, after=files(clone))


def make_environment(folder: Path, wheel: Path) -> Path:
    """A fresh environment with a wheel of ours; all else comes from the running Python's packages."""
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--quiet", "--no-index")
    run(*pip, "--disable-pip-version-check", "--no-deps", wheel, cwd=folder.parent)
    packages = next((folder / "lib").glob("python*")) / "site-packages"
    (packages / "shared.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder / "bin" / "pcsa_jax"


@pytest.fixture(scope="module")
def command(built, tmp_path_factory) -> Path:
    """The ``pcsa_jax`` of a fresh environment with the wheel."""
    return make_environment(tmp_path_factory.mktemp("fresh") / "environment", built.wheel)


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_the_configs_alone(built):
    found = members(built.wheel)
    package = {
        f"pcsa_jax/{path.relative_to(ROOT / 'pcsa_jax').as_posix()}"
        for path in (ROOT / "pcsa_jax").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    about = {name for name in found if ".dist-info/" in name}
    assert set(found) - about == package | {f"pcsa_jax/configs/{name}" for name in CONFIGS}
    metadata = next(content.decode() for name, content in found.items() if name.endswith("METADATA"))
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert metadata.count("\nRequires-Dist: ") - metadata.count("; extra == 'preprocess'") == sum(
        bool(line) and line[0] != "#" for line in lines
    )
    assert "Requires-Dist: antspyx>=0.6.3; extra == 'preprocess'" in metadata


@pytest.mark.slow
def test_a_build_leaves_nothing_behind_and_takes_nothing_private(built):
    assert built.after == built.before
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"configs/pcsa.py", "tests/conftest.py", "train.py", "requirements.txt", "Makefile"} <= names
    assert not [name for name in names if name.split("/")[0] in (".venv", "runs", "adni") or "__pycache__" in name]


@pytest.mark.slow
def test_the_sdist_makes_the_same_wheel(built, tmp_path):
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    again = pip_wheel(next(tmp_path.glob("pcsa_jax-*")), tmp_path / "wheel")
    assert members(again) == members(built.wheel)


@pytest.mark.slow
def test_the_installed_command_calls_itself_by_its_name(command, tmp_path):
    assert run(command, "--version", cwd=tmp_path).stdout == f"pcsa_jax {pcsa_jax.__version__}\n"
    python = command.with_name("python")
    assert run(python, "-m", "pcsa_jax", "--version", cwd=tmp_path).stdout == f"pcsa_jax {pcsa_jax.__version__}\n"
    where = run(python, "-c", "import pcsa_jax; print(pcsa_jax.__file__)", cwd=tmp_path).stdout
    assert Path(where).is_relative_to(command.parents[1])
    for words in ([], ["train"], ["evaluate"], ["describe"]):
        shown = run(command, *words, "--help", cwd=tmp_path).stdout
        assert shown.startswith(" ".join(["usage: pcsa_jax", *words]))
        assert not [word for word in ("python", "configs/demo.py", "train.py ") if word in shown]


@pytest.mark.slow
def test_the_configs_work_by_name_in_any_folder(command, tmp_path):
    assert "pcsa: generator at 32^3" in run(command, "describe", "--config=demo", cwd=tmp_path).stdout
    done = run(command, "describe", "--config=configs/demo.py", cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "pcsa_jax describe: error: --config: expected a config file or one of classifier, demo, pcsa, found "
        "'configs/demo.py'. Try --config=pcsa.\n"
    )


@pytest.mark.slow
def test_the_installed_command_trains_evaluates_and_plans(command, cohort, tmp_path):
    tiny = [f"--config.{name}={value}" for name, value in ({**TINY, "num_epochs": 1, "data.root": cohort}).items()]
    run(command, "train", "--config=pcsa:sa16", "--workdir=run", *tiny, cwd=tmp_path)
    assert '"row": "sa16"' in (tmp_path / "run" / "config.json").read_text()
    run(command, "evaluate", "--workdir=run", cwd=tmp_path)
    assert (tmp_path / "run" / "evaluation" / "test" / "report.html").is_file()
    few = ["--config.data.validation_fraction=0.4", "--config.batch_size=1"]
    for config in ([], ["--config=demo"]):
        plan = ["reproduce", "table3", "--plan", "--no-measure", "--out=out", "--folds=2", f"--data={cohort}"]
        assert "2 runs" in run(command, *plan, *few, *config, cwd=tmp_path).stdout
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_an_editable_installation_reads_the_clone_s_configs(clone, tmp_path):
    before = files(clone)
    (tmp_path / "built").mkdir()
    script = "import sys; from hatchling.build import build_editable; build_editable(sys.argv[1])"
    run(sys.executable, "-c", script, tmp_path / "built", cwd=clone)
    wheel = next((tmp_path / "built").glob("*.whl"))
    assert not [name for name in members(wheel) if name.endswith(".py")]
    command = make_environment(tmp_path / "environment", wheel)
    assert files(clone) == before
    (clone / "configs" / "mine.py").write_text((clone / "configs" / "demo.py").read_text().replace("= 32", "= 16"))
    try:
        script = "from pcsa_jax.experiment.config_files import load_config; print(load_config('mine').data.size)"
        assert run(command.with_name("python"), "-c", script, cwd=tmp_path).stdout == "16\n"
    finally:
        (clone / "configs" / "mine.py").unlink()


def test_the_version_has_one_home():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"]
    assert f"\nversion: {pcsa_jax.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    for path in (ROOT / "pcsa_jax").rglob("*.py"):
        words = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
        assert (pcsa_jax.__version__ in words) == (path == ROOT / "pcsa_jax" / "__init__.py"), path


FAKE_PYTHON = """#!/bin/sh
case "$1 $2" in
  "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && cp "$0" "$3/bin/ruff";;
  "-m pip") test "$3" = install || exit 0; echo "$@" >> log; test ! -e broken;;
  "--version ") echo "Python 3.11.9";;
  "-c "*) ;;
  *) echo "ran $*" >> log;;
esac
"""
"""Notes what it is told to install; fails to while a file ``broken`` is there."""


@pytest.fixture
def make(tmp_path):
    """``make TARGETS`` in a folder with a Python that only takes notes; returns the notes and the status."""
    for name in (
        "Makefile",
        "pyproject.toml",
        "requirements.txt",
        "requirements-dev.txt",
        "requirements-docs.txt",
        "requirements-preprocess.txt",
        "requirements-onnx.txt",
    ):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "python").write_text(FAKE_PYTHON)
    (tmp_path / "python").chmod(0o755)

    def make(*words):
        (tmp_path / "log").write_text("")
        words = words if any(word.startswith("PYTHON=") for word in words) else (*words, "PYTHON=./python")
        done = run("make", *words, cwd=tmp_path, check=False)
        return SimpleNamespace(notes=(tmp_path / "log").read_text(), status=done.returncode, errors=done.stderr)

    return make


IN_TWO = " --numprocesses=2 --dist=worksteal"
INSTALL = "-m pip install --quiet --disable-pip-version-check"


def test_the_demo_installs_what_it_needs_once(make):
    assert make("demo").notes == (
        f"{INSTALL} --editable .\nran train.py --config=configs/demo.py:best --workdir=runs/demo\n"
        "ran evaluate.py --workdir=runs/demo\n"
    )
    assert "pip" not in make("demo").notes
    assert make(".venv").notes == ""


def test_the_tests_packages_come_with_the_tests(make):
    make("demo")
    assert make("test").notes == f"{INSTALL} -r requirements-dev.txt\nran -m pytest{IN_TWO}\n"
    assert make("lint", "test").notes == f"ran check .\nran format --check .\nran -m pytest{IN_TWO}\n"


def test_the_site_is_built_strictly_with_what_the_tests_have(make):
    make("test")
    assert make("docs").notes == (
        "ran -m sphinx -q -W --keep-going -n -b html -d docs/_build/doctrees -c docs . docs/_build/html\n"
    )


@pytest.mark.parametrize("target", ["demo", "test"])
def test_an_interrupted_installation_is_not_taken_for_finished(make, tmp_path, target):
    (tmp_path / "broken").touch()
    assert make(target).status != 0
    (tmp_path / "broken").unlink()
    done = make(target)
    assert done.status == 0
    assert f"{INSTALL} --editable .\n" in done.notes
    if target == "test":
        (tmp_path / ".venv" / "dev").unlink()
        (tmp_path / "broken").touch()
        assert make("test").status != 0
        (tmp_path / "broken").unlink()
        assert f"{INSTALL} -r requirements-dev.txt\n" in make("test").notes


def test_onnx_has_an_environment_of_its_own_without_ours(make, tmp_path):
    assert make(".venv-onnx").notes == f"{INSTALL} -r requirements-onnx.txt\n"
    assert make(".venv-onnx").notes == ""
    assert not (tmp_path / ".venv").exists()


def test_another_python_has_an_environment_of_its_own(make, tmp_path):
    make("demo")
    (tmp_path / "python3.13").write_text(FAKE_PYTHON.replace("3.11.9", "3.13.0"))
    (tmp_path / "python3.13").chmod(0o755)
    refused = make("test", "PYTHON=./python3.13")
    assert refused.status != 0
    assert ".venv has Python 3.11.9, found PYTHON=./python3.13; name another folder with VENV=" in refused.errors
    assert make("test", "PYTHON=./python3.13", "VENV=.venv-3.13").notes.endswith(f"ran -m pytest{IN_TWO}\n")
    assert (tmp_path / ".venv-3.13" / "dev").is_file()
