"""Figures of volumes: one subject in three planes, and the mean of each diagnosis."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.presentation.figures import (
    ERROR_COLOURS,
    INK,
    MRI_COLOURS,
    PANEL_HEIGHTS,
    PET_COLOURS,
    SLICES_MM,
    UPTAKE_LABEL,
    add_colour_bar,
    crop_to_brain,
    draw_slice,
    error_limit,
    new_figure,
    outline,
    position_label,
    save,
)


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
) -> Path:
    """Three planes (rows) of MRI, synthetic PET, real PET and their difference (columns).

    Args:
      path: PNG to write.
      mri: grey-matter map, x y z in [0, 1].
      synthetic: generated PET, same grid, in [0, 1].
      pet: real PET.
      mask: brain.
      grid: of all of them.
      title: who this is, and the scores.
      limit: of the error's colour scale, from -limit to limit; pass the same for figures to be compared.
    """
    uptake = {"cmap": PET_COLOURS, "vmin": 0, "vmax": 1}
    columns = (
        ("MRI: grey matter", mri, {"cmap": MRI_COLOURS, "vmin": 0, "vmax": 1}, "grey-matter map (0–1)"),
        ("Synthetic PET", synthetic, uptake, UPTAKE_LABEL),
        ("Real PET", pet, uptake, UPTAKE_LABEL),
        (
            "Synthetic − real",
            synthetic - pet,
            {"cmap": ERROR_COLOURS, "vmin": -limit, "vmax": limit},
            "difference in uptake",
        ),
    )
    figure = new_figure(9.6, 7.85)
    grid_of_axes = figure.subplots(3, 4, height_ratios=PANEL_HEIGHTS)
    for column, (name, volume, style, label) in enumerate(columns):
        is_error = column == 3
        for axes, plane in zip(grid_of_axes[:, column], SLICES_MM, strict=True):
            image = draw_slice(axes, volume, grid, plane, letters=INK if is_error else "white", **style)
            crop_to_brain(axes, mask, grid, plane)
            if is_error:
                outline(axes, mask, grid, plane)
            if column == 0:
                axes.set_ylabel(f"{plane}\n{position_label(volume, grid, plane)}", color=INK)
        grid_of_axes[0, column].set_title(name, fontsize=11, color=INK)
        add_colour_bar(figure, image, grid_of_axes[:, column], label, limit=limit if is_error else None)
    figure.suptitle(title, fontsize=11, color=INK, parse_math=False)
    return save(figure, path)


def group_means(
    path: Path,
    *,
    real: np.ndarray,
    synthetic: np.ndarray,
    diagnoses: Sequence[str],
    mask: np.ndarray,
    grid: Grid,
    title: str,
) -> Path | None:
    """Mean AD, mean CN and AD - CN, of the real (above) and the synthetic PET (below), in two planes.

    Returns:
      The path, or None (and no file) unless there are both AD and CN subjects.
    """
    groups = {name: np.flatnonzero(np.asarray(diagnoses) == name) for name in ("AD", "CN")}
    if not all(len(rows) for rows in groups.values()):
        return None
    means = [{name: volumes[rows].mean(axis=0) for name, rows in groups.items()} for volumes in (real, synthetic)]
    limit = error_limit([mean["AD"] - mean["CN"] for mean in means], mask)
    uptake = {"cmap": PET_COLOURS, "vmin": 0, "vmax": 1}
    difference = {"cmap": ERROR_COLOURS, "vmin": -limit, "vmax": limit}
    figure = new_figure(11.0, 5.0)
    grid_of_axes = figure.subplots(2, 6)
    for row, mean in enumerate(means):
        maps = {"AD": mean["AD"], "CN": mean["CN"], "AD − CN": mean["AD"] - mean["CN"]}
        for column, (name, plane) in enumerate(itertools.product(maps, ("sagittal", "axial"))):
            is_difference = name not in groups
            axes, style = grid_of_axes[row, column], difference if is_difference else uptake
            image = draw_slice(axes, maps[name], grid, plane, letters=INK if is_difference else "white", **style)
            crop_to_brain(axes, mask, grid, plane, square=True)
            if is_difference:
                outline(axes, mask, grid, plane)
            if row == 0:
                count = "" if is_difference else f" (n = {len(groups[name])})"
                axes.set_title(f"{name}{count}\n{position_label(maps[name], grid, plane)}", fontsize=9, color=INK)
            if (row, column) == (1, 3):
                add_colour_bar(figure, image, grid_of_axes[:, :4], UPTAKE_LABEL, aspect=48)
        grid_of_axes[row, 0].set_ylabel(("Real PET", "Synthetic PET")[row], fontsize=11, color=INK)
    figure.suptitle(title, fontsize=11, color=INK, parse_math=False)
    add_colour_bar(figure, image, grid_of_axes[:, 4:], "AD − CN (difference in uptake)", limit=limit)
    return save(figure, path)
