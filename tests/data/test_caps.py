"""Clinica's CAPS: one variant for everybody, by a stated ranking."""

import shutil
from pathlib import Path

import pytest

from pcsa_jax.data.cohort import Reading, read_cohort, survey
from pcsa_jax.data.files import write_text
from tests.data.cohort_layouts import write_caps

MRI = "T1w_segm-graymatter_space-Ixi549Space_modulated"
PET = "pet_space-Ixi549Space"


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    return write_caps(tmp_path_factory.mktemp("caps") / "caps")


@pytest.fixture
def caps(written, tmp_path):
    """A copy of names, with empty files: no volume is opened."""

    def touch(source, target):
        if source.endswith(".nii.gz"):
            Path(target).touch()
        else:
            shutil.copy(source, target)

    return Path(shutil.copytree(written, tmp_path / "caps", copy_function=touch))


def remove(root, text):
    found = [path for path in root.rglob("*.nii.gz") if text in path.name]
    assert found
    for path in found:
        path.unlink()


def test_the_stand_in_is_read_by_the_ranking(caps):
    found = read_cohort(caps)
    assert (found.layout, found.reason) == ("Clinica CAPS", "it holds subjects/sub-* folders")
    assert [subject.name for subject in found.pairs][:2] == ["sub-0001 ses-M000", "sub-0001 ses-M012"]
    assert len(found.subjects) == 7 and len(found.pairs) == 6 and not found.is_phantom
    first = found.subjects[0]
    assert first.mri.name == f"sub-0001_ses-M000_{MRI}-off_fwhm-8mm_probability.nii.gz"
    assert first.mri.parent.name == "group-all"
    assert first.pet.name == f"sub-0001_ses-M000_trc-18FFDG_{PET}_suvr-pons_mask-brain_fwhm-8mm_pet.nii.gz"
    assert (first.mri_fwhm_mm, first.pet_fwhm_mm) == (8, 8)
    assert found.notes[:2] == (
        "GM map: modulated-off, smoothed to 8 mm, DARTEL group-all is read (7 visits); also there: modulated-off, not "
        "smoothed, DARTEL group-all (7 visits); modulated-off, not smoothed, segmentation (7 visits); modulated-on, "
        "smoothed to 8 mm, DARTEL group-all (7 visits)",
        "FDG-PET: suvr-pons, masked, smoothed to 8 mm, group-all is read (6 visits); also there: suvr-pons, masked, "
        "not smoothed, group-all (6 visits); suvr-cerebellumPons, masked, smoothed to 8 mm, group-all (6 visits); "
        "pvc-rbv, suvr-pons, masked, smoothed to 8 mm, group-all (6 visits)",
    )
    assert found.notes[3:] == (
        "Not taken for GM maps, by label: 7 files (7 white matter)",
        "Not taken for FDG-PETs, by tracer: 6 files (6 trc-18FAV45)",
        "Not taken for FDG-PETs, by suvr: 6 files (6 not divided by a reference region)",
        "Not trained on: 1 visit without a PET (sub-0006 ses-M000)",
    )


def test_the_next_in_rank_is_taken_where_the_first_is_not_there(caps):
    remove(caps, f"{MRI}-off_fwhm-8mm")
    remove(caps, "Space_suvr-pons_mask-brain_fwhm-8mm")
    first = read_cohort(caps).subjects[0]
    assert first.mri.name.endswith(f"{MRI}-off_probability.nii.gz") and first.mri.parent.name == "group-all"
    assert first.pet.name.endswith("suvr-pons_mask-brain_pet.nii.gz")
    assert (first.mri_fwhm_mm, first.pet_fwhm_mm) == (0, 0)


def test_the_segmentation_s_maps_are_read_without_dartel(caps):
    for path in list(caps.glob("subjects/*/*/t1/spm/dartel")):
        shutil.rmtree(path)
    assert read_cohort(caps).subjects[0].mri.parent.name == "normalized_space"


def test_modulated_maps_alone_are_read_and_said(caps):
    remove(caps, f"{MRI}-off")
    found = read_cohort(caps)
    assert "modulated-on" in found.subjects[0].mri.name
    assert "GM map: the modulated one is read, whose values are volumes, not probabilities" in found.notes


def test_a_visit_that_lacks_the_variant_is_a_problem(caps):
    found = next(path for path in caps.rglob(f"sub-0003*{MRI}-off_fwhm-8mm*"))
    found.unlink()
    (problem,) = survey(caps).problems
    assert (problem.participant_id, problem.session_id) == ("sub-0003", "ses-M000")
    assert problem.found.startswith(
        "expected the GM map in the cohort's variant (modulated-off, smoothed to 8 mm, DARTEL group-all), found only "
    )
    assert problem.remedy == "Make it in that variant too, or write a manifest of the visits to use"


def test_a_second_group_is_not_mixed_in(caps):
    for path in list(caps.rglob("group-all")):
        shutil.copytree(path, path.with_name("group-ADNI"))
    found = read_cohort(caps)
    assert {subject.mri.parent.name for subject in found.subjects} == {"group-ADNI"}
    assert {subject.pet.parent.name for subject in found.pairs} == {"group-ADNI"}


@pytest.mark.parametrize(("tracer", "pairs"), [("trc-18FAV45", 0), ("acq-fdg", 6), ("trc-18FFDG_rec-acdyn", 6)])
def test_the_tracer_is_looked_at(caps, tracer, pairs):
    for path in caps.rglob("*trc-18FFDG*"):
        path.rename(path.with_name(path.name.replace("trc-18FFDG", tracer)))
    assert len(read_cohort(caps).pairs) == pairs


def test_tables_of_the_bids_folder_are_read_where_they_are(caps, tmp_path):
    bids = tmp_path / "bids"
    write_text(bids / "participants.tsv", "participant_id\tsex\tdiagnosis_sc\n" + "".join(
        f"sub-000{n}\tF\t{diagnosis}\n" for n, diagnosis in enumerate(("EMCI", "CN", "AD", "LMCI", "SMC", "n/a"), 1)
    ))  # fmt: skip
    write_text(bids / "sub-0001" / "sub-0001_sessions.tsv", "session_id\tdiagnosis\nses-M000\tMCI\nses-M012\tAD\n")
    found = read_cohort(caps, Reading(bids))
    assert [subject.diagnosis for subject in found.subjects] == ["MCI", "AD", "CN", "AD", "LMCI", "SMC", ""]
    assert found.diagnoses == {"sub-0001": "AD", "sub-0002": "CN", "sub-0003": "AD"}
    assert found.notes[-1] == (
        "Not trained on: 4 visits neither AD nor CN (1 without a diagnosis, 1 LMCI, 1 MCI, 1 SMC)"
    )


def test_no_table_says_what_to_write(caps):
    (caps / "participants.tsv").unlink()
    found = survey(caps)
    assert str(found.problems[0]) == (
        f"{caps}: expected participants.tsv (participant_id, diagnosis: AD, CN, MCI, ... or n/a), found none. Copy "
        "that of the BIDS folder here, or set --config.data.participants to the BIDS folder."
    )
    assert len(found.subjects) == 7, "the volumes can still be checked"


def test_no_maps_says_what_to_run(caps):
    for path in list(caps.glob("subjects/*/*/t1")):
        shutil.rmtree(path)
    assert "Run clinica run t1-volume" in str(survey(caps).problems[0])


def test_volumes_of_other_formats_are_counted(caps):
    first = next(caps.rglob(f"*{MRI}-off_fwhm-8mm*"))
    scan = next(caps.rglob("*_suvr-pons_mask-brain_fwhm-8mm_pet.nii.gz"))
    (first.parent / "a.mgz").touch()
    (scan.parent / "b.hdr").touch()
    notes = read_cohort(caps).notes
    assert any(
        note.startswith("Not taken for GM maps, by format: 1 file (1 a FreeSurfer volume: mri_conv") for note in notes
    )
    assert any(
        note.startswith("Not taken for FDG-PETs, by format: 1 file (1 one file of a pair (.hdr") for note in notes
    )


def test_maps_of_another_format_alone_are_told_with_what_converts_them(caps):
    for path in list(caps.glob("subjects/*/*/t1/**/*.nii.gz")):
        path.rename(path.with_name(path.name.replace(".nii.gz", ".mgz")))
    told = str(survey(caps).problems[0])
    assert "_probability.nii.gz), found only volumes of other formats. Of these, " in told and "mri_convert" in told


def test_files_of_someone_else_are_a_problem(caps):
    path = next(caps.rglob(f"sub-0002*{MRI}-off_fwhm-8mm*"))
    path.rename(path.with_name(path.name.replace("sub-0002", "sub-0003")))
    assert any("begins with sub-0002_ses-M000_" in problem.found for problem in survey(caps).problems)
