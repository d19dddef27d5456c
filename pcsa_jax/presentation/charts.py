"""What every chart shares: colours, axes, legends, scatter plots."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pcsa_jax.presentation.figures import INK, MUTED
from pcsa_jax.presentation.numbers import number
from pcsa_jax.presentation.statistics import correlation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DIAGNOSIS_COLOURS = {"AD": "#c8553d", "CN": "#2f6f9f"}
OTHER_COLOUR = "#8a8f98"
LINE_COLOURS = ("#1b1f24", "#2f6f9f", "#c8553d", "#4c9a6a", "#8e6bbf", "#b8860b")


def tidy(axes: "Axes", title: str = "", ylabel: str = "") -> None:
    """The look of every chart: a title at the left, a light grid, no frame above and at the right."""
    if title:
        axes.set_title(title, fontsize=10, loc="left", color=INK)
    axes.set_ylabel(ylabel, fontsize=9)
    axes.tick_params(which="both", labelsize=8, colors=MUTED)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e8eb", linewidth=0.6)
    axes.set_axisbelow(True)


def diagnosis_colour(diagnosis: str) -> str:
    """The colour of AD and of CN, one for all others."""
    return DIAGNOSIS_COLOURS.get(diagnosis, OTHER_COLOUR)


def diagnosis_handles(diagnoses: Sequence[str]) -> list:
    """Entries of a legend for the diagnoses that occur."""
    from matplotlib.lines import Line2D

    names = [d for d in DIAGNOSIS_COLOURS if d in set(diagnoses)]
    names += ["other"] if set(diagnoses) - set(DIAGNOSIS_COLOURS) else []
    style = {"marker": "o", "linestyle": "", "markersize": 5}
    return [Line2D([], [], color=diagnosis_colour(name), label=name, **style) for name in names]


def draw_scatter(axes: "Axes", real: np.ndarray, synthetic: np.ndarray, colours: Sequence[str], name: str) -> None:
    """Real against synthetic values on one scale, with the identity; the title is ``name`` and Pearson's r."""
    axes.scatter(real, synthetic, s=14, c=colours, alpha=0.75, linewidths=0)
    both = np.concatenate([real, synthetic])
    margin = max(0.02, 0.08 * float(np.ptp(both)))
    limits = (both.min() - margin, both.max() + margin)
    axes.plot(limits, limits, color=MUTED, linewidth=0.9, linestyle="--")
    axes.set(xlim=limits, ylim=limits)
    axes.set_aspect("equal")
    r = correlation(real, synthetic)
    text = "r not defined" if r is None else f"r = {number(r, 2)}"
    axes.set_title(f"{name}\n{text}", fontsize=9, loc="left", color=INK)
