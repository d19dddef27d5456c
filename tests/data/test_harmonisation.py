"""Volumes from other grids: turned without loss, smoothed to 8 mm, resampled where they belong."""

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.harmonisation import MIN_COVERAGE, guess_fwhm_mm, harmonise
from pcsa_jax.data.volumes import Volume
from pcsa_jax.errors import UserError

GRID = Grid(32)
WHO = "sub-0001: MRI"


def smooth_brain(affine, shape):
    """A smooth function of MNI152 coordinates that no axis change leaves as it is, sampled on a grid."""
    voxels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(nib.affines.apply_affine(affine, voxels), -1, 0)
    blob = np.exp(-(((x - 20) / 40) ** 2) - ((y + 30) / 50) ** 2 - ((z - 10) / 30) ** 2)
    return (blob * (1.5 + np.sin(x / 25) * np.cos(z / 30))).astype(np.float32)


def other_grid(voxel_size_mm, origin_mm, extent_mm=(180, 216, 180)):
    affine = nib.affines.from_matvec(np.diag(voxel_size_mm), origin_mm)
    return affine, tuple(int(np.ceil(edge / abs(size))) for edge, size in zip(extent_mm, voxel_size_mm, strict=True))


def fwhm_mm(data, grid):
    """FWHM along each axis of a blob, from its second moments."""
    positions = [grid.affine[axis, axis] * np.arange(grid.size) + grid.affine[axis, 3] for axis in range(3)]
    found = []
    for axis, mm in enumerate(positions):
        profile = data.sum(axis=tuple({0, 1, 2} - {axis})).astype(float)
        mean = (profile * mm).sum() / profile.sum()
        found.append(np.sqrt((profile * (mm - mean) ** 2).sum() / profile.sum() * 8 * np.log(2)))
    return np.array(found)


@pytest.mark.parametrize("fwhm", [None, 8.0, 12.0])
def test_a_volume_on_the_grid_is_taken_as_it_is(fwhm):
    data = smooth_brain(GRID.affine, GRID.shape)
    found = harmonise(Volume(data, GRID.affine), GRID, fwhm_mm=fwhm, subject=WHO)
    np.testing.assert_array_equal(found.data, data)
    assert found.steps == () and found.data.dtype == np.float32 and found.data.flags.c_contiguous


@pytest.mark.parametrize("axes", ["RAS", "LAS", "PSR", "LIA"])
def test_the_guess_goes_by_the_grid_whatever_the_axes(axes):
    turn = nib.orientations.ornt_transform(nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(axes))
    ours = nib.Nifti1Image(np.zeros(GRID.shape, np.int8), GRID.affine).as_reoriented(turn)
    assert guess_fwhm_mm(ours.shape, ours.affine) == 8
    other = nib.Nifti1Image(np.zeros((20, 24, 22), np.int8), np.diag([9.0, 9, 9, 1])).as_reoriented(turn)
    assert guess_fwhm_mm(other.shape, other.affine) == 0


def test_a_guess_is_said_in_the_step():
    affine, shape = other_grid((3.0, 3, 3), (-90.0, -126, -72))
    volume = Volume(smooth_brain(affine, shape), affine)
    steps = {fwhm: harmonise(volume, GRID, fwhm_mm=fwhm, subject=WHO).steps[0] for fwhm in (None, 0.0)}
    assert steps[0.0] == "smoothed with 8 mm FWHM, from 0 to 8 mm"
    assert steps[None] == "smoothed with 8 mm FWHM, from 0 to 8 mm (nobody says what with)"


@pytest.mark.parametrize("axes", ["LAS", "RPI", "LIA", "SAL", "PSR", "ASR"])
def test_turned_axes_are_turned_back_voxel_for_voxel(axes):
    data = smooth_brain(GRID.affine, GRID.shape)
    turn = nib.orientations.ornt_transform(nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(axes))
    turned = nib.Nifti1Image(data, GRID.affine).as_reoriented(turn)
    assert nib.aff2axcodes(turned.affine) == tuple(axes)
    volume = Volume(np.asarray(turned.dataobj), turned.affine)
    found = harmonise(volume, GRID, fwhm_mm=None, subject=WHO)
    np.testing.assert_array_equal(found.data, data)
    assert found.steps == (f"axes turned from {axes} to RAS",)


@pytest.mark.parametrize(
    ("voxel_size_mm", "origin_mm"),
    [
        ((2.0, 2.0, 2.0), (-90, -126, -72)),
        ((-3.0, 3.0, 3.0), (90, -126, -72)),
        ((1.7, 2.9, 4.1), (-91, -127, -73)),
        ((-4.3, 2.3, 1.9), (92, -125, -74)),
    ],
)
def test_another_grid_is_resampled_to_the_same_places(voxel_size_mm, origin_mm):
    affine, shape = other_grid(voxel_size_mm, origin_mm)
    found = harmonise(Volume(smooth_brain(affine, shape), affine), GRID, fwhm_mm=8.0, subject=WHO)
    expected = smooth_brain(GRID.affine, GRID.shape)
    corners = nib.affines.apply_affine(np.linalg.inv(affine), nib.affines.apply_affine(
        GRID.affine, np.argwhere(np.ones(GRID.shape))
    ))  # fmt: skip
    inside = ((corners >= 0) & (corners <= np.array(shape) - 1)).all(axis=1).reshape(GRID.shape)
    np.testing.assert_allclose(found.data[inside], expected[inside], atol=0.015)
    assert found.steps[-1] == (
        f"resampled from {'x'.join(map(str, shape))} voxels of "
        f"{' x '.join(f'{abs(size):.3g}' for size in voxel_size_mm)} mm to 32^3 voxels of 6 mm"
    )


@pytest.mark.parametrize("voxel_size_mm", [(1.5, 1.5, 1.5), (2.0, 3.0, 1.0)])
def test_an_impulse_comes_out_with_eight_millimetres_fwhm(voxel_size_mm):
    affine, shape = other_grid(voxel_size_mm, (-90, -126, -72))
    data = np.zeros(shape, np.float32)
    data[tuple(edge // 2 for edge in shape)] = 1000
    fine = Grid(96)  # 2 mm: the grid itself widens a blob little
    found = harmonise(Volume(data, affine), fine, fwhm_mm=0.0, subject=WHO)
    # Trilinear interpolation adds up to a sixth of its own voxel size squared to the variance.
    np.testing.assert_allclose(fwhm_mm(found.data, fine), 8.0, rtol=0.06)
    assert found.steps[0] == "smoothed with 8 mm FWHM, from 0 to 8 mm"


@pytest.mark.parametrize(("already", "added"), [(0.0, 8.0), (5.0, 6.244998), (8.0, 0.0), (10.0, 0.0)])
def test_smoothing_adds_what_is_missing(already, added):
    fine = Grid(96)
    data = np.zeros(fine.shape, np.float32)
    data[48, 48, 48] = 1000
    if already:
        sigma = already / np.sqrt(8 * np.log(2)) / fine.voxel_size_mm
        data = ndimage.gaussian_filter(data, sigma, truncate=6)
    found = harmonise(Volume(data, fine.affine), fine, fwhm_mm=already, subject=WHO)
    np.testing.assert_allclose(fwhm_mm(found.data, fine), max(already, 8.0), rtol=0.02)
    assert len(found.steps) == (added > 0)
    assert not added or f"smoothed with {added:.3g} mm FWHM" in found.steps[0]


def test_what_nobody_says_is_taken_from_the_grid():
    """A cubic grid of this software holds finished volumes; any other holds volumes that are not smoothed yet."""
    coarse = Grid(16)
    found = harmonise(Volume(smooth_brain(coarse.affine, coarse.shape), coarse.affine), GRID, fwhm_mm=None, subject=WHO)
    assert [step.split()[0] for step in found.steps] == ["resampled"]
    affine, shape = other_grid((3.0, 3.0, 3.0), (-90, -126, -72))
    found = harmonise(Volume(smooth_brain(affine, shape), affine), GRID, fwhm_mm=None, subject=WHO)
    assert [step.split()[0] for step in found.steps] == ["smoothed", "resampled"]


def test_a_coarse_grid_keeps_the_mean():
    """Smoothing comes before resampling, so that detail finer than the grid is averaged, not picked."""
    affine, shape = other_grid((2.0, 2.0, 2.0), (-96, -114, -90), (192, 192, 192))
    data = np.random.default_rng(0).uniform(size=shape).astype(np.float32)
    found = harmonise(Volume(data, affine), Grid(16), fwhm_mm=0.0, subject=WHO).data[2:-2, 2:-2, 2:-2]
    assert found.mean() == pytest.approx(0.5, abs=0.01)
    assert found.std() < 0.2 * data.std()


def test_a_field_of_view_without_the_brain_is_told():
    affine, shape = other_grid((3.0, 3.0, 3.0), (-90, -126, 10), (180, 216, 90))
    with pytest.raises(UserError) as caught:
        harmonise(Volume(np.ones(shape, np.float32), affine), GRID, fwhm_mm=8.0, subject=WHO)
    message = str(caught.value)
    assert message.startswith("sub-0001: MRI: expected a volume in MNI152 space, found a field of view that holds ")
    assert message.endswith(
        "% of the MNI152 brain (60x72x30 voxels of 3 x 3 x 3 mm). Bring it there with python -m pcsa_jax preprocess."
    )
    assert 0.3 < int(message.split("holds ")[1].split("%")[0]) / 100 < MIN_COVERAGE
