"""Asymmetry of regions, and scores that do not depend on the level."""

import numpy as np
import pytest

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.regions import brain_mask, hemispheres, region_masks
from pcsa_jax.evaluation.scoring import regional_asymmetry, score

GRID = Grid(32)


def symmetric(mask):
    return mask | mask[::-1]


def test_index_by_hand():
    left, right = hemispheres(GRID)
    volumes = np.stack([0.9 * left + 0.6 * right, 0.6 * left + 0.9 * right, 0.7 * (left | right)])
    for values in regional_asymmetry(volumes, region_masks(GRID), GRID).values():
        np.testing.assert_allclose(values, [40, -40, 0], atol=1e-9)  # 100 * 2 * 0.3 / 1.5


def test_a_mirrored_volume_has_the_opposite_index():
    volumes = np.random.default_rng(0).random((3, *GRID.shape)).astype(np.float32)
    masks = {region: symmetric(mask) for region, mask in region_masks(GRID).items()}
    own, mirrored = (regional_asymmetry(v, masks, GRID) for v in (volumes, volumes[:, ::-1]))
    for region, values in own.items():
        assert np.abs(values).min() > 0
        np.testing.assert_allclose(mirrored[region], -values, rtol=1e-6)


def test_the_index_does_not_depend_on_the_level():
    volumes = np.random.default_rng(0).random((2, *GRID.shape))
    masks = region_masks(GRID)
    own, half = (regional_asymmetry(factor * volumes, masks, GRID) for factor in (1, 0.5))
    assert all(own[region] == pytest.approx(half[region]) for region in masks)


def test_a_region_without_uptake_has_no_index():
    found = regional_asymmetry(np.zeros((2, *GRID.shape)), region_masks(GRID), GRID)
    assert all(np.isnan(values).all() and len(values) == 2 for values in found.values())


@pytest.mark.parametrize("size", [16, 32, 64])
def test_every_region_has_both_halves(size):
    left, right = hemispheres(Grid(size))
    for mask in region_masks(Grid(size)).values():
        assert (mask & left).any() and (mask & right).any()


def test_scale_matched_psnr_forgives_the_level_and_nothing_else():
    rng = np.random.default_rng(0)
    pet = rng.random((3, *GRID.shape)).astype(np.float32)
    fake = np.clip(pet + 0.1 * rng.standard_normal(pet.shape), 0, 1).astype(np.float32)
    mask = brain_mask(GRID)
    own, half = score(fake, pet, mask), score(0.5 * fake, pet, mask)
    np.testing.assert_allclose(own["psnr_brain_matched_db"], half["psnr_brain_matched_db"], rtol=1e-5)
    assert (own["psnr_brain_matched_db"] >= own["psnr_brain_db"]).all()
    assert (half["psnr_brain_matched_db"] > half["psnr_brain_db"] + 3).all()
