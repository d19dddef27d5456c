"""Volumes come back to a file's own grid: turned axes voxel for voxel, other grids where the world says."""

import itertools

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.harmonisation import harmonise
from pcsa_jax.data.own_grid import OwnGrid
from pcsa_jax.data.volumes import read_volume

GRID = Grid(32)
TURNS = [
    "".join(code if not flipped else "LPI"["RAS".index(code)] for code, flipped in zip(axes, flips, strict=True))
    for axes in itertools.permutations("RAS")
    for flips in itertools.product((False, True), repeat=3)
]


def blob(points):
    """A smooth function of MNI152 coordinates (mm), about 40 mm wide, off centre in every axis."""
    return np.exp(-(((points - np.array([12.0, -30.0, 16.0])) / 20) ** 2).sum(axis=-1)).astype(np.float32)


def points_of(shape, affine):
    return nib.affines.apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))


def saved(tmp_path, data, affine, *, kind=nib.Nifti1Image, codes=(4, 4)):
    image = kind(data, affine)
    image.set_qform(affine, code=codes[0])
    image.set_sform(affine, code=codes[1])
    path = tmp_path / "map.nii.gz"
    image.to_filename(path)
    return path


def rotation(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


@pytest.mark.parametrize("codes", TURNS)
def test_turned_axes_there_and_back_change_no_voxel(tmp_path, codes):
    data = np.random.default_rng(0).random(GRID.shape, np.float32)
    image = nib.Nifti1Image(data, GRID.affine)
    turn = nib.orientations.ornt_transform(nib.io_orientation(GRID.affine), nib.orientations.axcodes2ornt(codes))
    turned = image.as_reoriented(turn)
    path = saved(tmp_path, np.asarray(turned.dataobj), turned.affine)
    own = OwnGrid.of(path)
    assert own.is_turned(GRID)
    np.testing.assert_array_equal(own.bring(data, GRID), np.asarray(turned.dataobj))
    harmonised = harmonise(read_volume(path, subject="x"), GRID, fwhm_mm=8, subject="x").data
    np.testing.assert_array_equal(own.bring(harmonised, GRID), np.asarray(turned.dataobj))


def other_grids():
    fine = np.diag([-1.5, 2.0, 2.5, 1.0])
    fine[:3, 3] = 80, -110, -70
    oblique = np.eye(4)
    oblique[:3, :3] = rotation(17) @ np.diag([-3.0, 3.0, 3.5])
    oblique[:3, 3] = 70, -90, -80
    sideways = np.zeros((4, 4))  # axes I, R, P: neither flipped nor cubic
    sideways[[2, 0, 1], [0, 1, 2]] = -4.0, 4.0, -4.0
    sideways[:, 3] = -80, 70, 90, 1
    return {"LAS": ((70, 80, 60), fine), "oblique": ((50, 61, 40), oblique), "IRP": ((40, 36, 44), sideways)}


@pytest.mark.parametrize("name", other_grids())
def test_other_grids_get_what_lies_at_their_voxels_in_the_world(tmp_path, name):
    shape, affine = other_grids()[name]
    own = OwnGrid.of(saved(tmp_path, np.zeros(shape, np.float32), affine))
    assert not own.is_turned(GRID)
    brought = own.bring(blob(points_of(GRID.shape, GRID.affine)), GRID)
    assert brought.shape == shape
    np.testing.assert_allclose(brought, blob(points_of(shape, affine)), atol=4e-3)


def test_outside_of_the_field_of_view_is_zero(tmp_path):
    affine = np.diag([8.0, 8.0, 8.0, 1.0])
    affine[:3, 3] = -200
    own = OwnGrid.of(saved(tmp_path, np.zeros((50, 48, 46), np.float32), affine))
    brought = own.bring(np.ones(GRID.shape, np.float32), GRID)
    in_grid = nib.affines.apply_affine(np.linalg.inv(GRID.affine), points_of(own.shape, affine))
    outside = ((in_grid < -0.5) | (in_grid > GRID.size - 0.5)).any(axis=-1)
    inside = ((in_grid >= 0) & (in_grid <= GRID.size - 1)).all(axis=-1)
    assert outside.any() and (brought[outside] == 0).all()
    np.testing.assert_allclose(brought[inside], 1, atol=1e-5)


def test_a_grid_shifted_by_half_a_voxel_is_another(tmp_path):
    affine = GRID.affine
    affine[0, 3] += GRID.voxel_size_mm / 2
    assert not OwnGrid.of(saved(tmp_path, np.zeros(GRID.shape, np.float32), affine)).is_turned(GRID)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("codes", [(1, 4), (0, 2), (3, 0)])
def test_the_header_keeps_both_forms_and_their_codes(tmp_path, kind, codes):
    shape, affine = other_grids()["oblique"]
    path = saved(tmp_path, np.zeros(shape, np.int16), affine, kind=kind, codes=codes)
    before = nib.load(path)
    image = OwnGrid.of(path).encode(np.ones(shape, np.float32))
    image.to_filename(tmp_path / "out.nii.gz")
    after = nib.load(tmp_path / "out.nii.gz")
    np.testing.assert_array_equal(after.affine, before.affine)
    for form in ("qform", "sform"):
        ours, code = getattr(after, f"get_{form}")(coded=True)
        theirs, other = getattr(before, f"get_{form}")(coded=True)
        assert code == other
        np.testing.assert_array_equal(ours, theirs)
    assert after.get_data_dtype() == np.float32
    assert after.header.get_xyzt_units() == before.header.get_xyzt_units()
    assert (np.asarray(after.dataobj) == 1).all()


def test_one_volume_of_four_dimensions_is_a_volume(tmp_path):
    affine = np.diag([6.0, 6, 6, 1])
    own = OwnGrid.of(saved(tmp_path, np.zeros((20, 24, 22, 1), np.float32), affine))
    assert own.encode(own.bring(np.ones(GRID.shape), GRID)).shape == (20, 24, 22)
    assert own.describe() == "20 x 24 x 22 voxels of 6 x 6 x 6 mm, the input's own grid"
