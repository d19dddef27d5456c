"""A picture of one synthetic PET beside the grey matter that it was made from."""

from pathlib import Path

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.normalisation import PetScale
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.presentation import figures


def draw_panel(
    path: Path, *, mri: np.ndarray, mean: np.ndarray, std: np.ndarray | None, grid: Grid, scale: PetScale, title: str,
    line: str,
) -> Path:  # fmt: skip
    """Three planes (rows) of MRI, synthetic PET and, of several generators, its SD (columns).

    Args:
      path: PNG to write.
      mri: grey-matter map, x y z in [0, 1].
      mean: synthetic PET on the same grid, in the unit of ``scale``.
      std: voxel-wise SD over the generators, or None.
      grid: of all of them.
      scale: of the PET.
      title: who this is, and what the generator was trained on.
      line: of :func:`~pcsa_jax.presentation.origin.synthetic_line`.
    """
    low, high = scale.range
    unit = "FDG uptake (SUVR)" if scale.unit == "SUVR" else figures.UPTAKE_LABEL
    mask = brain_mask(grid)
    columns = [
        ("MRI: grey matter", mri, figures.GREY_MATTER, "grey-matter map (0–1)"),
        ("Synthetic PET", mean, figures.UPTAKE | {"vmin": low, "vmax": high}, unit),
    ]
    if std is not None:
        top = max(0.05 * (high - low), float(np.percentile(std[mask], 99.5)))
        columns.append(("SD over generators", std, figures.UPTAKE | {"vmax": top}, "SD, same unit"))
    figure = figures.new_figure(2.4 * len(columns) + 0.3, 7.85)
    all_axes = figure.subplots(3, len(columns), height_ratios=figures.PANEL_HEIGHTS)
    for column, (name, volume, style, label) in zip(all_axes.T, columns, strict=True):
        image = figures.draw_column(column, volume, mask, grid, style)
        column[0].set_title(name, fontsize=11, color=figures.INK)
        bar = figure.colorbar(
            image, ax=column, location="bottom", shrink=0.85, pad=0.02, aspect=24,
            ticks=np.linspace(style["vmin"], style["vmax"], 3), format="%.3g",
        )  # fmt: skip
        bar.set_label(label, fontsize=8, color=figures.INK)
        bar.ax.tick_params(labelsize=8)
    figures.label_rows(all_axes[:, 0], grid)
    figures.add_title(figure, title, fontsize=10)
    figures.mark_synthetic(figure, line)
    return figures.save(figure, path)
