"""One subject as every system sees it: Figs. 4 and 5 of the paper, with the errors below."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.presentation import figures
from pcsa_jax.presentation.origin import name_origin, synthetic_line

COLUMN_INCHES = 1.5


def systems_panel(
    path: Path,
    *,
    mri: np.ndarray,
    pet: np.ndarray,
    synthetic: Mapping[str, np.ndarray],
    mask: np.ndarray,
    grid: Grid,
    title: str,
    is_phantom: bool,
) -> Path:
    """Three planes of MRI, real PET and each system's PET; below each system its error, all on one scale.

    Args:
      path: PNG to write.
      mri: grey-matter map, x y z in [0, 1].
      pet: the PET of the cohort, same grid, in [0, 1].
      synthetic: name of a system for print -> its PET.
      mask: brain.
      grid: of all of them.
      title: who this is.
      is_phantom: the PET of the cohort is simulated, and called so.
    """
    errors = {name: volume - pet for name, volume in synthetic.items()}
    limit = figures.error_limit(list(errors.values()), mask)
    difference = figures.difference_style(limit)
    figure = figures.new_figure(COLUMN_INCHES * (2 + len(synthetic)) + 0.6, 9.0)
    axes = figure.subplots(6, 2 + len(synthetic), height_ratios=figures.PANEL_HEIGHTS * 2)
    grey_matter = figures.draw_column(axes[:3, 0], mri, mask, grid, figures.GREY_MATTER)
    figures.label_rows(axes[:3, 0], grid, fontsize=8)
    uptake = figures.draw_column(axes[:3, 1], pet, mask, grid, figures.UPTAKE)
    for empty in axes[3:, :2].flat:
        empty.set_axis_off()
    headings = ["MRI: grey matter\n", name_origin("Real PET\n", is_phantom=is_phantom)]
    for column, (name, error) in enumerate(errors.items(), start=2):
        figures.draw_column(axes[:3, column], synthetic[name], mask, grid, figures.UPTAKE)
        shown = figures.draw_column(axes[3:, column], error, mask, grid, difference)
        headings.append(f"{name}\nMAE {np.abs(error[mask]).mean():.4f}")
    for top, heading in zip(axes[0], headings, strict=True):
        top.set_title(heading, fontsize=9, color=figures.INK, parse_math=False)
    figures.label_rows(axes[3:, 2], grid, "error, ", fontsize=8)
    figures.add_colour_bar(figure, grey_matter, axes[:, 0], "grey matter (0–1)", aspect=10)
    figures.add_colour_bar(figure, uptake, axes[:, 1], "uptake (0–1)", aspect=10)
    label = name_origin("synthetic − real, difference in uptake", is_phantom=is_phantom)
    figures.add_colour_bar(figure, shown, axes[:, 2:], label, limit=limit, aspect=40)
    figures.add_title(figure, title)
    figures.mark_synthetic(figure, synthetic_line(is_phantom=is_phantom, trained_on_phantom=is_phantom))
    return figures.save(figure, path)
