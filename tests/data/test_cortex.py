"""The cortex that nilearn ships, and what a volume holds in it."""

import socket

import numpy as np
import pytest

from pcsa_jax.data import cortex
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.regions import brain_mask

GRID = Grid(48)


def coordinates(axis):
    """A volume that holds its own MNI152 coordinate (mm) along an axis."""
    mm = GRID.affine[axis, axis] * np.arange(GRID.size) + GRID.affine[axis, 3]
    return np.broadcast_to(np.expand_dims(mm, [other for other in range(3) if other != axis]), GRID.shape)


def test_it_needs_no_network_and_lies_in_the_brain(monkeypatch):
    def refuse(*arguments, **named):
        raise AssertionError("asked for the network")

    cortex.load_hemisphere.cache_clear()
    monkeypatch.setattr(socket, "socket", refuse)
    for side, sign in zip(cortex.SIDES, (-1, 1), strict=True):
        own = cortex.load_hemisphere(side)
        assert len(own.white) == len(own.pial) == len(own.is_cortex) == 10242 and own.faces.max() == 10241
        assert (sign * own.pial[:, 0] > -4).all()
        thickness = np.linalg.norm(own.pial - own.white, axis=1)[own.is_cortex]
        assert 1.5 < np.median(thickness) < 3.5 and 0.04 < 1 - own.is_cortex.mean() < 0.1
        voxels = np.round((own.pial - GRID.affine[:3, 3]) / GRID.voxel_size_mm).astype(int)
        assert brain_mask(GRID)[tuple(voxels.T)].mean() > 0.93


@pytest.mark.parametrize("axis", range(3))
def test_a_value_is_taken_where_it_is(axis):
    own = cortex.load_hemisphere("left")
    low, high = (cortex.strongest_along_depth(coordinates(axis), GRID, "left", sign=sign) for sign in ("low", "high"))
    ends = np.stack([own.white[:, axis], own.pial[:, axis]])[:, own.is_cortex]
    np.testing.assert_allclose(low[own.is_cortex], ends.min(axis=0), atol=1e-3)
    np.testing.assert_allclose(high[own.is_cortex], ends.max(axis=0), atol=1e-3)
    assert np.isnan(low[~own.is_cortex]).all()


def test_the_strongest_of_either_sign():
    volume = np.random.default_rng(0).normal(size=GRID.shape)
    low, high, either = (cortex.strongest_along_depth(volume, GRID, "right", sign=sign) for sign in cortex.SIGNS)
    there = np.isfinite(low)
    assert (low[there] <= high[there]).all()
    np.testing.assert_array_equal(either[there], np.where(-low > high, low, high)[there])
    with pytest.raises(ValueError, match="sign: expected one of low, high, either, found 'deep'"):
        cortex.strongest_along_depth(volume, GRID, "left", sign="deep")
