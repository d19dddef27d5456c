"""Numbers of a PET: regions, sides, and over reference regions."""

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.regions import hemispheres, reference_weights, region_masks
from pcsa_jax.data.trust.regional_numbers import number_names, regional_numbers

GRID = Grid(32)


def test_numbers_are_means_of_masks_and_ratios():
    pet = np.random.default_rng(0).random((2, 32, 32, 32), np.float32) + 1
    found = dict(zip(number_names(), regional_numbers(pet, GRID)[1], strict=True))
    left = region_masks(GRID)["angular"] & hemispheres(GRID)[0]
    weights = reference_weights(GRID, "pons")
    uptake = (pet[1] * weights).sum() / weights.sum()
    np.testing.assert_allclose(found["angular.left.uptake"], pet[1][left].mean(), rtol=1e-4)
    np.testing.assert_allclose(found["angular.left.pons"], pet[1][left].mean() / uptake, rtol=1e-4)


def test_ratios_do_not_depend_on_the_unit():
    pet = np.random.default_rng(0).random((1, 32, 32, 32), np.float32) + 1
    one, other = (dict(zip(number_names(), regional_numbers(k * pet, GRID)[0], strict=True)) for k in (1, 7))
    assert all(np.isclose(one[name], other[name], rtol=1e-4) for name in one if not name.endswith("uptake"))


def test_without_uptake_in_the_reference_there_is_no_ratio():
    found = dict(zip(number_names(), regional_numbers(np.zeros((1, 32, 32, 32), np.float32), GRID)[0], strict=True))
    assert found["angular.both.uptake"] == 0
    assert np.isnan(found["angular.both.pons"])
