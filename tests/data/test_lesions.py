"""Planted lesions come back: their depth, their place, and what the normalisation makes of them."""

import numpy as np
import pytest

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.lesions import (
    DEPTHS,
    PLACES,
    change_outside,
    lesion_uptake,
    lesion_weights,
    lower,
    measured_depth,
    plant_in_mri,
)
from pcsa_jax.data.regions import brain_mask, region_masks
from pcsa_jax.errors import UserError

GRID = Grid(32)
ABOVE_THE_NOSE = (16, 28, 16)
"""A voxel in the frontal lobe, outside of every lesion."""


@pytest.fixture(scope="module")
def volume():
    volume = np.random.default_rng(0).uniform(0.2, 0.8, GRID.shape).astype(np.float32)
    volume[0, 0, 0], volume[ABOVE_THE_NOSE] = 0, 1
    return volume


@pytest.mark.parametrize("size", [16, 32, 64])
def test_weights_peak_at_one_in_their_region(size):
    grid = Grid(size)
    for place, weight in lesion_weights(grid).items():
        region, _ = PLACES[place]
        assert weight.max() == 1 and weight.min() >= 0
        assert region_masks(grid)[region][np.unravel_index(weight.argmax(), grid.shape)]
        assert not weight.flags.writeable


def test_lesion_is_as_smooth_as_the_volumes():
    """At the edge of a region the weight falls over millimetres, not from one voxel to the next."""
    weight = lesion_weights(Grid(64))["sensorimotor"]
    assert np.abs(np.diff(weight, axis=0)).max() < 0.5
    assert ((weight > 0.05) & (weight < 0.95)).sum() > (weight >= 0.95).sum()


def test_left_is_left():
    weight = lesion_weights(GRID)["angular_left"]
    left_to_right_mm = (GRID.affine[0, 0] * np.arange(32) + GRID.affine[0, 3]).reshape(-1, 1, 1)
    assert (weight * left_to_right_mm).sum() / weight.sum() < -30
    assert weight[left_to_right_mm.ravel() > 0].max() < 1e-3


@pytest.mark.parametrize("depth", DEPTHS)
def test_depth_comes_back_whatever_lies_beneath(volume, depth):
    for weight in lesion_weights(GRID).values():
        assert measured_depth(volume, lower(volume, weight, depth), weight) == pytest.approx(depth, abs=1e-6)
        assert measured_depth(0.1 * volume, lower(0.1 * volume, weight, depth), weight) == pytest.approx(
            depth, abs=1e-6
        )


def test_a_rise_is_negative_and_nothing_is_not_a_number(volume):
    weight = lesion_weights(GRID)["sensorimotor"]
    assert measured_depth(volume, lower(volume, weight, -0.2), weight) == pytest.approx(-0.2, abs=1e-6)
    assert np.isnan(measured_depth(0 * volume, volume, weight))
    assert np.isnan(change_outside(0 * volume, volume, weight, brain_mask(GRID)))


def test_lesion_of_one_place_is_no_lesion_of_another(volume):
    weights = lesion_weights(GRID)
    after = lower(volume, weights["angular_left"], 0.4)
    assert measured_depth(volume, after, weights["sensorimotor"]) == pytest.approx(0, abs=0.01)


def test_outside_counts_sizes_not_signs(volume):
    weight, brain = lesion_weights(GRID)["angular_left"], brain_mask(GRID)
    assert change_outside(volume, lower(volume, weight, 0.4), weight, brain) < 1e-3
    checkered = volume * np.where(np.indices(GRID.shape).sum(axis=0) % 2, 1.1, 0.9)
    assert change_outside(volume, checkered, weight, brain) == pytest.approx(0.1, rel=1e-3)


def test_map_is_normalised_anew(volume):
    weight = lesion_weights(GRID)["angular_left"]
    np.testing.assert_allclose(
        plant_in_mri(volume, weight, 0.4, subject="sub-1"), lower(volume, weight, 0.4), atol=1e-6
    )
    hottest = volume.copy()
    hottest[ABOVE_THE_NOSE] = 0.5
    hottest[np.unravel_index(weight.argmax(), GRID.shape)] = 1
    planted = plant_in_mri(hottest, weight, 0.4, subject="sub-1")
    assert planted.max() == 1
    assert planted[ABOVE_THE_NOSE] > 0.55, "the range has shrunk: everything outside rises"
    with pytest.raises(UserError, match="sub-1: MRI with a lesion: expected a volume with contrast"):
        plant_in_mri(np.zeros(GRID.shape), weight, 0.4, subject="sub-1")


def test_uptake_is_a_weighted_mean():
    weight = np.array([[[1.0, 0.5]]])
    assert lesion_uptake(np.array([[[0.2, 0.8]]]), weight) == pytest.approx(0.4)
