"""Figures of volumes: one subject in three planes, and the mean of each diagnosis."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.presentation import figures
from pcsa_jax.presentation.origin import name_origin


def subject_panel(
    path: Path,
    *,
    mri: np.ndarray,
    synthetic: np.ndarray,
    pet: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    title: str,
    limit: float,
    is_phantom: bool,
    line: str,
) -> Path:
    """Three planes (rows) of MRI, synthetic PET, real PET and their difference (columns).

    Args:
      path: PNG to write.
      mri: grey-matter map, x y z in [0, 1].
      synthetic: generated PET, same grid, in [0, 1].
      pet: the PET of the cohort.
      mask: brain.
      grid: of all of them.
      title: who this is, and the scores.
      limit: of the error's colour scale, from -limit to limit; pass the same for figures to be compared.
      is_phantom: the PET of the cohort is simulated, and called so.
      line: of :func:`~pcsa_jax.presentation.origin.synthetic_line`.
    """
    difference = figures.difference_style(limit)
    columns = (
        ("MRI: grey matter", mri, figures.GREY_MATTER, "grey-matter map (0–1)"),
        ("Synthetic PET", synthetic, figures.UPTAKE, figures.UPTAKE_LABEL),
        ("Real PET", pet, figures.UPTAKE, figures.UPTAKE_LABEL),
        ("Synthetic − real", synthetic - pet, difference, "difference in uptake"),
    )
    figure = figures.new_figure(9.6, 7.85)
    grid_of_axes = figure.subplots(3, 4, height_ratios=figures.PANEL_HEIGHTS)
    for axes, (name, volume, style, label) in zip(grid_of_axes.T, columns, strict=True):
        image = figures.draw_column(axes, volume, mask, grid, style)
        axes[0].set_title(name_origin(name, is_phantom=is_phantom), fontsize=11, color=figures.INK)
        figures.add_colour_bar(figure, image, axes, label, limit=limit if style is difference else None)
    figures.label_rows(grid_of_axes[:, 0], grid)
    figures.add_title(figure, title)
    figures.mark_synthetic(figure, line)
    return figures.save(figure, path)


def group_means(
    path: Path,
    *,
    real: np.ndarray,
    synthetic: np.ndarray,
    diagnoses: Sequence[str],
    mask: np.ndarray,
    grid: Grid,
    title: str,
    is_phantom: bool,
    line: str,
) -> Path | None:
    """Mean AD, mean CN and AD - CN, of the real (above) and the synthetic PET (below), in two planes.

    Args:
      path: PNG to write.
      real, synthetic: PET, n x y z in [0, 1].
      diagnoses: of their rows.
      mask, grid, title, is_phantom, line: as for :func:`subject_panel`.

    Returns:
      The path, or None (and no file) unless there are both AD and CN subjects.
    """
    groups = {name: np.flatnonzero(np.asarray(diagnoses) == name) for name in ("AD", "CN")}
    if not all(len(rows) for rows in groups.values()):
        return None
    means = [{name: volumes[rows].mean(axis=0) for name, rows in groups.items()} for volumes in (real, synthetic)]
    limit = figures.error_limit([mean["AD"] - mean["CN"] for mean in means], mask)
    figure = figures.new_figure(11.0, 5.0)
    grid_of_axes = figure.subplots(2, 6)
    for row, (strip, mean) in enumerate(zip(grid_of_axes, means, strict=True)):
        maps = {"AD": mean["AD"], "CN": mean["CN"], "AD − CN": mean["AD"] - mean["CN"]}
        for axes, (name, plane) in zip(strip, itertools.product(maps, ("sagittal", "axial")), strict=True):
            style = figures.UPTAKE if name in groups else figures.difference_style(limit)
            image = figures.draw_brain(axes, maps[name], mask, grid, plane, style, square=True)
            if row == 0:
                count = f" (n = {len(groups[name])})" if name in groups else ""
                axes.set_title(f"{name}{count}\n{figures.position_label(grid, plane)}", fontsize=9, color=figures.INK)
        what = ("Real PET", "Synthetic PET")[row]
        strip[0].set_ylabel(name_origin(what, is_phantom=is_phantom), fontsize=11, color=figures.INK)
    uptake = grid_of_axes[-1, 0].images[0]
    figures.add_colour_bar(figure, uptake, grid_of_axes[:, :4], figures.UPTAKE_LABEL, aspect=48)
    figures.add_title(figure, title)
    figures.add_colour_bar(figure, image, grid_of_axes[:, 4:], "AD − CN (difference in uptake)", limit=limit)
    figures.mark_synthetic(figure, line)
    return figures.save(figure, path)
