"""One person's deviation from normal: two planes and the cortex from all sides, the real PET above the synthetic."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.norms import LOW_Z
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.presentation import figures, surfaces
from pcsa_jax.presentation.origin import name_origin
from pcsa_jax.presentation.viewing import CONVENTIONS, USUAL, Viewing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLANES = ("axial", "sagittal")

LARGEST_Z = 4.0
"""End of the colour scale; larger values have the last colour."""

ROW_INCHES, ALONE_INCHES = 1.62, 2.3
"""Height of a line of several maps, and of each of the two lines of one."""
NO_ZMAP = "no z-map: the reference region is not in the image, or without uptake"


def draw_zmap_page(
    path: Path, zmaps: Mapping[str, np.ndarray], grid: Grid, title: str, *, is_phantom: bool, line: str,
    threshold: float = 0.0, viewing: Viewing = USUAL,
) -> Path:  # fmt: skip
    """A row for each map: an axial and a sagittal plane, and six SSP-like views of the cortex.

    One map alone gets two lines: its picture stands in a column of text, where eight small parts could not be read.

    Args:
      path: PNG to write.
      zmaps: name of a row ("Real PET", "Synthetic PET") -> z, x y z; one that is NaN throughout is not drawn as
        normal: its row says that there is none.
      grid: of all of them.
      title: who this is.
      is_phantom: the PET of the cohort is simulated, and called so.
      line: what stands inside the picture (:func:`~pcsa_jax.presentation.origin.synthetic_line`).
      threshold: on the cortex, what is of smaller magnitude is left grey.
      viewing: sides of the planes; its colours are those of uptake. The cortex is drawn as it is seen.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    brain, style = brain_mask(grid), figures.difference_style(LARGEST_Z)
    figure, all_axes = _lay_out(len(zmaps))
    for row, (name, z) in zip(all_axes, zmaps.items(), strict=True):
        row[0].set_ylabel(name_origin(name, is_phantom=is_phantom), fontsize=10, color=figures.INK)
        if not np.isfinite(z[brain]).all():
            _draw_none(row)
            continue
        volume = np.where(brain, z, 0)
        for axes, plane in zip(row, PLANES, strict=False):
            figures.draw_brain(axes, volume, brain, grid, plane, style, square=True, mirrored=viewing.is_radiological)
            outline_strong(axes, volume, grid, plane)
            axes.set_xlabel(figures.position_label(grid, plane), fontsize=8, color=figures.INK)
        surfaces.draw_surfaces(row[len(PLANES) :], volume, grid, threshold=threshold, **style)
    label = f"z against the CN training subjects; outlined: |z| ≥ {abs(LOW_Z):g}. {surfaces.NOTE}"
    colours = ScalarMappable(Normalize(style["vmin"], style["vmax"]), style["cmap"])
    figures.add_colour_bar(figure, colours, all_axes, label, limit=LARGEST_Z, aspect=60)
    sides = f"planes in {viewing.convention} convention: {CONVENTIONS[viewing.convention]}"
    figures.add_title(figure, f"{title}\n{sides}", fontsize=10)
    figures.mark_synthetic(figure, line)
    return figures.save(figure, path)


def _lay_out(num_maps: int) -> tuple["Figure", np.ndarray]:
    """A figure and its axes: a row of all parts for each map, in two lines if there is one map."""
    widths = (*[1.0] * len(PLANES), *surfaces.WIDTHS)
    if num_maps > 1:
        figure = figures.new_figure(12.6, 1.2 + ROW_INCHES * num_maps)
        return figure, figure.subplots(num_maps, len(widths), width_ratios=widths)
    figure = figures.new_figure(10.0, 1.2 + 2 * ALONE_INCHES)
    return figure, figure.subplots(2, len(widths) // 2).reshape(1, -1)


def _draw_none(row: Sequence["Axes"]) -> None:
    """Says on empty axes that there is no z-map."""
    for axes in row:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    row[1].text(1, 0.5, NO_ZMAP, ha="center", va="center", fontsize=10, color=figures.INK)


def outline_strong(axes: "Axes", volume: np.ndarray, grid: Grid, plane: str) -> None:
    """Draws the border of what a reader would mark, along the voxels' edges."""
    cut = figures.take_slice(np.abs(volume) >= abs(LOW_Z), grid, plane)
    if not cut.pixels.any():
        return
    left, right, bottom, top = cut.extent_mm
    fine = np.kron(cut.pixels, np.ones((6, 6)))
    height, width = fine.shape
    across = left + (np.arange(width) + 0.5) * (right - left) / width
    up = bottom + (np.arange(height) + 0.5) * (top - bottom) / height
    axes.contour(across, up, fine, levels=[0.5], colors=figures.INK, linewidths=0.9)
