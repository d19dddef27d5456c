"""Pairs in memory: rows in order, intensities in [0, 1], and whose file is at fault."""

import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data import layout
from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.normalisation import MAX_SUVR, IntensityRange
from pcsa_jax.data.pairs import load_pairs
from pcsa_jax.data.regions import reference_weights
from pcsa_jax.errors import UserError
from tests.conftest import ROOT

SIZE = 16


def load(subjects, **changes):
    return load_pairs(subjects, **({"size": SIZE, "normalisation": "minmax"} | changes))


def stored(path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj, np.float32)


@pytest.fixture(scope="module")
def subjects(cohort):
    return read_cohort(cohort).pairs


@pytest.fixture(scope="module")
def pairs(subjects):
    return load(subjects, predictable=True)


def test_rows_are_the_subjects_in_their_order(subjects, pairs):
    assert len(pairs) == 12
    assert pairs.participant_ids == tuple(subject.participant_id for subject in subjects)
    assert pairs.diagnoses == tuple(subject.diagnosis for subject in subjects)
    assert pairs.session_ids == ("",) * 12
    reverse = load(subjects[::-1])
    assert reverse.participant_ids == pairs.participant_ids[::-1]
    np.testing.assert_array_equal(reverse.pet, pairs.pet[::-1])


def test_every_volume_fills_the_unit_interval(pairs):
    for volumes in (pairs.mri, pairs.pet):
        assert volumes.shape == (12, SIZE, SIZE, SIZE) and volumes.dtype == np.float32
        np.testing.assert_array_equal(volumes.min(axis=(1, 2, 3)), 0)
        np.testing.assert_array_equal(volumes.max(axis=(1, 2, 3)), 1)


def test_the_ranges_give_the_file_s_values_back(subjects, pairs):
    for row, subject in enumerate(subjects):
        np.testing.assert_allclose(pairs.pet_ranges[row].restore(pairs.pet[row]), stored(subject.pet), atol=1e-5)


def test_the_predictable_part_lies_in_the_real_pet_s_range(subjects, pairs):
    for row, subject in enumerate(subjects[:3]):
        real = stored(subject.pet)
        expected = np.clip((stored(subject.predictable) - real.min()) / np.ptp(real), 0, 1)
        np.testing.assert_allclose(pairs.predictable[row], expected, atol=1e-6)


def test_the_predictable_part_in_its_own_range(subjects, pairs):
    for row, subject in enumerate(subjects[:3]):
        volume = stored(subject.predictable)
        np.testing.assert_allclose(pairs.predictable_own[row], (volume - volume.min()) / np.ptp(volume), atol=1e-6)
    assert not np.allclose(pairs.predictable_own, pairs.predictable, atol=1e-3)


def test_the_own_range_is_that_of_the_normalisation(subjects):
    found = load(subjects[:2], normalisation="suvr", predictable=True)
    weights = reference_weights(Grid(SIZE), "pons")
    means = (found.predictable_own * weights).sum(axis=(1, 2, 3)) / weights.sum()
    np.testing.assert_allclose(means, 1 / MAX_SUVR, rtol=1e-5)
    assert np.abs((found.predictable * weights).sum(axis=(1, 2, 3)) / weights.sum() - 1 / MAX_SUVR).min() > 1e-4


def test_percentile_applies_to_the_pet_only(subjects, pairs):
    found = load(subjects, normalisation="percentile")
    np.testing.assert_array_equal(found.mri, pairs.mri)
    assert found.pet_ranges[0] == IntensityRange(0.0, float(np.percentile(stored(subjects[0].pet), 99.9)))


def test_take_gives_rows_in_the_order_asked_for(pairs):
    found = pairs.take([5, 0, 2])
    assert found.participant_ids == ("sub-0006", "sub-0001", "sub-0003")
    assert found.diagnoses == tuple(pairs.diagnoses[row] for row in (5, 0, 2))
    assert found.pet_ranges[0] == pairs.pet_ranges[5]
    for name in ("mri", "pet", "predictable", "predictable_own"):
        np.testing.assert_array_equal(getattr(found, name), getattr(pairs, name)[[5, 0, 2]])


def test_progress_counts_the_subjects(subjects):
    calls = []
    load(subjects[:3], progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_without_one_predictable_part_there_is_none(copy_of_cohort):
    layout.pet_path(copy_of_cohort, "sub-0002", size=SIZE, desc="predictable").unlink()
    found = load(read_cohort(copy_of_cohort).pairs[:3], predictable=True)
    assert found.predictable is found.predictable_own is None and len(found) == 3


def test_the_predictable_parts_are_read_only_if_asked_for(copy_of_cohort, overwrite):
    overwrite(layout.pet_path(copy_of_cohort, "sub-0002", size=SIZE, desc="predictable"), "not a volume")
    assert load(read_cohort(copy_of_cohort).pairs[:3]).predictable is None
    with pytest.raises(UserError, match="sub-0002: predictable PET: expected a readable NIfTI file"):
        load(read_cohort(copy_of_cohort).pairs[:3], predictable=True)


def test_a_subject_without_pet_is_told(cohort):
    with pytest.raises(UserError) as caught:
        load(read_cohort(cohort).subjects[-1:])
    assert str(caught.value) == (
        "sub-0014: PET: expected a PET beside the MRI, found none. Train on subjects with both."
    )


def test_another_size_is_resampled_and_said(subjects):
    found = load(subjects[:1], size=32)
    assert found.mri.shape == (1, 32, 32, 32)
    assert [source.steps for source in found.inputs] == [
        ("resampled from 16x16x16 voxels of 12 x 12 x 12 mm to 32^3 voxels of 6 mm",)
    ] * 2


def test_what_was_read_is_recorded(subjects, pairs):
    assert len(pairs.inputs) == 2 * len(pairs)
    mri, pet = pairs.inputs[2:4]
    assert (mri.name, mri.modality, mri.file, mri.steps) == ("sub-0002", "mri", subjects[1].mri, ())
    assert (pet.modality, pet.file, pet.shape) == ("pet", subjects[1].pet, (SIZE,) * 3)
    assert (pet.low, pet.high) == pairs.pet_ranges[1]
    assert pairs.take([1]).inputs == (mri, pet)


@pytest.mark.parametrize("modality", ["mri", "pet"])
def test_nan_outside_the_brain_is_0_and_recorded(copy_of_cohort, modality):
    (subject,) = read_cohort(copy_of_cohort).pairs[:1]
    path, clean = getattr(subject, modality), load([subject])
    data = stored(path)
    data[-1] = np.nan
    path.unlink()
    nib.save(nib.Nifti1Image(data, Grid(SIZE).affine), path)
    found = load([subject])
    np.testing.assert_allclose(getattr(found, modality)[0, :-1], getattr(clean, modality)[0, :-1], atol=1e-6)
    assert (getattr(found, modality)[0, -1] == getattr(found, modality).min()).all()
    steps = {source.modality: source.steps for source in found.inputs}
    assert steps == {"mri": (), "pet": (), modality: ("256 NaN outside the brain read as 0",)}


def test_two_grids_in_one_modality_are_told_with_their_groups(copy_of_cohort):
    for person in ("sub-0003", "sub-0005"):
        path = layout.pet_path(copy_of_cohort, person, size=SIZE)
        data = stored(path)[:, 1:-1]
        affine = Grid(SIZE).affine @ nib.affines.from_matvec(np.eye(3), [0, 1, 0])
        path.unlink()
        nib.save(nib.Nifti1Image(data, affine), path)
    subjects = read_cohort(copy_of_cohort).pairs
    assert load(subjects).pet.shape == (len(subjects), *Grid(SIZE).shape)
    with pytest.raises(UserError) as caught:
        load(subjects, one_grid=True)
    assert str(caught.value) == (
        "PET: expected one grid for the whole cohort, found 2: 10 of 16x16x16 voxels of 12x12x12 mm, RAS, first at "
        "(-90, -108, -84) mm (sub-0001, sub-0002, sub-0004, sub-0006, sub-0007, ...); 2 of 16x14x16 voxels of 12x12x12 "
        "mm, RAS, first at (-90, -96, -84) mm (sub-0003, sub-0005). Prepare all "
        "volumes alike, make one cohort of each group, or do not ask for one grid (data.one_grid)."
    )


def test_a_scan_in_its_own_space_is_told(copy_of_cohort):
    path = layout.pet_path(copy_of_cohort, "sub-0003", size=SIZE)
    data = stored(path)
    path.unlink()
    nib.save(nib.Nifti1Image(data, Grid(32).affine), path)
    with pytest.raises(UserError, match="sub-0003: PET: expected a volume in MNI152 space, found a field of view"):
        load(read_cohort(copy_of_cohort).pairs)


def test_suvr_keeps_ratios_between_people_that_minmax_loses(subjects):
    found = load(subjects[:4], normalisation="suvr")
    weights = reference_weights(Grid(SIZE), "pons")
    means = (found.pet * weights).sum(axis=(1, 2, 3)) / weights.sum()
    np.testing.assert_allclose(means, 1 / MAX_SUVR, rtol=1e-5)
    for row, subject in enumerate(subjects[:4]):
        np.testing.assert_allclose(found.pet_ranges[row].restore(found.pet[row]), stored(subject.pet), atol=1e-5)
    other = load(subjects[:4], normalisation="suvr", reference_region="cerebellum")
    assert not np.allclose(other.pet, found.pet, atol=1e-3)
    np.testing.assert_array_equal(found.mri, load(subjects[:4]).mri)


def test_the_common_case_does_not_import_nilearn(cohort):
    script = (
        "import sys\nfrom pcsa_jax.data.cohort import read_cohort\nfrom pcsa_jax.data.pairs import load_pairs\n"
        f"load_pairs(read_cohort({str(cohort)!r}).pairs, size={SIZE}, normalisation='suvr')\n"
        "sys.exit('nilearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0


def test_a_constant_map_is_told(copy_of_cohort):
    path = layout.mri_path(copy_of_cohort, "sub-0003", size=SIZE)
    path.unlink()
    nib.save(nib.Nifti1Image(np.zeros(Grid(SIZE).shape, np.float32), Grid(SIZE).affine), path)
    with pytest.raises(UserError, match="sub-0003: MRI: expected a volume with contrast, found the constant 0"):
        load(read_cohort(copy_of_cohort).pairs)


def test_a_truncated_file_is_told_with_its_path(copy_of_cohort, overwrite):
    path = layout.pet_path(copy_of_cohort, "sub-0004", size=SIZE)
    overwrite(path, path.read_bytes()[:2000])
    with pytest.raises(UserError, match="sub-0004: PET: expected a readable NIfTI file") as caught:
        load(read_cohort(copy_of_cohort).pairs)
    assert str(path) in str(caught.value)


def test_a_predictable_part_of_another_shape_is_told(copy_of_cohort):
    path = layout.pet_path(copy_of_cohort, "sub-0001", size=SIZE, desc="predictable")
    path.unlink()
    nib.save(nib.Nifti1Image(np.arange(8, dtype=np.float32).reshape(2, 2, 2), Grid(SIZE).affine), path)
    with pytest.raises(UserError, match="sub-0001: predictable PET: expected a volume in MNI152 space"):
        load(read_cohort(copy_of_cohort).pairs[:1], predictable=True)
