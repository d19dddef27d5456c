"""Figures of numbers: regional agreement with effect sizes, and the answer to planted lesions."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.lesions import DEPTHS, PLACES
from pcsa_jax.data.predictors.registry import TRIVIAL_PREDICTORS
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.evaluation.ceilings import CEILING, CEILING_OWN_RANGE
from pcsa_jax.evaluation.people import one_row_each
from pcsa_jax.evaluation.summary import MODEL, predictor_labels
from pcsa_jax.presentation import figures
from pcsa_jax.presentation.charts import DIAGNOSIS_COLOURS, OTHER_COLOUR, diagnosis_handles, draw_scatter, tidy
from pcsa_jax.presentation.figures import INK, MUTED
from pcsa_jax.presentation.origin import name_origin, synthetic_line
from pcsa_jax.studies.disease.lesions import KINDS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

REGION_LABELS = {
    "posterior_cingulate_precuneus": "post. cingulate,\nprecuneus",
    "angular": "angular",
    "inferior_temporal": "inferior temporal",
    "hippocampus": "hippocampus",
    "sensorimotor": "sensorimotor\n(control)",
}
PLACE_LABELS = {
    "posterior_cingulate_precuneus": "posterior cingulate, precuneus",
    "angular_left": "left angular",
    "sensorimotor": "sensorimotor (control)",
}
PLACE_PLANES = {"posterior_cingulate_precuneus": "sagittal", "angular_left": "axial", "sensorimotor": "coronal"}
"""The one of the figures' planes that shows each place best."""

OWN_STYLES = {"real": (INK, "D"), MODEL: ("#c8553d", "o"), CEILING: ("#4c9a6a", "v")}
TRIVIAL_STYLES = (("#2f6f9f", "s"), ("#8a8f98", "^"), ("#8e6bbf", "P"), ("#b8860b", "X"))
"""Colour and marker of the real PET and of each predictor; the marker tells them apart without colour."""


KEPT = "Part of the real AD − CN difference that is kept"


def _style_of(series: str) -> tuple[str, str]:
    trivial = dict(zip(TRIVIAL_PREDICTORS, itertools.cycle(TRIVIAL_STYLES), strict=False))
    return (OWN_STYLES | trivial)[series]


def _series_labels() -> dict[str, str]:
    return {"real": "real PET", **predictor_labels()}


def regions_figure(path: Path, regions: "pd.DataFrame", table: "pd.DataFrame", title: str, *, is_phantom: bool) -> Path:
    """Above: the generator's uptake against the real one. Below: effect sizes and what is left of the difference.

    Args:
      path: PNG to write.
      regions: the lines of ``regions.tsv``.
      table: the lines of ``regional_agreement.tsv``.
      title: of the figure.
      is_phantom: the PET of the cohort is simulated, and called so.
    """
    names = list(table["region"].unique())
    own = one_row_each(regions[regions["predictor"] == "model"], ["region"], ["real", "synthetic"])
    figure = figures.new_figure(11.0, 6.6)
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1.25))
    for axes, region in zip(above.subplots(1, len(names)), names, strict=True):
        here = own[own["region"] == region]
        colours = [DIAGNOSIS_COLOURS.get(diagnosis, OTHER_COLOUR) for diagnosis in here["diagnosis"]]
        tidy(axes)
        draw_scatter(axes, here["real"].to_numpy(), here["synthetic"].to_numpy(), colours, REGION_LABELS[region])
        axes.locator_params(nbins=4)
        axes.set_xlabel(name_origin("uptake, real", is_phantom=is_phantom), fontsize=9)
    above.axes[0].set_ylabel("uptake, generator", fontsize=9)
    above.legend(handles=diagnosis_handles(own["diagnosis"]), loc="outside right center", frameon=False, fontsize=9)
    effect, share = below.subplots(1, 2)
    _draw_effects(effect, table, names)
    _draw_shares(share, table, names, name_origin(KEPT, is_phantom=is_phantom))
    # The mean PET has no effect size and the real PET no share: the legend takes from both.
    handles, labels = (
        one + other for one, other in zip(*(axes.get_legend_handles_labels() for axes in (effect, share)), strict=True)
    )
    named = dict(zip(labels, handles, strict=True))
    order = [label for label in _series_labels().values() if label in named]
    shown_as = [name_origin(label, is_phantom=is_phantom) for label in order]
    below.legend(
        [named[label] for label in order], shown_as, loc="outside lower center", ncols=5, frameon=False, fontsize=9
    )
    figures.add_title(figure, title)
    return figures.save(figure, path)


def _drawn(table: "pd.DataFrame") -> list[str]:
    """The predictors in the figure; of the two ceilings the one that the text speaks of."""
    return [name for name in predictor_labels() if name in set(table["predictor"]) and name != CEILING_OWN_RANGE]


def _draw_series(axes: "Axes", place: np.ndarray, rows: "pd.DataFrame", column: str, name: str) -> None:
    """Values with their intervals, one a region; those without a value are left out."""
    value, low, high = (rows[f"{column}{end}"].to_numpy(float) for end in ("", "_low", "_high"))
    known = np.isfinite(value)
    if not known.any():
        return
    low, high = np.where(np.isfinite(low), low, value), np.where(np.isfinite(high), high, value)
    colour, marker = _style_of(name)
    bars = np.abs([value - low, high - value])[:, known]
    axes.errorbar(
        place[known], value[known], bars, fmt=marker, color=colour, markersize=5, capsize=2, linewidth=1.2,
        label=_series_labels()[name],
    )  # fmt: skip


def _draw_effects(axes: "Axes", table: "pd.DataFrame", regions: Sequence[str]) -> None:
    present = _drawn(table)
    shifts = np.linspace(-0.28, 0.28, len(present) + 1)
    across = np.arange(len(regions))
    first = table[table["predictor"] == present[0]]
    _draw_series(axes, across + shifts[0], first, "d_real", "real")
    for shift, name in zip(shifts[1:], present, strict=True):
        _draw_series(axes, across + shift, table[table["predictor"] == name], "d_synthetic", name)
    axes.axhline(0, color=MUTED, linewidth=0.9)
    _finish(axes, regions, "AD − CN: effect size (below 0: lower in AD)", "Cohen's d")


def _draw_shares(axes: "Axes", table: "pd.DataFrame", regions: Sequence[str], title: str) -> None:
    present = _drawn(table)
    across = np.arange(len(regions))
    for shift, name in zip(np.linspace(-0.24, 0.24, len(present)), present, strict=True):
        _draw_series(axes, across + shift, table[table["predictor"] == name], "share_kept", name)
    axes.axhline(0, color=MUTED, linewidth=0.9)
    axes.axhline(1, color=MUTED, linewidth=0.9, linestyle="--")
    for place, region in enumerate(regions):
        if table[table["region"] == region]["share_kept"].isna().all():
            axes.text(place, 0.5, "not\ngiven", ha="center", va="center", fontsize=8, color=MUTED)
    _finish(axes, regions, title, "share (1 = all)")


def _finish(axes: "Axes", regions: Sequence[str], title: str, ylabel: str) -> None:
    tidy(axes, title, ylabel)
    axes.set_xlim(-0.5, len(regions) - 0.5)
    axes.set_xticks(
        range(len(regions)), [REGION_LABELS[region].replace(" temporal", "\ntemporal") for region in regions]
    )
    axes.grid(axis="x", visible=False)


def lesions_figure(
    path: Path, summary: "pd.DataFrame", changes: dict[str, np.ndarray], grid: Grid, title: str, *, is_phantom: bool
) -> Path:
    """Per place (rows): answer against planted depth, and maps of the deepest lesion and of what became of it.

    Args:
      path: PNG to write.
      summary: the lines of ``lesion_summary.tsv``.
      changes: mean changes of :class:`~pcsa_jax.studies.disease.findings.FoldFindings`.
      grid: of the changes.
      title: of the figure.
      is_phantom: the PET of the cohort is simulated, and called so.
    """
    brain = brain_mask(grid)
    limit = figures.error_limit(list(changes.values()), brain)
    style = figures.difference_style(limit)
    figure = figures.new_figure(11.0, 8.6)
    grid_of_axes = figure.subplots(len(PLACES), 4, width_ratios=(1.35, 1, 1, 1))
    columns = ("planted: real PET", "generator,\nwith MRI correlate", "generator,\nwithout MRI correlate")
    for row, place in zip(grid_of_axes, PLACES, strict=True):
        _draw_answers(row[0], summary[summary["place"] == place], PLACE_LABELS[place])
        planted, answer, plane = changes[f"real_{place}"], changes[f"synthetic_{place}"], PLACE_PLANES[place]
        # Without a correlate the generator's input is the same, hence its output: the map is 0 everywhere.
        for axes, change in zip(row[1:], (planted, answer, np.zeros_like(answer)), strict=True):
            image = figures.draw_brain(axes, np.where(brain, change, 0), brain, grid, plane, style, square=True)
        row[1].set_ylabel(figures.position_label(grid, plane), fontsize=8, color=INK)
    for axes, column in zip(grid_of_axes[0, 1:], columns, strict=True):
        axes.set_title(name_origin(column, is_phantom=is_phantom), fontsize=9, color=INK)
    grid_of_axes[-1, 0].set_xlabel("planted depth (%)", fontsize=9)
    grid_of_axes[0, 0].legend(fontsize=7, frameon=False, loc="upper left")
    label = f"mean change of uptake, lesion of {100 * max(DEPTHS):.0f} %"
    figures.add_colour_bar(figure, image, grid_of_axes[:, 1:], label, limit=limit, aspect=40)
    figures.add_title(figure, title)
    figures.mark_synthetic(figure, synthetic_line(is_phantom=is_phantom, trained_on_phantom=is_phantom))
    return figures.save(figure, path)


def _draw_answers(axes: "Axes", rows: "pd.DataFrame", title: str) -> None:
    """Response against planted depth, in per cent, of every predictor that reads the MRI, with and without a trace."""
    whole = 100 * max(DEPTHS)
    axes.plot((0, whole), (0, whole), color=MUTED, linewidth=0.9, linestyle="--", label="followed fully")
    trivial = [(name, "mri", True) for name, predictor in TRIVIAL_PREDICTORS.items() if predictor.reads_mri]
    for name, kind, filled in ((MODEL, "mri", True), *trivial, (MODEL, "pet_only", False)):
        own = rows[(rows["predictor"] == name) & (rows["kind"] == kind)]
        colour, marker = _style_of(name)
        value, low, high = (100 * own[key].to_numpy(float) for key in ("response", "response_low", "response_high"))
        low, high = np.where(np.isfinite(low), low, value), np.where(np.isfinite(high), high, value)
        axes.errorbar(
            100 * own["depth"], value, np.abs([value - low, high - value]), color=colour, marker=marker, markersize=4,
            markerfacecolor=colour if filled else "white", linewidth=1.3, linestyle="-" if filled else ":", capsize=2,
            label=f"{predictor_labels()[name]}, {KINDS[kind]}",
        )  # fmt: skip
    axes.set_ylim(top=max(axes.get_ylim()[1], 1.55 * whole))
    tidy(axes, title, "response (%)")
