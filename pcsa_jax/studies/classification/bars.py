"""Every measure of every arm with its interval, as in Fig. 6: points, as the scale does not begin at 0."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pcsa_jax.presentation.charts import tidy
from pcsa_jax.presentation.figures import add_title, new_figure, save
from pcsa_jax.presentation.origin import name_origin, phantom_mark
from pcsa_jax.studies.classification.aggregation import Estimate
from pcsa_jax.studies.classification.lines import PART_LABELS, Line, label_of
from pcsa_jax.studies.classification.measures import MEASURES
from pcsa_jax.studies.classification.results import PartResults
from pcsa_jax.studies.classification.roc import OTHER_STYLE, STYLES, subjects_phrase
from pcsa_jax.studies.classification.wording import capital

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GROUP_WIDTH = 0.72
"""Of the lines of one measure, where 1 is the distance between measures."""


def measures_figure(path: Path, parts: Mapping[str, PartResults], *, is_phantom: bool) -> Path:
    """One panel per part: the measures side by side, one point and 95 % interval per line.

    Args:
      path: PNG to write.
      parts: part of the cohort -> its results.
      is_phantom: the cohort is simulated, and title and legend say so.
    """
    figure = new_figure(10.5, 0.9 + 3.1 * len(parts))
    panels = figure.subplots(len(parts), 1, squeeze=False, sharey=True).flat
    handles = {}
    for axes, (part, results) in zip(panels, parts.items(), strict=True):
        for place, (key, line) in enumerate(results.lines.items()):
            offset = GROUP_WIDTH * ((place + 0.5) / len(results.lines) - 0.5)
            handles.setdefault(key, _draw(axes, line, results.found[key], offset))
        tidy(axes, f"{capital(PART_LABELS[part])}: {subjects_phrase(line)}", "%")
        axes.grid(axis="x", visible=False)
        for border in np.arange(0.5, len(MEASURES) - 1):
            axes.axvline(border, color="#e6e8eb", linewidth=0.8)
        axes.set_xticks(range(len(MEASURES)), list(MEASURES.values()))
        axes.set_xlim(-0.5, len(MEASURES) - 0.5)
        axes.tick_params(axis="x", labelsize=9, length=0)
    axes.set_ylim(top=min(axes.get_ylim()[1], 101.5))
    names = [name_origin(label_of(key), is_phantom=is_phantom) for key in handles]
    figure.legend(list(handles.values()), names, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    mark = phantom_mark(is_phantom=is_phantom)
    add_title(figure, f"{mark}AD against CN, 95 % bootstrap interval over subjects")
    return save(figure, path)


def _draw(axes: "Axes", line: Line, found: Mapping[str, Estimate], offset: float) -> object:
    colour, dashes, marker = STYLES.get(line.key, OTHER_STYLE)
    shown = [(place, found[key]) for place, key in enumerate(MEASURES) if found[key].value is not None]
    middle = np.array([100 * entry.value for _, entry in shown])
    bounds = np.array([[100 * bound for bound in entry.ci95 or (entry.value,) * 2] for _, entry in shown]).reshape(
        -1, 2
    )
    bars = axes.errorbar(
        [place + offset for place, _ in shown], middle, np.abs(bounds - middle[:, None]).T, fmt=marker, color=colour,
        markerfacecolor="white" if dashes == "--" else colour, markersize=4.5, capsize=2.5, linewidth=1.2,
    )  # fmt: skip
    return bars
