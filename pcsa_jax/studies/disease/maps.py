"""The figure of z-maps: real and synthetic PET of the shown subjects, side by side in three planes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.norms import LOW_Z
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.presentation.figures import (
    ERROR_COLOURS,
    INK,
    SLICES_MM,
    add_colour_bar,
    crop_to_brain,
    draw_slice,
    new_figure,
    outline,
    position_label,
    save,
    take_slice,
)
from pcsa_jax.studies.disease.zmaps import volume_of_planes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

LARGEST_Z = 4.0
"""End of the colour scale; larger values have the last colour."""


def zmaps_figure(
    path: Path, shown: Sequence[tuple[str, Mapping[str, np.ndarray], int]], grid: Grid, title: str
) -> Path:
    """Per subject (rows): z of the real PET (left) and of the synthetic PET (right) with the same norm.

    Args:
      path: PNG to write.
      shown: label, the slices of its fold (:class:`~pcsa_jax.studies.disease.findings.FoldFindings`) and row of each.
      grid: of the slices.
      title: of the figure.
    """
    brain = brain_mask(grid)
    figure = new_figure(11.0, 1.25 + 1.72 * len(shown))
    all_axes = figure.subplots(len(shown), 7, squeeze=False, width_ratios=(1, 1, 1, 0.12, 1, 1, 1))
    for axes in all_axes[:, 3]:
        axes.set_visible(False)  # a gap between real and synthetic
    grid_of_axes = np.delete(all_axes, 3, axis=1)
    for row, (label, slices, number) in zip(grid_of_axes, shown, strict=True):
        for half, name in zip((row[:3], row[3:]), ("real", "synthetic"), strict=True):
            volume = np.where(brain, volume_of_planes(slices, name, number, grid), 0)
            for axes, plane in zip(half, SLICES_MM, strict=True):
                image = _draw(axes, volume, brain, grid, plane)
        row[0].set_ylabel(label, fontsize=8, color=INK)
    for column, axes in enumerate(grid_of_axes[0]):
        name = "" if column % 3 != 1 else ("Real PET\n", "Synthetic PET\n")[column // 3]
        axes.set_title(f"{name}{position_label(brain, grid, list(SLICES_MM)[column % 3])}", fontsize=9, color=INK)
    label = f"z against the CN training subjects; outlined: |z| ≥ {abs(LOW_Z):g}"
    add_colour_bar(figure, image, grid_of_axes, label, limit=LARGEST_Z, aspect=48)
    figure.suptitle(title, fontsize=11, color=INK, parse_math=False)
    return save(figure, path)


def _draw(axes: "Axes", volume: np.ndarray, brain: np.ndarray, grid: Grid, plane: str) -> "AxesImage":
    style = {"cmap": ERROR_COLOURS, "vmin": -LARGEST_Z, "vmax": LARGEST_Z}
    image = draw_slice(axes, volume, grid, plane, letters=INK, **style)
    outline(axes, brain, grid, plane)
    _outline_strong(axes, volume, grid, plane)
    crop_to_brain(axes, brain, grid, plane, square=True)
    return image


def _outline_strong(axes: "Axes", volume: np.ndarray, grid: Grid, plane: str) -> None:
    """Draws the border of what a reader would mark, along the voxels' edges."""
    cut = take_slice(np.abs(volume) >= abs(LOW_Z), grid, plane)
    if not cut.pixels.any():
        return
    left, right, bottom, top = cut.extent_mm
    fine = np.kron(cut.pixels, np.ones((6, 6)))
    height, width = fine.shape
    across = left + (np.arange(width) + 0.5) * (right - left) / width
    up = bottom + (np.arange(height) + 0.5) * (top - bottom) / height
    axes.contour(across, up, fine, levels=[0.5], colors=INK, linewidths=0.9)
