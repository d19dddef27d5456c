"""Planes lie where they say, sides are where the letters are, and the scale is nobody's own."""

import numpy as np
import pytest
from matplotlib.text import Text

from pcsa_jax.data.grid import Grid
from pcsa_jax.presentation import figures
from pcsa_jax.presentation.mosaic import (
    CORONAL,
    FULL_LINES,
    HALF_LINES,
    MIDLINE,
    WINDOW_MM,
    Plane,
    Row,
    Scale,
    axial_planes,
    cut,
    draw_comparison,
    draw_mosaic,
    letters,
)
from pcsa_jax.presentation.viewing import USUAL, Viewing

RADIOLOGICAL = Viewing("radiological", "grey")
UPTAKE = Scale(0.0, 1.0, "uptake")


def millimetres(grid):
    centres = [grid.affine[axis, axis] * np.arange(grid.size) + grid.affine[axis, 3] for axis in range(3)]
    return np.meshgrid(*centres, indexing="ij")


def window(axis):
    low, high = WINDOW_MM[axis]
    return np.arange(low + 0.5, high)


@pytest.fixture
def saved(monkeypatch):
    """The figures that are written, instead of files."""
    found = []
    monkeypatch.setattr(figures, "save", lambda figure, path: found.append(figure) or path)
    return found


@pytest.mark.parametrize("size", [16, 32, 64])
def test_a_plane_lies_where_it_says_on_every_grid(size):
    grid = Grid(size)
    x, y, z = millimetres(grid)
    planes = [Plane("axial", 10.0), Plane("sagittal", -3.3), Plane("coronal", -20.0)]
    axial, sagittal, coronal = cut(x + 2 * y + 5 * z, grid, planes, USUAL)
    inside = (window(1) > grid.affine[1, 3]) & (window(1) < -grid.affine[1, 3] - 36)
    expected = window(0) + 2 * window(1)[:, None] + 50
    np.testing.assert_allclose(axial[inside], expected[inside], atol=0.01)
    expected = -3.3 + 2 * window(1) + 5 * window(2)[:, None]
    np.testing.assert_allclose(sagittal[:, inside], expected[:, inside], atol=0.01)
    np.testing.assert_allclose(coronal, window(0) - 40 + 5 * window(2)[:, None], atol=0.01)


def test_nothing_is_shown_outside_of_the_grid():
    (axial,) = cut(np.ones(Grid(32).shape), Grid(32), [Plane("axial", 0.0)], USUAL)
    low, high = -114, 78
    assert (axial[window(1) < low] == 0).all() and (window(1) < low).any()
    np.testing.assert_allclose(axial[(window(1) > low) & (window(1) < high)], 1, atol=1e-5)


@pytest.mark.parametrize("viewing", [USUAL, RADIOLOGICAL])
@pytest.mark.parametrize(("kind", "letter"), [("axial", "L"), ("coronal", "L"), ("sagittal", "P")])
def test_the_letter_stands_where_the_side_is(viewing, kind, letter):
    grid = Grid(32)
    x, y, _ = millimetres(grid)
    one_side = (y < -18 if kind == "sagittal" else x < 0).astype(float)
    (pixels,) = cut(one_side, grid, [Plane(kind, 0.0)], viewing)
    means = [half.mean() for half in np.array_split(pixels, 2, axis=1)]
    assert letters(kind, viewing)[int(means[1] > means[0])] == letter
    assert letters(kind, viewing)[0] == ("R" if viewing.is_radiological else "L") or kind == "sagittal"


def test_axial_planes_go_evenly_through_the_whole_brain():
    for steps, count in ((6, 22), (3, 11)):
        planes = axial_planes(steps)
        positions = np.array([plane.position_mm for plane in planes])
        np.testing.assert_allclose(np.diff(positions), 39 / steps)
        assert len(planes) == count and positions[0] == -64 and positions[-1] > 65
        assert {plane.name: plane.position_mm for plane in planes if plane.name} == {
            "hippocampi": -12.0, "post. cingulate": 27.0,
        }  # fmt: skip
    for lines in (FULL_LINES, HALF_LINES):
        assert {CORONAL, MIDLINE} < set(lines[-1])


@pytest.mark.parametrize(("viewing", "colours"), [(USUAL, "hot"), (RADIOLOGICAL, "gray_r")])
def test_a_mosaic_says_how_it_is_to_be_read(saved, tmp_path, viewing, colours):
    grid = Grid(16)
    scale = Scale(0.0, 3.0, "FDG uptake (SUVR)")
    draw_mosaic(
        tmp_path / "a.png",
        np.full(grid.shape, 0.2),
        grid=grid,
        scale=scale,
        viewing=viewing,
        title="sub-$1$",
        line="SYNTHETIC",
    )
    (figure,) = saved
    words = [text.get_text() for text in figure.findobj(Text)]
    side = "RADIOLOGICAL: left of the picture = the subject's RIGHT" if viewing.is_radiological else (
        "NEUROLOGICAL: left of the picture = the subject's left"
    )  # fmt: skip
    assert side in words and figure.get_suptitle() == "sub-$1$"
    (label,) = (text for text in words if text.startswith("FDG uptake (SUVR)"))
    assert "one fixed window for everybody" in label and "interpolated for display" in label and "12 mm" in label
    assert {"hippocampi  z = −12", "post. cingulate  z = +27", "hippocampi  y = −21", "midline  x = 0"} < set(words)
    (image,) = figure.axes[0].images
    assert image.get_clim() == (0, 3) and image.cmap.name == colours
    assert len(figure.axes[0].patches) == 4, "planes that are pointed out are framed"


def test_a_comparison_shows_everybody_in_the_same_planes(saved, tmp_path):
    grid = Grid(16)
    rows = [Row("one", np.full(grid.shape, 0.25)), Row("other", np.full(grid.shape, 0.75))]
    draw_comparison(
        tmp_path / "a.png", rows, grid=grid, scale=UPTAKE, viewing=USUAL, title="x", line="SYNTHETIC", lines=HALF_LINES
    )
    (figure,) = saved
    words = [text.get_text() for text in figure.findobj(Text)]
    assert words.count("one") == words.count("other") == words.count("post. cingulate  z = +27") == 2
    canvas = figure.axes[0].images[0].get_array()
    height = canvas.shape[0] // 4
    for place, value in enumerate((0.25, 0.75, 0.25, 0.75)):
        assert canvas[int((place + 0.5) * height), 78] == pytest.approx(value, abs=0.01)


def test_the_same_volume_gives_the_same_picture(tmp_path):
    grid = Grid(16)
    volume = np.random.default_rng(0).random(grid.shape)
    one, other = (
        draw_mosaic(tmp_path / name, volume, grid=grid, scale=UPTAKE, viewing=USUAL, title="x", line="SYNTHETIC")
        for name in "ab"
    )
    assert one.read_bytes() == other.read_bytes() and one.read_bytes()[:4] == b"\x89PNG"
