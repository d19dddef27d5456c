"""The same visits in every layout that README names are the same pairs."""

import numpy as np
import pytest

from pcsa_jax.data.cohort import Reading, read_cohort
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.inputs import describe_preparation, inputs_table
from pcsa_jax.data.pairs import load_pairs
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.data.splits import make_splits
from tests.data.cohort_layouts import (
    PETPREP,
    SIZE,
    write_bids,
    write_caps,
    write_cat12,
    write_manifest,
    write_petprep,
    write_spm,
)


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    root = tmp_path_factory.mktemp("layouts")
    return {
        "bids": read_cohort(write_bids(root / "bids")),
        "manifest": read_cohort(write_manifest(root / "manifest")),
        "caps": read_cohort(write_caps(root / "caps")),
        "petprep": read_cohort(
            write_petprep(root / "raw/derivatives/petprep", raw=root / "raw"), Reading(root / "raw", fwhm_mm=8.0)
        ),
        "spm": read_cohort(write_spm(root / "spm")),
        "cat12": read_cohort(
            write_cat12(root / "vbm/derivatives/CAT12.9_2550", raw=root / "vbm"), Reading(root / "vbm")
        ),
    }


@pytest.fixture(scope="module")
def pairs(cohorts):
    return {name: load_pairs(found.pairs, size=SIZE, normalisation="suvr") for name, found in cohorts.items()}


@pytest.mark.parametrize("other", ["manifest", "caps", "spm", "cat12"])
def test_the_same_pairs(cohorts, pairs, other):
    for name in ("participant_ids", "session_ids", "diagnoses"):
        assert getattr(pairs[other], name) == getattr(pairs["bids"], name)
    subjects = [[(s.name, s.diagnosis, s.pet is None) for s in cohorts[name].subjects] for name in ("bids", other)]
    assert subjects[0] == subjects[1]
    assert cohorts[other].diagnoses == cohorts["bids"].diagnoses


def test_a_manifest_gives_the_same_voxels(pairs):
    for modality in ("mri", "pet"):
        np.testing.assert_array_equal(getattr(pairs["manifest"], modality), getattr(pairs["bids"], modality))


@pytest.mark.parametrize("other", ["caps", "spm", "cat12", "petprep"])
def test_other_grids_give_the_same_voxels_but_for_the_interpolation(pairs, other):
    brain = brain_mask(Grid(SIZE))
    for modality in ("mri", "pet"):
        ours, theirs = (getattr(pairs[name], modality)[:, brain] for name in ("bids", other))
        if other == "petprep" and modality == "mri":  # one map a person: that of the first visit
            ours, theirs = np.delete(ours, 1, axis=0), np.delete(theirs, 1, axis=0)
        # A decoy differs by 0.05 or more.
        assert np.abs(ours - theirs).mean() < 0.012
        for own, his in zip(ours, theirs, strict=True):
            assert np.corrcoef(own, his)[0, 1] > 0.99


def test_what_was_done_is_said(pairs):
    assert describe_preparation(inputs_table(pairs["bids"].inputs)) == "All 12 volumes were taken as they are on disk."
    assert describe_preparation(inputs_table(pairs["caps"].inputs)) == (
        "Of 12 volumes, 12 were resampled, 12 were turned to RAS axes."
    )


def test_petprep_has_one_map_a_person_and_the_raw_scans_say_the_tracer(cohorts):
    found = cohorts["petprep"]
    assert [subject.name for subject in found.pairs] == [subject.name for subject in cohorts["bids"].pairs]
    assert {subject.mri_session_id for subject in found.pairs} == {""}
    assert {subject.pet.name.split("_", 2)[2] for subject in found.pairs} == {f"{PETPREP}_desc-preproc_pet.nii.gz"}
    assert found.seen.tracers == (("Fludeoxyglucose", 12),)
    assert [note for note in found.notes if note.startswith("Not taken")] == [
        "Not taken for GM maps, by suffix: 24 files (12 T1w, 6 dseg, 6 mask)",
        "Not taken for GM maps, by label: 12 files (6 CSF, 6 white matter)",
        "Not taken for GM maps, by space: 6 files (6 of the scan's own, without space-)",
        "Not taken for FDG-PETs, by suffix: 12 files (6 mask, 6 petref)",
        "Not taken for FDG-PETs, by space: 6 files (6 space-T1w)",
    ]


def test_names_of_spm_say_how_smooth_the_volumes_are(cohorts):
    for layout in ("spm", "cat12"):
        assert {(subject.mri_fwhm_mm, subject.pet_fwhm_mm) for subject in cohorts[layout].pairs} == {(8.0, 8.0)}


@pytest.mark.parametrize("layout", ["bids", "manifest", "caps", "petprep", "spm", "cat12"])
def test_all_visits_of_a_person_are_in_one_part(cohorts, layout):
    found = cohorts[layout]
    splits = make_splits(found.diagnoses, fold=0, num_folds=3, validation_fraction=0.4, seed=0)
    assert set(splits) == {subject.participant_id for subject in found.pairs} and len(splits) == 5
    visits = [subject.session_id for subject in found.pairs if subject.participant_id == "sub-0001"]
    assert visits == ["ses-M000", "ses-M012"], "two visits, one entry in the splits"
