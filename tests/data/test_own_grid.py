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


SIZES = (16, 32, 48, 64)


def millimetres(codes, *, shift=0.0, step=4.0, count=55):
    """A grid of ``step`` mm around the field of view, its voxels stored along the axes ``codes``."""
    affine = np.diag([step] * 3 + [1.0])
    affine[:3, 3] = np.array([0, -18, 6]) - step * (count - 1) / 2 + shift
    turn = nib.orientations.axcodes2ornt(codes)
    return (count,) * 3, affine @ nib.orientations.inv_ornt_aff(turn, (count,) * 3)


@pytest.mark.parametrize("codes", ["RAS", "LPI", "PSR"])
@pytest.mark.parametrize("shift", [0.0, 0.3])
@pytest.mark.parametrize("size", SIZES)
def test_the_field_of_view_ends_at_the_edges_of_the_voxels(tmp_path, size, shift, codes):
    """Not at their centres, which cut 3 mm off at 32^3: everything within is filled, everything beyond is 0."""
    grid = Grid(size)
    shape, affine = millimetres(codes, shift=shift)
    own = OwnGrid.of(saved(tmp_path, np.zeros(shape, np.float32), affine))
    brought = own.bring(np.ones(grid.shape, np.float32), grid)
    distance = np.abs(points_of(shape, affine) - np.array([0, -18, 6])).max(axis=-1)
    within = distance <= 96.001
    assert within.any() and not within.all()
    assert (brought[~within] == 0).all()
    np.testing.assert_allclose(brought[within], 1, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_there_is_no_step_before_the_border(tmp_path, size):
    """A brain that reaches the last voxel, as the frontal pole does, goes on to its edge with that voxel's value."""
    grid = Grid(size)
    volume = np.broadcast_to(np.linspace(0.3, 1, size, dtype=np.float32)[:, None], grid.shape)
    affine = np.diag([64.0, 0.5, 64.0, 1.0])
    affine[:3, 3] = -64, -120, -58
    own = OwnGrid.of(saved(tmp_path, np.zeros((3, 420, 3), np.float32), affine))
    brought = own.bring(volume, grid)[1, :, 1]
    world = affine[1, 3] + 0.5 * np.arange(420)
    assert (brought[(world < -114) | (world > 78)] == 0).all()
    inside = brought[(world >= -114) & (world <= 78)]
    # Half a millimetre holds at most half a millimetre's part of the ramp, and a spline's ripple of it.
    assert np.abs(np.diff(inside)).max() < 1.5 * 0.7 / (size - 1) * 0.5 / grid.voxel_size_mm
    np.testing.assert_allclose(inside[[0, -1]], [0.3, 1], atol=0.25 * 0.7 / (size - 1))


@pytest.mark.parametrize("size", SIZES)
def test_the_same_voxels_are_the_same_bits_at_every_size(tmp_path, size):
    grid = Grid(size)
    volume = np.random.default_rng(size).random(grid.shape, np.float32)
    own = OwnGrid.of(saved(tmp_path, np.zeros(grid.shape, np.float32), grid.affine))
    np.testing.assert_array_equal(own.bring(volume, grid), volume)


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
