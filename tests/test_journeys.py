"""The README's roads from somebody's own data to a model and back, command by command, on generated stand-ins."""

import math
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.commands import run_command
from pcsa_jax.data.preprocessing import quality, steps
from pcsa_jax.preprocessing import driver
from tests.command_lines import own_lines
from tests.conftest import ROOT, TINY
from tests.data import cohort_layouts
from tests.data.test_raw_scans import fake_ants, scan  # noqa: F401 (a fixture)
from tests.preprocessing import fake_preprocessing as fake
from tests.preprocessing.test_driver import in_this_process

pytestmark = pytest.mark.slow

SMALL = {**TINY, "data.num_folds": 2, "recipe.num_folds": 2, "data.validation_fraction": 0.4, "num_epochs": 1}
"""A network and a split for a handful of volumes: all else is as the README has it."""


def commands(heading: str):
    """(command, words) of every line of our own under a heading of "Your own data"."""
    section = re.search(rf"^### {re.escape(heading)}\n(.*?)^##", (ROOT / "README.md").read_text(), re.M | re.S)[1]
    return own_lines(section)


def travel(heading: str) -> list[str]:
    """Runs the commands one after the other; each must succeed. Returns their names."""
    done = []
    for command, words in commands(heading):
        small = [f"--config.{name}={value}" for name, value in SMALL.items()] if command == "train" else []
        assert run_command(command, [*words, *small], prog=command) == 0, (command, words)
        done.append(command)
    return done


@pytest.fixture
def place(tmp_path, monkeypatch, without_figures) -> Path:
    """A folder that looks like a clone of this project with data beside it."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cohort_of_eleven() -> tuple[cohort_layouts.Visit, ...]:
    """The stand-ins' seven visits and five like them, so that no part of a split is empty."""
    seven = cohort_layouts.visits()
    more = [
        visit._replace(participant_id=f"sub-1{visit.participant_id[-3:]}", mri=0.96 * visit.mri, pet=0.9 * visit.pet)
        for visit in seven[1:]
        if visit.pet is not None
    ]
    return (*seven, *more)


def test_from_adni_through_clinica(place):
    caps = cohort_layouts.write_caps(place / "data" / "adni_caps", cohort_of_eleven())
    (place / "data" / "adni_bids").mkdir()
    (caps / "participants.tsv").rename(place / "data" / "adni_bids" / "participants.tsv")
    assert travel("From ADNI through Clinica") == ["check", "train", "evaluate", "synthesize"]
    made = sorted((place / "data" / "adni_synthetic").rglob("*_pet.nii.gz"))
    assert len(made) == len(cohort_of_eleven())  # those without PET too
    source = next((caps / "subjects" / "sub-0006").rglob("*modulated-off_fwhm-8mm_probability.nii.gz"))
    image = nib.load(next(path for path in made if "sub-0006" in path.name))
    assert image.shape == nib.load(source).shape
    np.testing.assert_array_equal(image.affine, nib.load(source).affine)
    assert "resampled" in (place / "runs" / "adni" / "inputs.tsv").read_text()
    assert (place / "runs" / "adni" / "evaluation" / "test" / "report.html").is_file()


def test_from_bids_derivatives_or_a_table(place):
    cohort_layouts.write_bids(place / "data" / "derivatives", cohort_of_eleven())
    cohort_layouts.write_spm(place / "data", cohort_of_eleven())
    cohort_layouts.write_petprep(place / "data" / "petprep", cohort_of_eleven(), raw=place / "data" / "bids")
    assert travel("From BIDS derivatives or a table") == ["check", "train"] * 3
    inputs = (place / "runs" / "petprep" / "inputs.tsv").read_text()
    assert "smoothed with 8 mm FWHM, from 0 to 8 mm" in inputs
    assert "smoothed" not in (place / "runs" / "manifest" / "inputs.tsv").read_text(), "SPM's names say that they are"


def test_from_raw_scans(place, monkeypatch, fake_ants):  # noqa: F811
    """With an anatomy that is the identity; the real one has its own end-to-end test."""
    monkeypatch.setattr(driver, "run_isolated", in_this_process)
    monkeypatch.setattr(driver, "visit_picture", fake.quick_picture)
    monkeypatch.setattr(steps, "PACKAGES", {})
    # The stand-in's "anatomy" is no brain: its numbers are those of noise.
    for name, known in quality.MEASURES.items():
        monkeypatch.setitem(quality.MEASURES, name, known._replace(low=-math.inf, high=math.inf))
    monkeypatch.setitem(driver.preprocess.__kwdefaults__, "work", fake.fake_work)
    rows = [f"sub-{number:02d}\t{'AD' if number % 2 else 'CN'}" for number in range(1, 9)]
    raw = fake.write_raw(place / "data" / "raw", table="\n".join(["participant_id\tdiagnosis", *rows]) + "\n")
    for number in range(3, 9):
        for folder, name in (("anat", "T1w"), ("pet", "trc-18FFDG_pet")):
            path = raw / f"sub-{number:02d}" / folder / f"sub-{number:02d}_{name}.nii.gz"
            fake.write_scan(path, seed=10 * number + len(name))
    scan(place)[0].rename(raw / "sub-01" / "anat" / "sub-01_T1w.nii.gz")
    assert travel("From raw scans") == ["preprocess", "check", "train", "evaluate", "synthesize"]
    made = next((place / "data" / "synthetic").rglob("*_desc-synthetic_pet.nii.gz"))
    t1 = nib.load(raw / "sub-01" / "anat" / "sub-01_T1w.nii.gz")
    assert nib.load(made).shape == t1.shape
    np.testing.assert_array_equal(nib.load(made).affine, t1.affine)
