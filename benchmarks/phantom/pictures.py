"""Pictures of the phantom: two CN and two AD beside the measured template, and phantom maps beside real ones."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.phantom.heads import COARSE
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.phantom import subject
from pcsa_jax.data.phantom.traits import participant_id
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.presentation import figures
from pcsa_jax.presentation.origin import synthetic_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(path: Path, mris: np.ndarray, pets: np.ndarray, is_ad: np.ndarray, measured: np.ndarray | None) -> Path:
    """GM and PET of the first two CN and the first two AD subjects, and the measured template, in three planes.

    Args:
      path: PNG to write.
      mris, pets: subjects x y z on the working grid.
      is_ad: which subjects have AD.
      measured: the FDG template on the same grid, or None to leave it out.
    """
    grid = subject.WORKING_GRID
    mask = brain_mask(grid)
    shown = [(group, i) for group, of in (("CN", ~is_ad), ("AD", is_ad)) for i in np.flatnonzero(of)[:2]]
    uptake = [pets[i] for _, i in shown] + ([measured] if measured is not None else [])
    uptake_style = figures.UPTAKE | {"vmax": max(np.ceil(2 * np.percentile(v[mask], 99.9)) / 2 for v in uptake)}
    columns = [(f"{participant_id(i + 1)} ({group})", mris[i], figures.GREY_MATTER) for group, i in shown]
    columns += [(f"{participant_id(i + 1)} ({group})", pets[i], uptake_style) for group, i in shown]
    columns += [("measured\nFDG template", measured, uptake_style)] if measured is not None else []
    figure, axes = _columns(columns, grid, width=1.5)
    for below, label in (
        (axes[:, : len(shown)], "grey-matter map (0–1)"),
        (axes[:, len(shown) :], "FDG uptake (SUVR)"),
    ):
        _colour_bar(figure, below, label)
    figures.add_title(figure, "PHANTOM: grey matter and simulated FDG-PET of two CN and two AD subjects")
    return figures.save(figure, path)


def draw_scan(path: Path, grey_matter: np.ndarray, pets: dict[str, np.ndarray]) -> Path:
    """A grey-matter map and PETs by name, each divided by its mean in the brain, in three planes (32^3)."""
    mask = brain_mask(COARSE)
    columns = [("grey-matter map", grey_matter, figures.GREY_MATTER)]
    style = figures.UPTAKE | {"vmax": 2.0}
    columns += [(name, pet / pet[mask].mean(), style) for name, pet in pets.items()]
    figure, axes = _columns(columns, COARSE, width=1.9)
    _colour_bar(figure, axes[:, :1], "GM map (0–1)")
    _colour_bar(figure, axes[:, 1:], "uptake over its mean in the brain")
    figures.add_title(figure, "A measured T1: PET by two PHANTOM-trained generators, and measured FDG of others")
    figures.mark_synthetic(figure, synthetic_line(is_phantom=False, trained_on_phantom=True))
    return figures.save(figure, path)


def _columns(
    columns: list[tuple[str, np.ndarray, dict[str, Any]]], grid: Grid, *, width: float
) -> tuple["Figure", np.ndarray]:
    """A figure of volumes side by side, each in three planes under its title; ``width`` of a column in inches."""
    figure = figures.new_figure(width * len(columns) + 0.4, 3 * width + 0.9)
    axes = figure.subplots(3, len(columns), height_ratios=figures.PANEL_HEIGHTS)
    for column, (title, volume, style) in zip(axes.T, columns, strict=True):
        figures.draw_column(column, volume, brain_mask(grid), grid, style)
        column[0].set_title(title, fontsize=9, color=figures.INK)
    figures.label_rows(axes[:, 0], grid, fontsize=8)
    return figure, axes


def _colour_bar(figure: "Figure", below: np.ndarray, label: str) -> None:
    bar = figure.colorbar(below[0, 0].images[0], ax=below, location="bottom", shrink=0.6, pad=0.02, aspect=50)
    bar.set_label(label, fontsize=8, color=figures.INK)
    bar.ax.tick_params(labelsize=8)


def draw_maps(path: Path, rows: list[tuple[str, np.ndarray]], titles: list[list[str]]) -> Path:
    """Grey-matter maps in an axial plane and the midline sagittal one: a row for each kind of head.

    Args:
      path: PNG to write.
      rows: (name of the kind, maps n x 64^3), each with the same n.
      titles: of each map of each row.
    """
    grid = subject.WORKING_GRID
    mask, count = brain_mask(grid), max(len(maps) for _, maps in rows)
    planes = ("axial", "sagittal")
    figure = figures.new_figure(1.5 * count * len(planes) + 0.5, 1.9 * len(rows) + 0.9)
    axes = figure.subplots(len(rows), count * len(planes), squeeze=False)
    for row, ((kind, maps), names) in enumerate(zip(rows, titles, strict=True)):
        for k, volume in enumerate(maps):
            for p, plane in enumerate(planes):
                cell = axes[row, len(planes) * k + p]
                figures.draw_brain(cell, volume, mask, grid, plane, figures.GREY_MATTER)
                if p == 0:
                    cell.set_title(names[k], fontsize=8, color=figures.INK, loc="left")
        for cell in axes[row, len(planes) * len(maps) :]:
            cell.set_axis_off()
        axes[row, 0].set_ylabel(kind, fontsize=8, color=figures.INK)
    figures.add_title(figure, "Grey-matter maps (0–1, 8 mm): simulated people and real heads")
    return figures.save(figure, path)
