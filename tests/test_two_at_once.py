"""Two starts of one command in one place at the same time: one may be refused in a line, what is there is whole."""

import json
import os
import shutil
import subprocess
import sys

import nibabel as nib
import pytest

from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.synthesis.trust_file import read_trust
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

NUM_STARTS = 2
NUM_INPUTS = 3
STARTS = """
import json, os, sys, warnings
from pcsa_jax.commands import run_command
from pcsa_jax.commands import calibrate, evaluate, export, phantom, synthesize
from pcsa_jax.data.phantom import cohort
from pcsa_jax.evaluation import illustration, terminal
from pcsa_jax.synthesis import calibration, trust_file
from pcsa_jax.training import train, trained

illustration.draw_all = lambda *_: []
warnings.filterwarnings("ignore", message="os.fork")  # nothing was computed yet: JAX has no threads
started = {}
for number, (command, *words) in enumerate(json.loads(sys.stdin.read())):
    process = os.fork()
    if process == 0:
        os.dup2(os.open(f"said{number}", os.O_WRONLY | os.O_CREAT), 2)
        status = 70
        try:
            status = run_command(command, words, prog=f"pcsa_jax {command}")
        finally:
            sys.stderr.flush()
            os._exit(status)
    started[process] = number
statuses = {}
while started:
    process, status = os.wait()
    statuses[started.pop(process)] = os.waitstatus_to_exitcode(status)
print(json.dumps([statuses[number] for number in sorted(statuses)]))
"""
"""Command lines in processes of their own that begin together, as the imports are behind them; an evaluation is without
its figures, which take most of its time and are swapped in with its folder."""


@pytest.fixture(scope="module")
def outcomes(tiny_run, exported, cohort, tmp_path_factory):
    """Command -> (exit status, last line) of each start, and the folder of their outputs; all run at once."""
    place = tmp_path_factory.mktemp("at_once")
    maps = [str(subject.mri) for subject in read_cohort(cohort).subjects[:NUM_INPUTS]]
    for name in ("evaluated", "calibrated"):
        shutil.copytree(tiny_run, place / name)
    words = {
        "phantom": [f"--out={place / 'phantom'}", "--pairs=3", "--mri-only=1", "--size=16", "--jobs=1"],
        "synthesize": [f"--generator={exported}", f"--out={place / 'synthetic'}", "--png", *maps],
        "evaluate": [f"--workdir={place / 'evaluated'}"],
        "export": [f"--workdir={tiny_run}", f"--out={place / 'one.safetensors'}"],
        "calibrate": [str(place / "calibrated")],
    }
    starts = [(command, *own) for command, own in words.items() for _ in range(NUM_STARTS)]
    said = tmp_path_factory.mktemp("said")
    done = subprocess.run(
        [sys.executable, "-c", STARTS], cwd=said, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=300, check=True,
        input=json.dumps(starts), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    found = {command: [] for command in words}
    for number, ((command, *_), status) in enumerate(zip(starts, json.loads(done.stdout), strict=True)):
        lines = (said / f"said{number}").read_text()
        assert "Traceback" not in lines, lines
        found[command].append((status, lines.strip().splitlines()[-1]))
    return found, place


@pytest.mark.parametrize("command", ["phantom", "synthesize", "evaluate", "export", "calibrate"])
def test_one_succeeds_and_the_other_does_or_says_why(outcomes, command):
    statuses = [status for status, _ in outcomes[0][command]]
    assert 0 in statuses and set(statuses) <= {0, 1}
    assert all("error: " in line for status, line in outcomes[0][command] if status)


def test_what_is_there_is_whole(outcomes):
    _, place = outcomes
    assert len(read_cohort(place / "phantom").subjects) == 4
    volumes = list(place.rglob("*_desc-synthetic_pet.nii.gz"))
    assert len(volumes) == NUM_INPUTS
    for volume in volumes:
        assert nib.load(volume).get_fdata().any()
    assert json.loads((place / "evaluated" / "evaluation" / "test" / "summary.json").read_text())["n_subjects"] > 0
    assert (place / "evaluated" / "evaluation" / "test" / "report.html").read_text().rstrip().endswith("</html>")
    assert read_trust(place / "calibrated" / "trust.safetensors").trust.trivial is not None
    left = [path for path in place.rglob("*") if path.name.endswith(".tmp") or ".tmp." in path.name]
    assert left == []
