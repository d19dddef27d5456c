"""Two starts of one command in one place at the same time: one may be refused in a line, what is there is whole."""

import json
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
START = (
    "import sys\n"
    "from pcsa_jax.commands import run_command\n"
    "if sys.argv[1] == 'evaluate':\n"
    "    from pcsa_jax.evaluation import illustration\n"
    "    illustration.draw_all = lambda *_: []\n"
    "sys.exit(run_command(sys.argv[1], sys.argv[2:], prog=f'pcsa_jax {sys.argv[1]}'))\n"
)
"""The command line, but for an evaluation's figures: they take most of its time and are swapped in with its folder."""


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
    starts = [
        (command, subprocess.Popen(
            [sys.executable, "-c", START, command, *own], cwd=ROOT, text=True, stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        ))
        for command, own in words.items() for _ in range(NUM_STARTS)
    ]  # fmt: skip
    found = {command: [] for command in words}
    for command, process in starts:
        _, said = process.communicate(timeout=300)
        assert "Traceback" not in said, said
        found[command].append((process.returncode, said.strip().splitlines()[-1]))
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
