"""The grid: the same cube of space whatever the number of voxels."""

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data.grid import CENTRE_MM, FIELD_OF_VIEW_MM, Grid


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
