"""Masks lie where anatomy says, on every grid."""

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.phantom.templates import _atlas_on
from pcsa_jax.data.regions import (
    PONS_CENTRE_MM,
    PONS_RADII_MM,
    REFERENCE_REGIONS,
    REGION_NAMES,
    atlas_regions,
    brain_mask,
    hemispheres,
    reference_weights,
    region_masks,
)

SIZES = (16, 32, 64)


def centre_mm(mask, grid):
    return np.argwhere(mask).mean(axis=0) * grid.voxel_size_mm + grid.affine[:3, 3]


def volume_ml(mask, grid):
    return mask.sum() * grid.voxel_size_mm**3 / 1000


@pytest.mark.parametrize("size", SIZES)
def test_brain_has_the_volume_of_the_mni_brain(size):
    grid = Grid(size)
    mask = brain_mask(grid)
    assert mask.shape == grid.shape
    assert mask.dtype == bool
    assert volume_ml(mask, grid) == pytest.approx(1880, rel=0.02)


@pytest.mark.parametrize("size", SIZES)
def test_regions_are_in_the_brain_and_do_not_overlap(size):
    grid = Grid(size)
    masks = region_masks(grid)
    assert list(masks) == list(REGION_NAMES)
    for mask in masks.values():
        assert mask.any()
        assert not (mask & ~brain_mask(grid)).any()
    if size >= 32:
        assert np.sum(list(masks.values()), axis=0).max() == 1


@pytest.mark.parametrize(
    ("region", "y_mm", "z_mm", "ml"),
    [
        ("posterior_cingulate_precuneus", -56, 41, 58),
        ("angular", -61, 36, 22),
        ("inferior_temporal", -31, -24, 53),
        ("hippocampus", -22, -12, 14),
        ("sensorimotor", -19, 51, 122),
    ],
)
def test_regions_are_where_the_atlas_has_them(region, y_mm, z_mm, ml):
    grid = Grid(64)
    mask = region_masks(grid)[region]
    _, y, z = centre_mm(mask, grid)
    assert (y, z) == (pytest.approx(y_mm, abs=3), pytest.approx(z_mm, abs=3))
    assert volume_ml(mask, grid) == pytest.approx(ml, rel=0.1)
    x = np.argwhere(mask)[:, 0] * grid.voxel_size_mm + grid.affine[0, 3]
    assert 0.35 < np.mean(x < 0) < 0.65, "both hemispheres"


def test_angular_gyrus_is_larger_on_the_right():
    """True of AAL (and so of its use here): tells a flipped atlas from a right one."""
    grid = Grid(64)
    x = np.argwhere(region_masks(grid)["angular"])[:, 0] * grid.voxel_size_mm + grid.affine[0, 3]
    assert np.sum(x > 0) > 1.2 * np.sum(x < 0)


@pytest.mark.parametrize("size", [15, 16, 64])
def test_hemispheres_mirror_each_other(size):
    grid = Grid(size)
    left, right = hemispheres(grid)
    np.testing.assert_array_equal(left[::-1], right)
    assert left.sum() == right.sum() == size**2 * (size // 2), "of an odd grid the midline is in neither"
    x = np.argwhere(left)[:, 0] * grid.voxel_size_mm + grid.affine[0, 3]
    assert x.max() < 0


def test_masks_cannot_be_changed_by_a_caller():
    grid = Grid(32)
    with pytest.raises(ValueError, match="read-only"):
        brain_mask(grid)[0, 0, 0] = True
    region_masks(grid).clear()
    assert region_masks(grid)


@pytest.mark.parametrize("region", REFERENCE_REGIONS)
@pytest.mark.parametrize("size", [64, 32, 16])
def test_a_reference_region_has_the_same_volume_on_every_grid(region, size):
    grid = Grid(size)
    weights = reference_weights(grid, region)
    assert weights.shape == grid.shape and not weights.flags.writeable
    assert weights.min() == 0 and 0 < weights.max() <= 1
    volume_ml = {"pons": 4 / 3 * np.pi * np.prod(PONS_RADII_MM) / 1000, "cerebellum": 195}[region]
    assert weights.sum() * grid.voxel_size_mm**3 / 1000 == pytest.approx(volume_ml, rel=0.02)
    centre = nib.affines.apply_affine(grid.affine, np.argwhere(weights)).T @ weights[weights > 0] / weights.sum()
    expected = {"pons": PONS_CENTRE_MM, "cerebellum": (2, -61, -35)}[region]
    np.testing.assert_allclose(centre, expected, atol=2)


def test_the_pons_lies_in_the_brain_stem_of_another_atlas():
    grid = Grid(64)
    labels = _atlas_on(grid.affine, grid.shape)
    weights = reference_weights(grid, "pons")
    assert weights[labels == 16].sum() > 0.98 * weights.sum()


@pytest.mark.parametrize("size", [16, 32])
def test_regions_of_the_atlas_are_those_of_the_disease_and_left_is_left(size):
    grid = Grid(size)
    atlas, masks, (left, right) = atlas_regions(grid), region_masks(grid), hemispheres(grid)
    assert len(atlas) == 94 and all(len(voxels) for voxels in atlas.values())
    both = np.union1d(atlas["Angular_L"], atlas["Angular_R"])
    assert np.isin(np.flatnonzero(masks["angular"]), both).mean() > 0.9
    for name, voxels in atlas.items():
        assert brain_mask(grid).ravel()[voxels].all()
        if name.startswith(("Angular", "Temporal", "Insula")):
            own, other = (left, right) if name.endswith("_L") else (right, left)
            assert own.ravel()[voxels].all() and not other.ravel()[voxels].any()
