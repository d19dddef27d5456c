"""docs/clusters.md: its batch script, word for word, on stand-ins for SLURM's commands."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import slurm
from tests.conftest import ROOT, TINY

CONFIG = """from importlib.util import module_from_spec, spec_from_file_location

SPEC = spec_from_file_location("paper", {paper!r})


def get_config(row="pcsa"):
    paper = module_from_spec(SPEC)
    SPEC.loader.exec_module(paper)
    config = paper.get_config(row)
    config.update_from_flattened_dict({changes!r})
    return config
"""
"""The config that the script names, with the tests' tiny networks: nothing of the script itself has to be changed."""


@pytest.fixture
def place(cohort, tmp_path) -> Path:
    """A folder that looks like a clone of this project on the file system that all nodes share."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    activate = f'export PATH="{Path(sys.executable).parent}:$PATH"\n'
    (tmp_path / ".venv" / "bin" / "activate").write_text(activate)
    (tmp_path / "train.py").symlink_to(ROOT / "train.py")
    (tmp_path / "configs").mkdir()
    changes = TINY | {
        "data.root": str(cohort),
        "log_every_steps": 1,
        "evaluate_every_epochs": 4,
        "checkpoint_every_epochs": 4,
    }
    (tmp_path / "configs" / "pcsa.py").write_text(
        CONFIG.format(paper=str(ROOT / "configs" / "pcsa.py"), changes=changes)
    )
    (tmp_path / "pcsa.sh").write_text(slurm.batch_script("clusters.md"))
    return tmp_path


def submit(place: Path, *words: str, **options) -> tuple[int, str, str]:
    """(status of the job, what it wrote to its log, what sbatch said)."""
    done = subprocess.run(
        ["sbatch", *words, "pcsa.sh"], cwd=place, env=slurm.install(place / "stand-ins", **options), timeout=300,
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    logs = sorted(place.glob("pcsa-*.log"))
    return done.returncode, logs[0].read_text() if logs else "", done.stderr


@pytest.mark.slow
def test_the_script_is_stopped_at_the_end_of_its_time_and_goes_on_when_it_is_requeued(place):
    run = place / "runs" / "pcsa"
    two = ("--nodes=1", "--ntasks-per-node=2")
    status, log, said = submit(place, *two, time_is_up=run / "metrics.jsonl")
    assert status == 0, log + said
    assert log.count("on 2 x cpu of 2 processes") == 2
    stopped = int(re.search(r"SIGTERM: stopped after step (\d+), saved; the same command goes on", log)[1])
    assert f"Resuming after step {stopped}" in log
    assert log.index("stopped after") < log.index("Resuming after") < log.index("Finished after 12 steps")
    steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert sorted(set(steps)) == list(range(1, 13))


def test_a_mistake_is_not_requeued(place):
    (place / "configs" / "pcsa.py").write_text("")
    status, log, said = submit(place, "--nodes=1", "--ntasks-per-node=1")
    assert status == 1, log + said
    assert log.count("train.py: error: ") == 1


def test_the_stand_in_refuses_what_sbatch_would(place):
    script = (place / "pcsa.sh").read_text()
    (place / "pcsa.sh").write_text(script.replace("--requeue", "--requeued"))
    status, _, said = submit(place)
    assert (status, said) == (1, "sbatch: error: unrecognized option '--requeued'\n")
