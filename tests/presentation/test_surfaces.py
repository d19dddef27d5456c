"""The cortex seen from outside."""

import numpy as np
import pytest

from pcsa_jax.data.grid import Grid
from pcsa_jax.presentation import surfaces
from pcsa_jax.presentation.figures import difference_style, new_figure
from tests.data.test_cortex import coordinates

GRID = Grid(48)
VIEWS = {view.name: view for view in surfaces.VIEWS}
AHEAD = {"A": (1, 1), "P": (1, -1), "L": (0, -1), "R": (0, 1)}
"""Letter -> the axis along which it is at an end, and at which."""


def lesion(centre_mm, depth=-5.0):
    far = sum((coordinates(axis) - centre) ** 2 for axis, centre in enumerate(centre_mm))
    return np.where(far < 12**2, depth, 0.0)


def seen(volume):
    return {view.name: picture for view, picture in surfaces.project(volume, GRID)}


@pytest.mark.parametrize("name", VIEWS)
def test_letters_and_up_are_where_they_are_in_the_head(name):
    view = VIEWS[name]
    axis, _ = AHEAD[view.letters[0]]
    across, up = seen(coordinates(axis) + 0.0)[name], seen(coordinates(view.up[0]) + 0.0)[name]
    third = across.shape[1] // 3
    first, last = (sign * np.nanmean(part) for part, (_, sign) in zip(
        (across[:, :third], across[:, -third:]), map(AHEAD.get, view.letters), strict=True))  # fmt: skip
    assert first + last > 60, "each letter stands at its own end"
    assert np.nanmean(up[-up.shape[0] // 3 :]) > np.nanmean(up[: up.shape[0] // 3]) + 40


def test_a_lesion_is_seen_from_its_own_side_alone():
    low = {name: np.nanmin(picture) < -2 for name, picture in seen(lesion((-52, -55, 30))).items()}  # left angular
    assert low == {"left lateral": True, "right lateral": False, "left medial": False, "right medial": False,
                   "superior": True, "inferior": False}  # fmt: skip
    behind = seen(lesion((-6, -58, 30)))  # left precuneus
    assert np.nanmin(behind["left medial"]) < -2 < np.nanmin(behind["left lateral"])
    left, right = np.array_split(np.nan_to_num(seen(lesion((-52, -55, 30)))["superior"]), 2, axis=1)
    assert left.min() < -2 <= right.min()


def test_no_pixel_is_left_out():
    from scipy import ndimage

    for view, picture in surfaces.project(coordinates(0) + 0.0, GRID):
        covered = surfaces._raster(view).covered
        assert picture.shape == covered.shape and not np.isnan(picture[covered]).all()
        if len(view.sides) == 1:
            assert (ndimage.binary_fill_holes(covered) == covered).all()


def test_what_is_below_the_threshold_is_grey():
    figure = new_figure(6, 1)
    row = figure.subplots(1, len(surfaces.VIEWS))
    surfaces.draw_surfaces(row, lesion((-52, -55, 30)), GRID, threshold=2.0, **difference_style(4.0))
    for axes, view in zip(row, surfaces.VIEWS, strict=True):
        pixels = axes.images[0].get_array()
        coloured = np.ptp(pixels, axis=2) > 0.02
        assert coloured.any() == (view.name in ("left lateral", "superior"))
        if coloured.any():
            red, _, blue = pixels[coloured].mean(axis=0)
            assert blue > red, "low is cold"
        assert axes.get_xlabel() == view.name and [text.get_text() for text in axes.texts] == list(view.letters)
