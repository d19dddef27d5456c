"""A map given as a path or an image is refused in one line for what the command refuses a file for."""

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data.given_map import prepare_given
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.synthesis_inputs import find_inputs, prepare
from pcsa_jax.errors import UserError
from tests.brains import grey_matter

GRID = Grid(16)
VOXELS = grey_matter()


def image_of(voxels, affine=GRID.affine):
    return nib.Nifti1Image(np.asarray(voxels, np.float32), affine)


def with_nan():
    voxels = VOXELS.copy()
    voxels[7, 8, 7:10] = np.nan
    return voxels


def unplaced():
    image = image_of(VOXELS)
    image.set_sform(None, code=0)
    image.set_qform(None, code=0)
    return image


def refusal(given, **options):
    with pytest.raises(UserError) as caught:
        prepare_given(given, GRID, "minmax", **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_it_is_what_the_command_prepares(tmp_path):
    path = tmp_path / "sub-1_space-MNI152NLin6Asym_label-GM_probseg.nii.gz"
    image_of(VOXELS).to_filename(path)
    (source,) = find_inputs([path], fwhm_mm=None)
    expected = prepare(source, GRID, "minmax")
    for given in (path, nib.load(path), image_of(VOXELS)):
        found = prepare_given(given, GRID, "minmax")
        np.testing.assert_array_equal(found.mri, expected.mri)
        assert found.steps == expected.steps
        assert found.own_grid.shape == expected.own_grid.shape


def test_nan_outside_the_brain_is_0_from_a_file_and_from_memory(tmp_path):
    path, voxels = tmp_path / "gm.nii.gz", VOXELS.copy()
    voxels[:, :, -1] = np.nan
    image_of(voxels).to_filename(path)
    for given in (path, nib.load(path), image_of(voxels)):
        found = prepare_given(given, GRID, "minmax")
        assert (found.mri[:, :, -1] == 0).all() and found.steps == ("256 NaN outside the brain read as 0",)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (image_of(VOXELS[..., 0]), "mri: expected one 3-D volume, found shape (16, 16). Give one map at a time."),
        (image_of(np.stack([VOXELS, VOXELS], -1)), "mri: expected one 3-D volume, found shape (16, 16, 16, 2)."),
        (
            image_of(with_nan()),
            "mri: expected finite voxels, found 3 of 4096 NaN, 3 of them in the brain. Make it again",
        ),
        (image_of(5 * VOXELS), "mri: expected grey-matter probabilities from 0 to 1, found "),
        (image_of(np.ones(GRID.shape)), "mri: expected a volume with contrast, found the constant 1"),
        (image_of(VOXELS, np.diag([1.0, 1, 1, 1])), "mri: expected a volume in MNI152 space, found a field of view"),
        (unplaced(), "mri: expected an affine that places the voxels, found none."),
        (nib.Nifti1Image(VOXELS, None), "mri: expected an affine that places the voxels, found none."),
    ],
)
def test_images_that_cannot_be_used(image, message):
    assert refusal(image).startswith(message)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "expected a .nii or .nii.gz file, found a folder. Whole cohorts: python -m pcsa_jax synthesize."),
        ("map.mgz", "expected a .nii or .nii.gz file, found nothing."),
        ("sub-1_T1w.nii.gz", "expected a grey-matter map, found a T1w scan by its name."),
        (
            "sub-1_space-T1w_label-GM_probseg.nii.gz",
            "expected a grey-matter map in MNI152 space, found a map in space-T1w, by its name.",
        ),
        ("gm.nii", "expected a file, found none"),
    ],
)
def test_paths_that_cannot_be_used(tmp_path, name, message):
    assert message in refusal(tmp_path / name)


def test_a_loaded_image_is_judged_by_its_name_too(tmp_path):
    for name, message in (
        ("sub-1_T1w.nii.gz", "expected a grey-matter map, found a T1w scan by its name."),
        (
            "sub-1_space-T1w_label-GM_probseg.nii.gz",
            "expected a grey-matter map in MNI152 space, found a map in space-T1w, by its name.",
        ),
    ):
        image_of(VOXELS).to_filename(tmp_path / name)
        assert message in refusal(nib.load(tmp_path / name))


def test_a_loaded_image_whose_file_is_cut_short(tmp_path):
    path = tmp_path / "gm.nii.gz"
    image_of(VOXELS).to_filename(path)
    path.write_bytes(path.read_bytes()[:-2000])
    assert refusal(nib.load(path)).startswith("mri gm.nii.gz: expected voxels that can be read, found ")
