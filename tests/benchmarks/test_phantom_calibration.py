"""The picture of docs/phantom.md is drawn like every other picture of volumes."""

import numpy as np
import pytest

from benchmarks import phantom_calibration
from pcsa_jax.data.phantom.subject import WORKING_GRID


@pytest.mark.parametrize("has_template", [True, False])
def test_letters_colour_bars_and_the_colours_of_all_figures(tmp_path, monkeypatch, has_template):
    drawn = []
    monkeypatch.setattr(phantom_calibration.figures, "save", lambda figure, path: drawn.append(figure))
    volumes = np.full((5, *WORKING_GRID.shape), 0.5, np.float32)
    is_ad = np.array([True, False, False, True, True])
    template = 1.5 * volumes[0] if has_template else None
    phantom_calibration.draw(tmp_path / "x.png", volumes, 2 * volumes, is_ad, template)
    planes = [axes for axes in drawn[0].axes if axes.images and axes.get_subplotspec() and axes.texts]
    columns = 8 + has_template
    assert len(planes) == 3 * columns
    assert [axes.get_title() for axes in planes[:4]] == [
        "sub-0002 (CN)",
        "sub-0003 (CN)",
        "sub-0001 (AD)",
        "sub-0004 (AD)",
    ]
    letters = ["".join(text.get_text() for text in axes.texts) for axes in planes[::columns]]
    assert letters == ["PASI", "LRSI", "LRAP"]
    assert [axes.images[0].cmap.name for axes in planes[:columns]] == ["gray"] * 4 + ["inferno"] * (columns - 4)
    assert {axes.images[0].get_clim() for axes in planes[4:columns]} == {(0, 1.0)}, "one scale for every PET"
    labels = [axes.get_xlabel() for axes in drawn[0].axes if axes not in planes]
    assert labels == ["grey-matter map (0–1)", "FDG uptake (SUVR)"]
    assert drawn[0].get_suptitle().startswith("PHANTOM: ")
