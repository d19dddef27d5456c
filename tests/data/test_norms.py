"""The norm of cognitively normal people, and z against it."""

import numpy as np
import pytest

from pcsa_jax.data.norms import SMALLEST_STD, Norm, dice_of_low


def test_norm_is_that_of_numpy():
    pet = np.random.default_rng(0).uniform(size=(7, 3, 4, 5)).astype(np.float32)
    norm = Norm.fit(pet)
    np.testing.assert_allclose(norm.mean, pet.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(norm.std, pet.std(axis=0, ddof=1), rtol=1e-5)
    z = norm.z(pet)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(z.std(axis=0, ddof=1), 1, rtol=1e-4)
    np.testing.assert_array_equal(norm.z(pet[2]), z[2])
    assert norm.count == 7 and z.dtype == np.float32


def test_agreement_by_chance_is_no_precision():
    norm = Norm.fit(np.full((3, 2, 2, 2), 0.5, np.float32))
    np.testing.assert_allclose(norm.std, SMALLEST_STD)
    np.testing.assert_allclose(norm.z(np.full((2, 2, 2), 0.48)), -2, rtol=1e-5)


def test_two_people_are_no_norm():
    with pytest.raises(ValueError, match="at least 3 volumes for a norm, found 2"):
        Norm.fit(np.zeros((2, 2, 2, 2)))


def test_dice_of_low_voxels():
    real, other = np.array([-3.0, -3, 0, 0, 5]), np.array([-3.0, 0, -3, 0, 5])
    assert dice_of_low(real, real) == 1
    assert dice_of_low(real, other) == 0.5
    assert dice_of_low(real, -real) == 0
    assert np.isnan(dice_of_low(np.zeros(3), np.zeros(3))), "neither has any: there is nothing to agree on"
