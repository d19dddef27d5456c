"""NaN is 0 outside the brain and an error in it, whatever grid, axes and field of view a volume has."""

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.mni152 import brain_points
from pcsa_jax.data.nan_outside import NAN_OUTSIDE, count_in_brain, describe_filled, fill_outside

SPM_BOX = nib.affines.from_matvec(np.diag([-2.0, 2, 2]), (78, -112, -70))
GRIDS = {
    "16": (Grid(16).shape, Grid(16).affine),
    "32": (Grid(32).shape, Grid(32).affine),
    "SPM": ((79, 95, 79), SPM_BOX),
    "away": ((20, 20, 20), np.diag([1.0, 1, 1, 1]) + np.eye(4, 4, 3) * 300),
}


def volume(shape):
    return np.random.default_rng(0).random(shape, np.float32)


@pytest.mark.parametrize("name", ["16", "32", "SPM"])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("side", [0, -1])
def test_a_plane_at_the_edge_is_filled(name, axis, side):
    shape, affine = GRIDS[name]
    data = volume(shape)
    np.moveaxis(data, axis, 0)[side] = np.nan
    found = fill_outside(data, affine)
    assert found.findings == ((NAN_OUTSIDE, "", True),) and found.num_nan == data.size // shape[axis]
    np.testing.assert_array_equal(found.data, np.nan_to_num(data))
    assert np.isnan(data).sum() == found.num_nan  # what was given is not changed


@pytest.mark.parametrize("name", ["16", "32", "SPM"])
@pytest.mark.parametrize("point", [(0, 0, 0), (30, -20, 50), (0, -60, -40), (0, 20, 5)])
def test_one_nan_in_the_brain_is_told(name, point):
    shape, affine = GRIDS[name]
    data = volume(shape)
    place = np.rint(nib.affines.apply_affine(np.linalg.inv(affine), point)).astype(int)
    data[tuple(place)] = np.nan
    data[0, 0, 0] = np.nan
    found = fill_outside(data, affine)
    assert found.data is data and found.num_nan == 0
    (problem,) = found.findings
    assert problem.found == f"expected finite voxels, found 2 of {data.size} NaN, 1 of them in the brain"


def test_voxels_of_the_brain_are_counted():
    shape, affine = GRIDS["SPM"]
    part = count_in_brain(np.ones(shape, bool), affine) * 8 / (len(brain_points()) * 4**3)
    assert 0.8 < part < 0.95  # without a shell of 3 mm
    assert count_in_brain(np.ones((20, 20, 20), bool), GRIDS["away"][1]) == 0


@pytest.mark.parametrize(
    ("values", "affine", "message"),
    [
        ((np.inf,), Grid(16).affine, "found 1 of 4096 infinite"),
        ((np.nan, -np.inf), Grid(16).affine, "found 1 of 4096 infinite and 1 NaN"),
        ((np.nan, np.nan), None, "found 2 of 4096 NaN"),
        ((np.nan,) * 4096, Grid(16).affine, "found only NaN"),
        ((np.nan, np.inf) * 2048, Grid(16).affine, "found only NaN or infinite"),
    ],
)
def test_what_is_never_filled(values, affine, message):
    data = volume(Grid(16).shape)
    data.reshape(-1)[: len(values)] = values
    found = fill_outside(data, affine)
    assert found.data is data and [finding.found for finding in found.findings] == [
        f"expected finite voxels, {message}"
    ]


def test_the_step_of_a_record():
    assert describe_filled(0) == () and describe_filled(3) == ("3 NaN outside the brain read as 0",)
