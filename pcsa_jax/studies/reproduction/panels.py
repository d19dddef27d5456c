"""One subject as every system sees it: Figs. 4 and 5 of the paper, with the errors below."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.presentation.figures import (
    ERROR_COLOURS,
    INK,
    MRI_COLOURS,
    PANEL_HEIGHTS,
    PET_COLOURS,
    SLICES_MM,
    add_colour_bar,
    crop_to_brain,
    draw_slice,
    error_limit,
    new_figure,
    outline,
    position_label,
    save,
)

if TYPE_CHECKING:
    from matplotlib.image import AxesImage

COLUMN_INCHES = 1.5
GREY_MATTER = {"cmap": MRI_COLOURS, "vmin": 0, "vmax": 1}
UPTAKE = {"cmap": PET_COLOURS, "vmin": 0, "vmax": 1}


def _draw_column(
    column: np.ndarray, volume: np.ndarray, mask: np.ndarray, grid: Grid, style: Mapping, *, is_error: bool = False
) -> "AxesImage":
    """Three planes of a volume, one below the other; returns the last image for a colour bar."""
    for axes, plane in zip(column, SLICES_MM, strict=True):
        image = draw_slice(axes, volume, grid, plane, letters=INK if is_error else "white", **style)
        crop_to_brain(axes, mask, grid, plane)
        if is_error:
            outline(axes, mask, grid, plane)
    return image


def _label_rows(column: np.ndarray, volume: np.ndarray, grid: Grid, what: str) -> None:
    for axes, plane in zip(column, SLICES_MM, strict=True):
        axes.set_ylabel(f"{what}{plane}\n{position_label(volume, grid, plane)}", color=INK, fontsize=8)


def systems_panel(
    path: Path,
    *,
    mri: np.ndarray,
    pet: np.ndarray,
    synthetic: Mapping[str, np.ndarray],
    mask: np.ndarray,
    grid: Grid,
    title: str,
) -> Path:
    """Three planes of MRI, real PET and each system's PET; below each system its error, all on one scale.

    Args:
      path: PNG to write.
      mri: grey-matter map, x y z in [0, 1].
      pet: real PET, same grid, in [0, 1].
      synthetic: name of a system for print -> its PET.
      mask: brain.
      grid: of all of them.
      title: who this is.
    """
    errors = {name: volume - pet for name, volume in synthetic.items()}
    limit = error_limit(list(errors.values()), mask)
    difference = {"cmap": ERROR_COLOURS, "vmin": -limit, "vmax": limit}
    figure = new_figure(COLUMN_INCHES * (2 + len(synthetic)) + 0.6, 9.0)
    axes = figure.subplots(6, 2 + len(synthetic), height_ratios=PANEL_HEIGHTS * 2)
    grey_matter = _draw_column(axes[:3, 0], mri, mask, grid, GREY_MATTER)
    axes[0, 0].set_title("MRI: grey matter\n", fontsize=9, color=INK)
    _label_rows(axes[:3, 0], mri, grid, "")
    uptake = _draw_column(axes[:3, 1], pet, mask, grid, UPTAKE)
    axes[0, 1].set_title("Real PET\n", fontsize=9, color=INK)
    for empty in axes[3:, :2].flat:
        empty.set_axis_off()
    for column, (name, error) in enumerate(errors.items(), start=2):
        _draw_column(axes[:3, column], synthetic[name], mask, grid, UPTAKE)
        shown = _draw_column(axes[3:, column], error, mask, grid, difference, is_error=True)
        mae = np.abs(error[mask]).mean()
        axes[0, column].set_title(f"{name}\nMAE {mae:.4f}", fontsize=9, color=INK, parse_math=False)
    _label_rows(axes[3:, 2], pet, grid, "error, ")
    add_colour_bar(figure, grey_matter, axes[:, 0], "grey matter (0–1)", aspect=10)
    add_colour_bar(figure, uptake, axes[:, 1], "uptake (0–1)", aspect=10)
    add_colour_bar(figure, shown, axes[:, 2:], "synthetic − real, difference in uptake", limit=limit, aspect=40)
    figure.suptitle(title, fontsize=11, color=INK, parse_math=False)
    return save(figure, path)
