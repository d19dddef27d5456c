"""What is said of one image: in the unit of its PET, with what is missing, and in the words of the file."""

import errno
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.demographics import Person
from pcsa_jax.data.derivatives import CALIBRATION, TABLE
from pcsa_jax.data.given_files import Input
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.normalisation import PetScale
from pcsa_jax.data.pairs import load_pairs
from pcsa_jax.data.regional_values import measure_regions
from pcsa_jax.data.trust.statistics import VALUES, Trust
from pcsa_jax.errors import UserError
from pcsa_jax.synthesis import judging
from pcsa_jax.synthesis.generators import Synthetic
from pcsa_jax.synthesis.judging import (
    assess_map,
    describe_judged,
    judge_pet,
    trivial_volumes,
    write_familiarity,
)
from tests.conftest import SIZE

GRID = Grid(SIZE)


@pytest.fixture(scope="module")
def pairs(cohort):
    return load_pairs(read_cohort(cohort).pairs[:2], size=SIZE, normalisation="minmax")


def source(**person):
    return Input(Path("sub-1_probseg.nii.gz"), "sub-1", "ses-2", {}, None, person=Person(**person))


def ensemble(trust, low=0.0, high=1.0):
    scale = PetScale((low, high), "SUVR", "uptake")
    return SimpleNamespace(trust=trust, scale=scale, grid=GRID, calibration="c" * 64)


def test_a_map_outside_is_refused_where_that_is_asked_for(tiny_trust, pairs):
    sound, upside_down = pairs.mri[0], pairs.mri[0][:, :, ::-1]
    assert assess_map(source(), sound, tiny_trust, refuse_outside=True).verdict == "as trained"
    assert assess_map(source(), upside_down, tiny_trust, refuse_outside=False).verdict == "outside"
    assert assess_map(source(), upside_down, Trust(), refuse_outside=False) is None
    with pytest.raises(UserError) as told:
        assess_map(source(), upside_down, tiny_trust, refuse_outside=True)
    text = str(told.value)
    assert text.startswith(
        "sub-1 ses-2: sub-1_probseg.nii.gz: expected a map like those that the generator was trained on, found one "
        "outside of them ("
    )
    assert "95 % in training" in text and text.endswith("--refuse-outside its PET is made and marked.")
    assert "\n" not in text


def test_intervals_and_regions_are_in_the_unit_of_the_pet(tiny_trust, pairs):
    pet = pairs.pet[0]
    plain, suvr = (
        judge_pet(source(age=70.0, sex="F"), None, Synthetic(high * pet, None), ensemble(tiny_trust, 0, high),
                  sure=True, normal=True)
        for high in (1.0, 3.0)
    )  # fmt: skip
    np.testing.assert_allclose(suvr.low, 3 * plain.low, atol=1e-5)
    np.testing.assert_allclose(suvr.high, 3 * plain.high, atol=1e-5)
    np.testing.assert_allclose(suvr.z, plain.z, atol=1e-2)  # a ratio to the reference region: of no unit
    assert (plain.low <= plain.high).all() and (plain.low >= 0).all()
    values = measure_regions(3 * pet, GRID)
    for region, (low, high) in suvr.regions.items():
        one = plain.regions[region]
        assert low.left == pytest.approx(3 * one[0].left) and high.right == pytest.approx(3 * one[1].right)
        assert low.left_to_pons == pytest.approx(one[0].left_to_pons)
        assert high.asymmetry == pytest.approx(one[1].asymmetry, abs=1e-3)
        assert high.left - low.left > 0 and low.left - 3 < values[region].left < high.left + 3
    assert set(suvr.regions) == set(values)


def test_regional_errors_of_another_version_are_left_out(tiny_trust, pairs):
    other = tiny_trust._replace(about={**tiny_trust.about, VALUES: ["x"] * len(tiny_trust.about[VALUES])})
    found = judge_pet(source(), None, Synthetic(pairs.pet[0], None), ensemble(other), sure=True, normal=False)
    assert found.regions == {} and found.low is not None


def test_only_what_is_asked_for_and_known_is_said(tiny_trust, pairs):
    synthetic = Synthetic(pairs.pet[0], None)
    nothing = judge_pet(source(), None, synthetic, ensemble(tiny_trust), sure=False, normal=False)
    unknown = judge_pet(source(), None, synthetic, ensemble(Trust()), sure=True, normal=True)
    for found in (nothing, unknown):
        assert found.low is found.high is found.z is found.assessment is None and found.regions == {}


def test_what_the_z_map_lacks_is_noted(tiny_trust, pairs):
    def notes(pet=pairs.pet[0], **person):
        own = ensemble(tiny_trust)
        return judge_pet(source(**person), None, Synthetic(pet, None), own, sure=False, normal=True).z_notes

    assert notes(age=70.0, sex="F") == ()
    assert notes() == (
        "age not known: the norm is that of 72 years, the CN people's mean",
        "sex not known: the norm is that of the CN people's mix of women and men",
    )
    assert notes(age=30.0, sex="M") == ("age 30 outside of the CN people's 60 to 83 years: extrapolated",)
    assert notes(np.zeros_like(pairs.pet[0]), age=70.0, sex="M")[0].startswith("no z-map: the reference region")


def test_the_sidecar_holds_what_is_known_and_what_is_not(tiny_trust, pairs):
    own = ensemble(tiny_trust)
    assessment = tiny_trust.familiarity.assess(pairs.mri[0])
    judged = judge_pet(source(), assessment, Synthetic(pairs.pet[0], None), own, sure=True, normal=True)
    card = json.loads(json.dumps(describe_judged(judged, own), allow_nan=False))
    assert set(card) == {CALIBRATION, "Familiarity", "Intervals", "ZMap"}
    assert card["Familiarity"]["Verdict"] == "as trained" and card["Familiarity"]["Reasons"] == []
    assert card["Intervals"] == {
        "Level": 0.9, "CalibrationSubjects": 24, "ScaledBySD": False,
        "Description": tiny_trust.intervals.describe(),
    }  # fmt: skip
    assert card["ZMap"]["Subjects"] == 24 and card["ZMap"]["Covariates"] == ["age", "sex"]
    assert len(card["ZMap"]["Notes"]) == 2
    without = SimpleNamespace(trust=Trust(), calibration="")
    lacking = describe_judged(judge_pet(
        source(), None, Synthetic(pairs.pet[0], None), ensemble(Trust()), sure=True, normal=True), without)  # fmt: skip
    assert lacking == {"NotKnown": Trust().missing()}


def test_trivial_predictors_are_shown_in_the_unit_of_the_pet(tiny_trust, pairs):
    plain, suvr = (trivial_volumes(tiny_trust, pairs.mri[0], PetScale((0, high), "u", "m")) for high in (1, 3))
    assert list(plain) == ["voxel-wise linear", "mean PET"]
    for name, volume in plain.items():
        np.testing.assert_allclose(suvr[name], 3 * volume, rtol=1e-6)
    assert trivial_volumes(Trust(), pairs.mri[0], PetScale((0, 1), "u", "m")) == {}


def sidecar(root, who, content):
    path = root / who / "pet" / f"{who}_trc-18FFDG_desc-synthetic_pet.json"
    path.parent.mkdir(parents=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def entry(oddity, **changes):
    found = {"Verdict": "outside", "Percentile": 100.0, "Oddity": oddity, "Reasons": ["=a", "b"]}
    return {"Familiarity": found | changes}


def test_the_table_lists_the_oddest_first_and_survives_any_sidecar(tmp_path):
    sidecar(tmp_path, "sub-1", entry(0.5, Verdict="as trained", Reasons=[]))
    sidecar(tmp_path, "sub-2", entry(3.25))
    damaged = ("{", {}, {"Familiarity": None}, entry(None), entry("9"), entry(1, Reasons=None), "[1]")
    for number, odd in enumerate(damaged):
        sidecar(tmp_path, f"sub-odd{number}", odd)
    write_familiarity(tmp_path)
    lines = [line.split("\t") for line in (tmp_path / TABLE).read_text().splitlines()]
    assert lines[0] == ["file", "verdict", "percentile", "oddity", "reasons"]
    assert [line[0].split("/")[0] for line in lines[1:]] == ["sub-2", "sub-1"]
    assert lines[1][1:4] == ["outside", "100.0", "3.25"]
    assert lines[1][4] == "'=a; b", "no spreadsheet computes it"
    assert lines[1][0].endswith("_pet.nii.gz")


def test_without_anything_known_there_is_no_table(tmp_path):
    sidecar(tmp_path, "sub-1", {})
    (tmp_path / TABLE).write_text("of an earlier start")
    write_familiarity(tmp_path)
    assert not (tmp_path / TABLE).exists()


def test_a_full_disk_is_told_in_one_line(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(judging, "write_text", refuse)
    sidecar(tmp_path, "sub-1", entry(1.0))
    with pytest.raises(UserError, match=rf"{TABLE}: could not be written \(No space left on device\)\. Make room"):
        write_familiarity(tmp_path)
