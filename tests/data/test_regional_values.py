"""Numbers of one PET are those of its regions, whatever its unit."""

import numpy as np
import pytest

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.regional_values import RegionalValues, measure_regions
from pcsa_jax.data.regions import REGION_NAMES, asymmetry_index, hemispheres, reference_weights, region_masks


@pytest.fixture(scope="module")
def grid():
    return Grid(32)


def test_each_side_is_measured_against_each_reference(grid):
    left, _ = hemispheres(grid)
    volume = np.where(left, 1.0, 3.0)
    volume[reference_weights(grid, "pons") > 0] = 2.0
    volume[reference_weights(grid, "cerebellum") > 0] = 4.0
    found = measure_regions(volume, grid)
    assert list(found) == list(REGION_NAMES)
    assert found["hippocampus"] == pytest.approx(RegionalValues(1, 3, 0.5, 1.5, 0.25, 0.75, -100), rel=0.02)


def test_ratios_and_asymmetry_do_not_know_the_unit(grid):
    volume = np.random.default_rng(0).random(grid.shape) + 0.1
    for one, other in zip(
        measure_regions(volume, grid).values(), measure_regions(7 * volume, grid).values(), strict=True
    ):
        assert other[2:] == pytest.approx(one[2:]) and other[:2] == pytest.approx([7 * value for value in one[:2]])


def test_values_are_the_means_of_the_voxels(grid):
    volume = np.random.default_rng(1).random(grid.shape).astype(np.float32)
    for region, mask in region_masks(grid).items():
        for side, value in zip(hemispheres(grid), measure_regions(volume, grid)[region], strict=False):
            assert value == pytest.approx(volume[mask & side].mean(dtype=float))


def test_without_uptake_in_a_reference_there_is_no_ratio(grid):
    volume = np.ones(grid.shape)
    volume[reference_weights(grid, "pons") > 0] = 0
    values = measure_regions(volume, grid)["angular"]
    assert np.isnan(values.left_to_pons) and values.left_to_cerebellum == pytest.approx(1, abs=0.05)
    assert np.isnan(measure_regions(np.zeros(grid.shape), grid)["angular"].asymmetry)


def test_the_index_is_of_the_mean_of_both_sides():
    np.testing.assert_array_equal(
        asymmetry_index(np.array([1.0, 3.0, 0.0]), np.array([3.0, 1.0, 0.0])), [-100, 100, np.nan]
    )
