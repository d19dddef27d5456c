"""What is planted into sound maps is what its name says."""

import numpy as np
import pytest
from scipy import ndimage

from benchmarks.oddities import ODDITIES, contrast, cut_below, lesioned, moved, noisy, scaled, smoothed, turned

MM = 6.0


@pytest.fixture(scope="module")
def ball():
    """A soft ball of fine texture, nowhere near the rim, a little off the middle in every axis, in [0, 1]."""
    axes = np.indices((32, 32, 32)) - np.array([14.5, 16.5, 17.5]).reshape(3, 1, 1, 1)
    volume = np.exp(-(axes**2).sum(axis=0) / 25) * (1 + 0.3 * np.random.default_rng(1).random((32, 32, 32)))
    volume[volume < 1e-3] = 0
    return (volume / volume.max()).astype(np.float32)


def centre(volume):
    return np.array(ndimage.center_of_mass(volume))


@pytest.mark.parametrize("name", ODDITIES)
def test_every_change_gives_another_map_of_the_same_kind(ball, name):
    before = ball.copy()
    found = np.asarray(ODDITIES[name](ball, MM))
    assert found.shape == ball.shape and np.isfinite(found).all()
    assert found.min() >= 0 and found.max() <= 1 + 1e-6
    assert np.abs(found - ball).max() > 0.01
    np.testing.assert_array_equal(ball, before, err_msg="the sound map is used again")


def test_a_map_moves_towards_the_front_by_millimetres(ball):
    np.testing.assert_allclose(centre(moved(12)(ball, MM)) - centre(ball), (0, 2, 0), atol=0.01)


def test_a_head_grows_about_the_middle_of_the_grid(ball):
    small = scaled(0.8)(ball, MM)
    assert small.sum() / ball.sum() == pytest.approx(0.8**3, rel=0.1)
    np.testing.assert_allclose(centre(small) - 15.5, 0.8 * (centre(ball) - 15.5), atol=0.05)


def test_a_head_nods_about_the_left_right_axis(ball):
    found = centre(turned(90)(ball, MM)) - 15.5
    before = centre(ball) - 15.5
    assert found[0] == pytest.approx(before[0], abs=0.01)
    assert np.hypot(*found[1:]) == pytest.approx(np.hypot(*before[1:]), abs=0.05)
    assert not np.allclose(found[1:], before[1:], atol=0.5)


@pytest.mark.parametrize("fwhm_mm", [4, 6, 8, 12])
def test_smoothing_adds_the_variance_of_its_kernel(fwhm_mm):
    """Also where the kernel is narrower than a voxel."""
    axes = np.indices((32, 32, 32)) - 15.5
    blob = np.exp(-(axes**2).sum(axis=0) / (2 * 2.0**2)).astype(np.float32)
    found = smoothed(fwhm_mm)(blob, MM)

    def variance(volume):
        mass = volume.sum(axis=(1, 2), dtype=float)
        return (mass * (np.arange(32) - 15.5) ** 2).sum() / mass.sum()

    expected = (fwhm_mm / 2.3548 / MM) ** 2
    assert variance(found) - variance(blob) == pytest.approx(expected, rel=0.05)


def test_a_lesion_is_a_hole_in_the_right_temporo_parietal_cortex():
    whole = np.full((32, 32, 32), 0.8, np.float32)
    whole[0, 0, 0] = 0.0
    found = lesioned(20)(whole, MM)
    hole = found < 0.5
    hole[0, 0, 0] = False
    np.testing.assert_allclose(MM * (centre(hole) - 15.5), (36, -20, 16), atol=MM / 2)
    assert (hole.sum() * MM**3) == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.2)


def test_noise_contrast_and_the_field_of_view(ball):
    assert 0.3 < (noisy(0.02)(ball, MM)[ball == 0] > 0).mean() < 0.7
    assert contrast(0.7)(ball, MM).sum() > ball.sum() > contrast(1.3)(ball, MM).sum()
    cut = cut_below(0.25)(ball, MM)
    assert not cut[:, :, :8].any() and (cut[:, :, 8:] > 0).any()
