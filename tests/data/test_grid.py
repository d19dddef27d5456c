"""The grid: the same cube of space whatever the number of voxels."""

from typing import NamedTuple

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data.grid import CENTRE_MM, FIELD_OF_VIEW_MM, Grid, by_grid, is_same_grid


def test_the_paper_s_grid_has_voxels_of_3_mm():
    assert Grid().shape == (64, 64, 64)
    assert Grid().voxel_size_mm == 3.0


@pytest.mark.parametrize("size", [16, 32, 48, 64, 96])
def test_field_of_view_and_centre_do_not_depend_on_the_size(size):
    grid = Grid(size)
    # Voxel centres lie half a voxel inside the outer faces.
    faces = [nib.affines.apply_affine(grid.affine, [edge - 0.5] * 3) for edge in (0, size)]
    np.testing.assert_allclose(faces[1] - faces[0], FIELD_OF_VIEW_MM)
    np.testing.assert_allclose((faces[0] + faces[1]) / 2, CENTRE_MM)


def test_axes_are_ras_and_voxels_isotropic():
    grid = Grid(48)
    assert nib.aff2axcodes(grid.affine) == ("R", "A", "S")
    np.testing.assert_allclose(nib.affines.voxel_sizes(grid.affine), grid.voxel_size_mm)
    assert grid.voxel_size_mm == 4.0


class Placed(NamedTuple):
    shape: tuple[int, ...]
    affine: np.ndarray


def moved(shift_mm: float) -> Placed:
    affine = Grid(16).affine.copy()
    affine[1, 3] += shift_mm
    return Placed(Grid(16).shape, affine)


@pytest.mark.parametrize(("shift_mm", "fits"), [(0, True), (5e-4, True), (-5e-4, True), (2e-3, False), (0.5, False)])
def test_rounding_of_an_affine_is_forgiven_wherever_the_grid_lies(shift_mm, fits):
    assert is_same_grid(moved(shift_mm), Grid(16)) is is_same_grid(Grid(16), moved(shift_mm)) is fits
    far = Placed((16,) * 3, Grid(16).affine + 1e4), Placed((16,) * 3, moved(shift_mm).affine + 1e4)
    assert is_same_grid(*far) is fits


@pytest.mark.parametrize(
    "other",
    [
        Placed((91, 109, 91), Grid(16).affine),
        Placed((16, 16, 16), np.diag([-1.0, 1, 1, 1]) @ Grid(16).affine),
        Placed((16, 16, 16), np.full((4, 4), np.nan)),
    ],
    ids=["another shape", "flipped", "NaN"],
)
def test_other_grids(other):
    assert not is_same_grid(other, Grid(16))
    assert by_grid([other, Grid(16), moved(5e-4)]) == [[1, 2], [0]]
    assert by_grid([]) == []
