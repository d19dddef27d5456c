"""The chart of the learning curve: one line a predictor over the number of training subjects."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from pcsa_jax.evaluation.charts import trivial_line_styles
from pcsa_jax.evaluation.summary import METRICS
from pcsa_jax.presentation.charts import LINE_COLOURS, tidy
from pcsa_jax.presentation.figures import INK, MUTED, add_title, new_figure, save
from pcsa_jax.studies.reproduction.learning import SHOWN, Learning

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = (*LINE_COLOURS[:3], *LINE_COLOURS[4:], MUTED)
"""Of the predictors; the fourth is the ceiling's."""

BAND = 0.12
"""Opacity of an interval."""


def learning_chart(path: Path, learning: Learning, *, title: str) -> Path:
    """MAE, PSNR and SSIM in the brain: means as lines, intervals as bands, the ceiling as a level line.

    Args:
      path: PNG to write.
      learning: what to draw.
      title: of the figure.
    """
    figure = new_figure(11.0, 4.4)
    all_axes = figure.subplots(1, len(SHOWN))
    figure.get_layout_engine().set(wspace=0.05)
    for axes, metric in zip(all_axes, SHOWN, strict=True):
        _draw(axes, learning, metric)
        shown = METRICS[metric]
        tidy(axes, f"{shown.label}, brain ({'lower' if shown.lower_is_better else 'higher'} is better)", shown.unit)
        axes.set_xscale("log")
        axes.set_xticks(learning.sizes, [str(size) for size in learning.sizes])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("training subjects", fontsize=9)
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=8.5)
    add_title(figure, title)
    return save(figure, path)


def _draw(axes: "Axes", learning: Learning, metric: str) -> None:
    styles = trivial_line_styles()
    for system, colour in zip(learning.labels, itertools.cycle(COLOURS), strict=False):
        points = [point for point in learning.of(system, metric) if point.mean is not None]
        sizes = [point.train_subjects for point in points]
        bounds = [point.ci95 or (point.mean, point.mean) for point in points]
        axes.fill_between(sizes, *zip(*bounds, strict=True), color=colour, alpha=BAND, linewidth=0) if points else None
        style = {"linestyle": styles.get(system, "-"), "marker": "o", "markersize": 4, "linewidth": 1.5}
        axes.plot(sizes, [point.mean for point in points], color=colour, label=learning.labels[system], **style)
    if metric in learning.ceiling:
        axes.axhline(learning.ceiling[metric], color=LINE_COLOURS[3], linestyle="-.", linewidth=1.3, label="ceiling")
    axes.tick_params(labelcolor=INK)
