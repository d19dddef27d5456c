"""containers/: both recipes make one image, of the sources alone; docs/containers.md says how it is run."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests import slurm
from tests.command_lines import CONTAINERS, inside
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "containers.md").read_text()
IN_A_CLONE = [
    "data/adni/sub-01.nii.gz", "runs/demo/config.json", "results/x.tsv", "cache/x", ".git/config", ".venv/bin/python",
    ".venv-preprocess/x", ".pytest_cache/x", ".hypothesis/x", ".ruff_cache/x", "pcsa_jax.egg-info/x", ".env", "x.sif",
    "pcsa_jax/__pycache__/x.pyc", "configs/__pycache__/x.pyc", "configs/x.pyc", "tests/conftest.py", "docs/check.md",
    "docs/_build/html/index.html", "published/demo/model.safetensors", "page/model.onnx",
]  # fmt: skip
"""What an image has no use for, and some of which is nobody else's."""


def instructions() -> list[tuple[str, str]]:
    """(instruction, the rest of it) of the Dockerfile, in order."""
    text = re.sub(r"^#.*\n", "", (ROOT / "containers" / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line]
    return [(name, " ".join(rest.split())) for name, _, rest in (line.partition(" ") for line in lines)]


def dockerfile(instruction: str) -> list[str]:
    return [rest for name, rest in instructions() if name == instruction]


def sections() -> dict[str, list[str]]:
    """Name of a section of the Apptainer recipe -> its lines; the header's is ""."""
    found, name = {"": []}, ""
    for line in (ROOT / "containers" / "pcsa_jax.def").read_text().splitlines():
        if line.startswith("%"):
            name = line[1:]
            found[name] = []
        elif line.strip() and not line.strip().startswith("#"):
            found[name].append(line.strip())
    return found


def copied() -> list[tuple[str, str]]:
    """(source in the clone, folder in the image) of the Dockerfile."""
    pairs = []
    for line in dockerfile("COPY"):
        *sources, target = line.split()
        # A folder's content is copied, so that the target has the folder's name.
        pairs += [(source, target.removesuffix(f"/{source}").rstrip("/")) for source in sources]
    return sorted(pairs)


def installs(lines: list[str]) -> list[str]:
    return [line.replace("${DEVICE}", "{{ DEVICE }}") for line in lines if "pip install" in line]


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets a file of the clone into the build: of the lines that fit, the last one says."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern, here = line.removeprefix("!"), Path(path)
        if not line or line.startswith("#"):
            continue
        names = [str(each) for each in (here, *here.parents)]
        names += [each.name for each in (here, *here.parents)] if pattern.startswith("**/") else []
        if any(
            fnmatch(name, pattern.removeprefix("**/")) for name in names if name and ("/" not in name or "/" in pattern)
        ):
            sent = line.startswith("!")
    return sent


def test_both_recipes_make_the_same_image():
    assert [f"From: {base}" for base in dockerfile("FROM")] == sections()[""][1:]
    assert dockerfile("ARG") == sections()["arguments"]
    assert installs(dockerfile("RUN")) == installs(sections()["post"])
    assert copied() == sorted(tuple(line.rstrip("/").split()) for line in sections()["files"])
    exported = dict(re.findall(r'export (\w+)="?(?:\$\{\w+:-)?([^"}\n]+)', "\n".join(sections()["environment"])))
    given = dict(pair.split("=") for pair in " ".join(dockerfile("ENV")).split())
    exported["MPLCONFIGDIR"] = exported["MPLCONFIGDIR"].replace("$PCSA_JAX_CACHE", exported["PCSA_JAX_CACHE"])
    assert exported == {name: value for name, value in given.items() if not name.startswith("NVIDIA_")}


def test_the_image_is_what_the_project_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (base,) = dockerfile("FROM")
    python = re.fullmatch(r"python:(3\.\d+)-slim-\w+", base)[1]
    assert f"Programming Language :: Python :: {python}" in project["classifiers"]
    wanted = Requirement(shlex.split(installs(dockerfile("RUN"))[0])[-1].replace("{{ DEVICE }}", "cuda13"))
    assert f'pip install "jax[{",".join(wanted.extras)}]"' in (ROOT / "README.md").read_text()
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    (ours,) = (Requirement(line) for line in lines if line.startswith("jax>="))
    assert str(wanted.specifier).endswith(".*")
    assert ours.specifier.contains(str(wanted.specifier)[2:-2] + ".0")
    (entry,) = dockerfile("ENTRYPOINT")
    assert json.loads(entry)[0] in project["scripts"]
    assert f"exec {json.loads(entry)[0]} " in sections()["runscript"][0]
    users = [rest for name, rest in instructions() if name in ("USER", "ENTRYPOINT")]
    assert users == ["pcsa", entry], "nobody is root when the command starts"


def test_a_build_reads_the_clone_and_the_packages_alone():
    text = "\n".join((ROOT / "containers" / name).read_text() for name in ("Dockerfile", "pcsa_jax.def"))
    assert not re.findall(r"^ADD|latest|curl|wget|git clone|https?://", text, flags=re.MULTILINE)
    assert not re.findall(r"token|passw|secret|api_?key|index-url", text, flags=re.IGNORECASE)


def test_what_is_copied_is_there_and_nothing_else_is_sent():
    sources = {source for source, _ in copied()}
    assert [source for source in sources if not (ROOT / source).exists()] == []
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert {line[1:] for line in lines if line.startswith("!")} == sources
    assert all(is_sent(f"{source}/x" if (ROOT / source).is_dir() else source) for source in sources)
    assert [path for path in IN_A_CLONE if is_sent(path)] == []
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()]
    names = [str(part) for x in IN_A_CLONE for part in (*Path(x).parts, *Path(x).parents)]
    untried = [each for each in ignored if not any(fnmatch(name, each) for name in names)]
    assert untried == [], "what git ignores is among what is tried here"


def test_what_is_copied_is_all_that_an_installation_needs(tmp_path):
    for source, _ in copied():
        take = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        take(ROOT / source, tmp_path / source)
    build = "import hatchling.build as b, sys; print(b.build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path / "out")],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("-py3-none-any.whl\n")


def starts() -> list[list[str]]:
    """The words of every line of the page that starts a container."""
    blocks = "".join(re.findall(r"```\w*\n(.*?)```", PAGE, flags=re.DOTALL)).replace("\\\n", " ")
    lines = [shlex.split(line.removeprefix("srun "), comments=True) for line in blocks.splitlines()]
    return [words for words in lines if words[:2] in CONTAINERS]


@pytest.mark.parametrize("words", starts(), ids=lambda words: " ".join([*words[:2], *inside(words)[1][:1]]))
def test_containers_are_started_with_a_gpu_and_with_the_places_that_the_recipe_has(words):
    told, command = inside(words)
    binds = [told[i + 1].split(",") for i, word in enumerate(told) if word in ("-v", "--bind")]
    assert sorted(bind for several in binds for bind in several) == [
        "$PWD/cache:/cache", "$PWD/data:/work/data:ro", "$PWD/runs:/work/runs",
    ]  # fmt: skip
    made = next(line for line in dockerfile("RUN") if "mkdir" in line)
    assert (
        "mkdir -p /work/data /work/runs /cache" in made
        and "mkdir -p /work/data /work/runs /cache" in sections()["post"]
    )
    assert dockerfile("WORKDIR") == ["/work"]
    if words[0] == "docker":
        assert {"--rm", "--init", "--gpus", "all", "-u", "$(id", "--network", "none"} <= set(told)
    else:
        assert "--nv" in told and told[told.index("--pwd") + 1] == "/work"
    paths = [word.partition("=")[2] or word for word in command if "=" in word or "/" in word]
    assert all(re.match(r"(data|runs)/", path) for path in paths if "/" in path)
    assert not [path for path in command if path.startswith(("--workdir=data", "--out=data"))], "data are read only"


def test_the_batch_script_starts_one_container_a_task_and_is_requeued(tmp_path):
    environment = slurm.install(tmp_path / "stand-ins")
    command = (
        '#!/bin/sh\necho "$SLURM_PROCID of $SLURM_NTASKS: $*" >> said\ntest -n "$SLURM_RESTART_COUNT" || exit 143\n'
    )
    (tmp_path / "stand-ins" / "pcsa_jax").write_text(command)
    (tmp_path / "stand-ins" / "pcsa_jax").chmod(0o755)
    (tmp_path / "pcsa.sh").write_text(slurm.batch_script("containers.md"))
    (tmp_path / "data").mkdir()
    (tmp_path / "pcsa_jax.sif").touch()
    done = subprocess.run(
        ["sbatch", "--nodes=1", "--ntasks-per-node=2", "pcsa.sh"], cwd=tmp_path, env=environment, check=False,
        timeout=60, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + next(tmp_path.glob("*.log")).read_text()
    words = "train --config=pcsa --workdir=runs/adni --cohort=data/adni_caps --participants=data/adni_bids"
    assert sorted((tmp_path / "said").read_text().splitlines()) == [f"{i} of 2: {words}" for i in (0, 0, 1, 1)]
    noted = [json.loads(line) for line in (tmp_path / "stand-ins" / "apptainer.jsonl").read_text().splitlines()]
    binds = f"{tmp_path}/data:/work/data:ro,{tmp_path}/runs:/work/runs,{tmp_path}/cache:/cache"
    assert noted == [{"nv": True, "bind": binds, "pwd": "/work"}] * 4
