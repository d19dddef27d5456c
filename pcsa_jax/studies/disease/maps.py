"""The figure of z-maps: real and synthetic PET of the shown subjects, side by side in three planes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.norms import LOW_Z
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.presentation import figures
from pcsa_jax.presentation.origin import name_origin, synthetic_line
from pcsa_jax.presentation.zmap_page import LARGEST_Z, outline_strong
from pcsa_jax.studies.disease.zmaps import volume_of_planes

Shown = tuple[str, Mapping[str, np.ndarray], int]
"""Label of a subject, the slices of its fold (:class:`~pcsa_jax.studies.disease.findings.FoldFindings`), its row."""


def zmaps_figure(path: Path, shown: Sequence[Shown], grid: Grid, title: str, *, is_phantom: bool) -> Path:
    """Per subject (rows): z of the real PET (left) and of the synthetic PET (right) with the same norm.

    Args:
      path: PNG to write.
      shown: the subjects.
      grid: of the slices.
      title: of the figure.
      is_phantom: the PET of the cohort is simulated, and called so.
    """
    brain = brain_mask(grid)
    figure = figures.new_figure(11.0, 1.25 + 1.72 * len(shown))
    all_axes = figure.subplots(len(shown), 7, squeeze=False, width_ratios=(1, 1, 1, 0.12, 1, 1, 1))
    for axes in all_axes[:, 3]:
        axes.set_visible(False)  # a gap between real and synthetic
    grid_of_axes = np.delete(all_axes, 3, axis=1)
    for row, (label, slices, number) in zip(grid_of_axes, shown, strict=True):
        for half, name in zip((row[:3], row[3:]), ("real", "synthetic"), strict=True):
            volume = np.where(brain, volume_of_planes(slices, name, number, grid), 0)
            for axes, plane in zip(half, figures.SLICES_MM, strict=True):
                style = figures.difference_style(LARGEST_Z)
                image = figures.draw_brain(axes, volume, brain, grid, plane, style, square=True)
                outline_strong(axes, volume, grid, plane)
        row[0].set_ylabel(label, fontsize=8, color=figures.INK)
    names = ("", name_origin("Real PET\n", is_phantom=is_phantom), "", "", "Synthetic PET\n", "")
    for axes, name, plane in zip(grid_of_axes[0], names, 2 * list(figures.SLICES_MM), strict=True):
        axes.set_title(f"{name}{figures.position_label(grid, plane)}", fontsize=9, color=figures.INK)
    label = f"z against the CN training subjects; outlined: |z| ≥ {abs(LOW_Z):g}"
    figures.add_colour_bar(figure, image, grid_of_axes, label, limit=LARGEST_Z, aspect=48)
    figures.add_title(figure, title)
    figures.mark_synthetic(figure, synthetic_line(is_phantom=is_phantom, trained_on_phantom=is_phantom))
    return figures.save(figure, path)
