"""Inspecting a cohort: sound data give no problem, every fault of every file is collected, files are compared."""

import dataclasses
import gzip
import shutil
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcsa_jax.data import inspection, layout
from pcsa_jax.data.cohort import Reading, survey
from pcsa_jax.data.files import write_volume
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.inspection import TINY_NEGATIVE, describe_grid, group_grids, inspect_cohort, inspect_file
from pcsa_jax.data.nan_outside import NAN_OUTSIDE
from pcsa_jax.data.phantom.cohort import write_cohort
from tests.data.cohort_layouts import write_bids, write_caps, write_manifest
from tests.data.damaged_files import MRI_DAMAGE, PET_DAMAGE, VOXEL_DAMAGE

SIZE = 16


@pytest.fixture(scope="module")
def three(tmp_path_factory) -> Path:
    """Three pairs and one subject with an MRI only."""
    return write_cohort(tmp_path_factory.mktemp("three") / "cohort", pairs=3, mri_only=1, size=SIZE, jobs=1)


@pytest.fixture
def copied(three, tmp_path) -> Path:
    return Path(shutil.copytree(three, tmp_path / "cohort"))


def subject_of(cohort: Path, number: int = 1):
    return survey(cohort).subjects[number - 1]


def change(path: Path, edit) -> None:
    """Rewrites a volume with other voxels, on its own grid."""
    image = nib.load(path)
    write_volume(path, edit(np.asarray(image.dataobj, np.float32).copy()), image.affine)


def problems(cohort: Path):
    return inspect_cohort(survey(cohort), jobs=2).problems


@pytest.mark.parametrize("size", [16, 32, pytest.param(64, marks=pytest.mark.slow)])
def test_the_phantom_is_sound(tmp_path, size):
    cohort = write_cohort(tmp_path / "cohort", pairs=3, mri_only=1, size=size, jobs=1)
    found = inspect_cohort(survey(cohort), jobs=2)
    assert found.problems == ()
    assert len(found.files) == 4 + 3 + 3
    assert all(file.is_sound and file.shape == (size,) * 3 for file in found.files)


@pytest.mark.parametrize("write", [write_bids, write_manifest, write_caps])
def test_every_layout_is_sound(tmp_path, write):
    found = inspect_cohort(survey(write(tmp_path / "cohort")), jobs=2)
    assert found.problems == ()
    assert len(found.files) == 7 + 6


def test_what_is_told_of_a_sound_file(three):
    file = inspect_file(subject_of(three), "mri")
    data = np.asarray(nib.load(file.path).dataobj)
    assert file.findings == () and file.shape == data.shape
    assert (file.low, file.high) == (data.min(), data.max())
    np.testing.assert_allclose(file.affine, Grid(SIZE).affine)
    assert describe_grid(file) == "16x16x16 of 12 x 12 x 12 mm, RAS, from (-90, -108, -84)"


DAMAGE = [
    (modality, name, *damage)
    for modality, rows in (("mri", MRI_DAMAGE), ("pet", PET_DAMAGE), ("pet", VOXEL_DAMAGE))
    for name, damage in rows.items()
]


@pytest.mark.parametrize(("modality", "name", "spoil", "expected"), DAMAGE, ids=[f"{d[0]}: {d[1]}" for d in DAMAGE])
def test_values_are_judged(copied, modality, name, spoil, expected):
    subject = subject_of(copied)
    path = getattr(subject, modality)
    path.write_bytes(spoil(gzip.decompress(path.read_bytes())))
    found = inspect_file(subject, modality).findings
    assert [finding for finding in found if expected in finding.found and finding.remedy and not finding.is_note]


@pytest.mark.parametrize(("low", "high", "is_sound"), [(-0.049, 1.049, True), (-0.051, 1, False), (0, 1.051, False)])
def test_rounding_of_probabilities_is_forgiven(copied, low, high, is_sound):
    subject = subject_of(copied)

    def edit(data):
        data *= 0.9 / data.max()
        data[0, 0, 0], data[np.unravel_index(data.argmax(), data.shape)] = low, high
        return data

    change(subject.mri, edit)
    assert inspect_file(subject, "mri").is_sound == is_sound


def test_small_negative_uptake_is_noted_and_counted(copied):
    subject = subject_of(copied)
    change(subject.pet, lambda data: np.where(data < 0.01, np.float32(-0.05), data))
    found = inspect_cohort(survey(copied))
    assert found.problems == ()
    (note,) = [note for note in found.notes if TINY_NEGATIVE in note]
    file = next(file for file in found.files if file.path == subject.pet)
    part = file.num_negative / SIZE**3
    assert 0 < part < 1
    assert note == f"1 of 3 FDG-PETs: {TINY_NEGATIVE} (lowest -0.05, at most {part:.2%} of the voxels)"


@pytest.mark.parametrize("modality", ["mri", "pet"])
def test_nan_outside_the_brain_is_noted_and_counted(copied, modality):
    path = getattr(subject_of(copied), modality)

    def edit(data):
        data[:, 0] = np.nan
        return data

    change(path, edit)
    found = inspect_cohort(survey(copied))
    assert found.problems == ()
    name, total = {"mri": ("GM map", 4), "pet": ("FDG-PET", 3)}[modality]
    assert f"1 of {total} {name}s: {NAN_OUTSIDE} (at most 6.25% of the voxels)" in found.notes


def test_every_problem_of_every_file(copied, three):
    subjects = survey(copied).subjects
    subjects[0].mri.write_bytes(b"")
    change(subjects[1].pet, lambda data: data * 0)
    subjects[2].pet.unlink()
    subjects[2].pet.mkdir()
    change(subjects[3].mri, lambda data: data * 100)
    (copied / "participants.tsv").write_text((three / "participants.tsv").read_text().replace("\tAD\t", "\tAlz\t"))
    found = problems(copied)
    by_file = [problem for problem in found if problem.file.name != "participants.tsv"]
    assert len(found) > len(by_file)
    assert [(problem.participant_id, problem.file) for problem in by_file] == [
        ("sub-0001", subjects[0].mri), ("sub-0002", subjects[1].pet), ("sub-0003", subjects[2].pet),
        ("sub-0004", subjects[3].mri),
    ]  # fmt: skip
    for problem, told in zip(
        by_file, ("an empty file", "the constant 0", "found a folder", "from 0 to 1"), strict=True
    ):
        assert told in problem.found and problem.remedy


def test_an_absent_file_is_told_once(copied):
    path = subject_of(copied).mri
    path.unlink()
    path.symlink_to(".git/annex/objects/none")
    (problem,) = problems(copied)
    assert problem.file == path and "link to nothing" in problem.found


def test_a_file_that_disappears_after_the_survey(copied):
    found = survey(copied)
    found.subjects[0].mri.unlink()
    (problem,) = inspect_cohort(found).problems
    assert problem.found == "expected a file, found none"


def test_the_same_voxels_under_two_people(copied):
    first, second = survey(copied).subjects[:2]
    data = np.asarray(nib.load(first.pet).dataobj)
    image = nib.Nifti1Image(data.astype(np.float64), Grid(SIZE).affine)  # other bytes, the same voxels
    image.set_qform(image.affine, code=4)
    nib.save(image, second.pet)
    found = problems(copied)
    assert [(problem.participant_id, problem.found) for problem in found] == [
        ("sub-0001", f"expected voxels of its own, found those of sub-0002: {second.pet.name}"),
        ("sub-0002", f"expected voxels of its own, found those of sub-0001: {first.pet.name}"),
    ]


def test_a_pet_that_is_the_mri(copied):
    subject = subject_of(copied)
    shutil.copyfile(subject.mri, subject.pet)
    assert [problem.file for problem in problems(copied)] == [subject.mri, subject.pet]


def test_grids_may_differ_between_modalities_but_not_within(copied):
    finer = write_cohort(copied.parent / "finer", pairs=3, mri_only=1, size=32, jobs=1)
    for number in (1, 2, 3):
        person = f"sub-{number:04d}"
        shutil.copyfile(layout.pet_path(finer, person, size=32), layout.pet_path(copied, person, size=SIZE))
    assert problems(copied) == ()
    other = subject_of(copied, 2).mri
    shutil.copyfile(layout.mri_path(finer, "sub-0002", size=32), other)
    found = inspect_cohort(survey(copied), jobs=2)
    assert found.problems == () and found.notes[-1] == (
        "GM maps: 2 grids, each volume brought to the cohort's by itself: 3 on 16x16x16 of 12 x 12 x 12 mm, RAS, from "
        "(-90, -108, -84); 1 on 32x32x32 of 6 x 6 x 6 mm, RAS, from (-93, -111, -87)"
    )
    (problem,) = inspect_cohort(survey(copied), jobs=2, one_grid=True).problems
    assert problem.file == other and problem.remedy.startswith("Make all of them in one way, split the cohort, or do")
    assert problem.found == (
        "expected the grid of the cohort's other GM maps (16x16x16 of 12 x 12 x 12 mm, RAS, from (-90, -108, -84); "
        "3 files), found 32x32x32 of 6 x 6 x 6 mm, RAS, from (-93, -111, -87) (1 files)"
    )


def test_grids_are_grouped_within_a_tolerance(three):
    file = inspect_file(subject_of(three), "mri")
    files = []
    for shift in (5.0, 0.0, 5e-4):
        affine = file.affine.copy()
        affine[0, 3] += shift
        files.append(file._replace(affine=affine))
    assert group_grids(files, "mri") == [[1, 2], [0]]
    assert group_grids(files, "pet") == []


def test_threads_and_progress_change_nothing(copied):
    change(subject_of(copied, 2).pet, lambda data: data * 0)
    seen = []
    results = [
        inspect_cohort(survey(copied), jobs=jobs, progress=lambda done, total: seen.append((done, total)))
        for jobs in (1, 3)
    ]
    assert results[0].problems == results[1].problems
    assert [file.digest for file in results[0].files] == [file.digest for file in results[1].files]
    assert seen == 2 * [(done, 10) for done in range(11)]


def test_an_error_of_ours_names_the_file(three, monkeypatch):
    def fail(*arguments, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(inspection, "examine", fail)
    with pytest.raises(ZeroDivisionError) as caught:
        inspect_cohort(survey(three))
    assert caught.value.__notes__ == [f"while inspecting {subject_of(three).mri}"]


def test_how_many_volumes_of_unknown_smoothness_and_what_is_taken(tmp_path):
    table = write_manifest(tmp_path / "cohort")
    text = table.read_text().replace("\t8\t8\n", "\tn/a\t8\n")
    table.write_text(text)
    notes = inspect_cohort(survey(table), jobs=2).notes
    assert (
        "7 of 7 GM maps: nobody says what they were smoothed with (name, SmoothingFWHM, manifest), taken as smoothed "
        "to 8 mm, as they lie on a grid of this software; --fwhm=MM, in a training data.fwhm_mm, says otherwise"
        in notes
    )
    assert not [
        note for note in inspect_cohort(survey(table, Reading(fwhm_mm=8)), jobs=2).notes if "nobody says" in note
    ]
    assert not [note for note in notes if "FDG-PETs: nobody says" in note]


def test_nobody_to_inspect(three):
    found = inspect_cohort(dataclasses.replace(survey(three), subjects=()))
    assert found.files == () and len(found.problems) == 1
    assert found.problems[0].found.startswith("expected visits with a GM map, an FDG-PET and the diagnosis AD or CN, ")


def test_nothing_is_written(copied):
    before = {path: path.stat().st_mtime_ns for path in copied.rglob("*")}
    inspect_cohort(survey(copied))
    assert {path: path.stat().st_mtime_ns for path in copied.rglob("*")} == before


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(st.integers(0, 351), st.integers(0, 255)), min_size=1, max_size=4))
def test_random_edits_of_a_header_never_raise(three, tmp_path, edits):
    subject = subject_of(three)
    spoilt = bytearray(gzip.decompress(subject.mri.read_bytes()))
    for place, value in edits:
        spoilt[place] = value
    path = tmp_path / "map.nii"
    path.write_bytes(spoilt)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        file = inspect_file(dataclasses.replace(subject, mri=path), "mri")
    for finding in file.findings:
        assert "\n" not in finding.found and (finding.is_note or finding.remedy)
    assert not file.is_sound or (file.shape == (SIZE,) * 3 and file.affine is not None and file.low is not None)
