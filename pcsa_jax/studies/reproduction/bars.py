"""The figure of a row set's scores: one dot per subject, the mean with its interval, trivial predictors as lines."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pcsa_jax.evaluation.ceilings import CEILING
from pcsa_jax.evaluation.charts import trivial_line_styles
from pcsa_jax.evaluation.summary import METRICS
from pcsa_jax.presentation.charts import LINE_COLOURS, tidy
from pcsa_jax.presentation.figures import INK, add_title, new_figure, save
from pcsa_jax.presentation.numbers import number
from pcsa_jax.studies.reproduction.rowsets import RowSet
from pcsa_jax.studies.reproduction.statistics import Statistics, label, per_participant, system_lines

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

DOT_COLOUR, CEILING_COLOUR, TRIVIAL_COLOUR = LINE_COLOURS[1], LINE_COLOURS[3], LINE_COLOURS[2]
LABEL_BOX = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}


def _line_styles() -> dict[str, Any]:
    return {**trivial_line_styles(), CEILING: "-."}


def _draw_systems(
    axes: "Axes", metric: str, subjects: Mapping[str, "pd.DataFrame"], statistics: Statistics, reference: str
) -> None:
    rng = np.random.default_rng(0)
    for place, (row, table) in enumerate(subjects.items()):
        values, spread = table[metric].to_numpy(float), statistics.spreads[row][metric]
        across = place + 0.14 + rng.uniform(-0.14, 0.14, len(values))
        axes.scatter(values, across, s=6, c=DOT_COLOUR, alpha=min(0.4, 8 / len(values) ** 0.5), linewidths=0)
        if spread.mean is not None:
            low, high = spread.ci95 or (spread.mean, spread.mean)
            bar = [[spread.mean - low], [high - spread.mean]]
            marker = "D" if row == reference else "o"
            style = {"color": INK, "markersize": 5, "capsize": 3, "linewidth": 1.4}
            axes.errorbar(spread.mean, place - 0.2, xerr=bar, fmt=marker, **style)


def _draw_references(axes: "Axes", rowset: RowSet, metric: str, statistics: Statistics) -> None:
    for name, style in _line_styles().items():
        mean = statistics.spreads[name][metric].mean if name in statistics.spreads else None
        if mean is not None:
            colour = CEILING_COLOUR if name == CEILING else TRIVIAL_COLOUR
            axes.axvline(mean, color=colour, linestyle=style, linewidth=1.3, label=label(rowset, name), zorder=1.5)


def _leave_far_rows_out(
    axes: "Axes", metric: str, subjects: Mapping[str, "pd.DataFrame"], statistics: Statistics, reference: str
) -> None:
    """Where a row's mean is further off than the core of the picture is wide, cuts it off and prints its value."""
    means = [statistics.spreads[row][metric].mean for row in subjects]
    lines = [spreads[metric].mean for name, spreads in statistics.spreads.items() if name in _line_styles()]
    lines = [mean for mean in lines if mean is not None]
    own = subjects[reference if reference in subjects else next(iter(subjects))][metric].dropna()
    core = np.array([*own, *lines])
    width = np.ptp(core) if len(core) else 0.0
    if not width:
        return
    low, high = core.min() - width, core.max() + width
    far = {place: mean for place, mean in enumerate(means) if mean is not None and not low <= mean <= high}
    near = np.concatenate([core, *(t[metric] for place, t in enumerate(subjects.values()) if place not in far)])
    if far:
        axes.set_xlim(np.nanmin(near) - 0.05 * width, np.nanmax(near) + 0.05 * width)
    for place, mean in far.items():
        value = number(mean, METRICS[metric].digits)
        where, text = (0.01, f"◀ {value}") if mean < low else (0.99, f"{value} ▶")
        style = {"color": INK, "fontsize": 8.5, "va": "center", "ha": "left" if mean < low else "right"}
        axes.text(where, place, text, transform=axes.get_yaxis_transform(), bbox=LABEL_BOX, **style)


def score_figure(path: Path, rowset: RowSet, scores: "pd.DataFrame", statistics: Statistics, *, mark: str = "") -> Path:
    """MAE, PSNR and SSIM in the brain (above) and over the whole volume (below), one line per system.

    Args:
      path: PNG to write.
      rowset: whose rows are drawn.
      scores: the long table, for the dots.
      statistics: of the same scores.
      mark: put before the title.
    """
    lines = system_lines(rowset, scores)
    subjects = {row: per_participant(lines[row]) for row in rowset.rows if row in lines}
    subjects = {row: table.replace([np.inf, -np.inf], np.nan) for row, table in subjects.items()}
    names = [rowset.labels[row] for row in subjects]
    figure = new_figure(11.0, 2.0 + 0.84 * len(names))
    all_axes = figure.subplots(2, 3, sharey=True)
    figure.get_layout_engine().set(wspace=0.05)  # or the last number of an axis meets the first of the next
    ordered = sorted(METRICS.items(), key=lambda item: item[1].region != "brain")
    for axes, (key, metric) in zip(all_axes.flat, ordered, strict=True):
        _draw_systems(axes, key, subjects, statistics, rowset.reference)
        _draw_references(axes, rowset, key, statistics)
        _leave_far_rows_out(axes, key, subjects, statistics, rowset.reference)
        tidy(axes, f"{metric.label}, {metric.region} ({'←' if metric.lower_is_better else '→'} better)")
        axes.set_xlabel(metric.title, fontsize=9)
        axes.grid(axis="y", visible=False)
        axes.locator_params(axis="x", nbins=5)
    # Shared by all six: the first system on top.
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.set_yticks(range(len(names)), names)
    for axes in all_axes.flat:
        axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=9)
    handles = [*_dot_handles(rowset.labels[rowset.reference]), *all_axes[0, 0].get_legend_handles_labels()[0]]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=8.5)
    add_title(figure, f"{mark}{rowset.title} ({rowset.paper})")
    return save(figure, path)


def _dot_handles(reference: str) -> list:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=DOT_COLOUR, alpha=0.6, marker="o", linestyle="", markersize=4, label="one subject"),
        Line2D([], [], color=INK, marker="o", linewidth=1.4, markersize=5, label="mean, 95 % CI"),
        Line2D([], [], color=INK, marker="D", linewidth=1.4, markersize=5, label=f"the same of {reference}"),
    ]
