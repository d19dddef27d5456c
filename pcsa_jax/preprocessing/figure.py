"""The picture by which a person sees at a glance whether a visit's preprocessing went well."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.preprocessing.quality import template_grey_matter
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.presentation import figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONTOUR_GRID = Grid(96)
GREY_MATTER_LEVEL = 0.4
"""Of the smoothed grey-matter template: about the border of the cortex and the basal ganglia."""

BRAIN_COLOUR, GREY_MATTER_COLOUR = "#ff5d3a", "#35d0ba"
PLANES = (("sagittal", -6.0), ("coronal", -21.0), ("axial", 12.0))
"""Through the midline structures, the hippocampi, and the basal ganglia with the ventricles (MNI152, mm)."""

DPI = 75


@functools.cache
def _template() -> dict[str, np.ndarray]:
    return {"brain": brain_mask(CONTOUR_GRID).astype(float), "grey": template_grey_matter(CONTOUR_GRID)}


def visit_picture(
    path: Path, *, title: str, t1: tuple[np.ndarray, Grid], grey_matter: np.ndarray, pet: np.ndarray | None, grid: Grid
) -> Path:
    """Draws T1, grey matter and PET in three planes, with the borders of MNI152's brain and grey matter on them.

    Args:
      path: PNG to write.
      title: above the picture.
      t1: in MNI152 and its grid.
      grey_matter: x y z on ``grid``.
      pet: x y z on ``grid``, or None.
      grid: of the maps.
    """
    rows = [
        ("T1w", *t1, "gray", float(np.percentile(t1[0], 99.5)) or 1.0),
        ("grey matter", grey_matter, grid, "gray", 1.0),
    ]
    if pet is not None:
        rows.append(("FDG-PET", pet, grid, figures.PET_COLOURS, float(np.percentile(pet, 99.9)) or 1.0))
    figure = figures.new_figure(9.6, 3.3 * len(rows) + 0.4)
    panels = figure.subplots(len(rows), len(PLANES), squeeze=False)
    for line, (label, volume, own, colours, top) in zip(panels, rows, strict=True):
        for axes, (plane, position) in zip(line, PLANES, strict=True):
            _draw(axes, volume, own, plane, position, cmap=colours, vmin=0.0, vmax=top)
        line[0].set_ylabel(label, fontsize=11)
    figures.add_title(figure, title)
    with figures.replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})
    return path


def _draw(axes: "Axes", volume: np.ndarray, grid: Grid, plane: str, position_mm: float, **style: object) -> None:
    figures.draw_slice(axes, volume, grid, plane, letters="white", fontsize=11, position_mm=position_mm, **style)
    borders = (("grey", GREY_MATTER_LEVEL, GREY_MATTER_COLOUR, 0.7), ("brain", 0.5, BRAIN_COLOUR, 1.0))
    for name, level, colour, width in borders:
        figures.outline(
            axes, _template()[name], CONTOUR_GRID, plane, position_mm=position_mm, level=level, colour=colour,
            width=width,
        )  # fmt: skip
