"""The picture of one person's deviation from normal."""

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from pcsa_jax.data.grid import Grid
from pcsa_jax.presentation import surfaces
from pcsa_jax.presentation.viewing import USUAL, Viewing
from pcsa_jax.presentation.zmap_page import NO_ZMAP, PLANES, draw_zmap_page


def test_a_row_for_each_map_and_the_same_picture_each_time(tmp_path, monkeypatch):
    grid = Grid(32)
    real = np.random.default_rng(0).normal(size=grid.shape).astype(np.float32)
    drawn = []
    monkeypatch.setattr("pcsa_jax.presentation.figures.save", lambda figure, path: drawn.append(figure) or path)
    maps = {"Real PET": real, "Synthetic PET": np.full(grid.shape, np.nan)}
    draw_zmap_page(tmp_path / "one.png", maps, grid, "PHANTOM: sub-1 $x$", is_phantom=True, line="SYNTHETIC $y$")
    (figure,) = drawn
    assert len(figure.axes) == 2 * (len(PLANES) + len(surfaces.VIEWS)) + 1
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == ["Simulated PET", "Synthetic PET"]
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert "SYNTHETIC $y$" in [text.get_text() for text in figure.findobj(Text)], "every picture says what it is"
    assert texts.count(NO_ZMAP) == 1, "what is not known is not drawn as normal"
    assert [len(axes.images) for axes in figure.axes[:-1]] == [1] * 8 + [0] * 8
    assert "SSP-like (not Minoshima's 3D-SSP)" in figure.axes[-1].get_xlabel()
    monkeypatch.undo()
    paths = [draw_zmap_page(tmp_path / f"{n}.png", maps, grid, "sub-1", is_phantom=False, line="SYNTHETIC")
             for n in range(2)]  # fmt: skip
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with Image.open(paths[0]) as image:
        assert image.width > 2.5 * image.height


@pytest.mark.parametrize("viewing", [USUAL, Viewing("radiological", "grey")])
def test_one_map_alone_fills_a_column_of_text_and_its_planes_follow_the_convention(tmp_path, monkeypatch, viewing):
    grid = Grid(32)
    left = np.where(np.indices(grid.shape)[0] < 16, -3.0, 0.0).astype(np.float32)
    drawn = []
    monkeypatch.setattr("pcsa_jax.presentation.figures.save", lambda figure, path: drawn.append(figure) or path)
    draw_zmap_page(tmp_path / "a.png", {"Synthetic PET": left}, grid, "sub-1", is_phantom=False, line="SYNTHETIC",
                   viewing=viewing)  # fmt: skip
    (figure,) = drawn
    width, height = figure.get_size_inches()
    assert width < 2 * height
    assert f"{viewing.convention} convention: left of the picture = the subject's" in figure.get_suptitle()
    for axes, sides in zip(figure.axes, ("LR", "PA"), strict=False):
        letters = sorted((text.get_position()[0], text.get_text()) for text in axes.texts if text.get_text() in sides)
        shown = "".join(letter for _, letter in letters)
        assert shown == (sides[::-1] if viewing.is_radiological else sides)
        first, last = axes.get_xlim()
        assert (first > last) == viewing.is_radiological, "the low values are where the letter says"
