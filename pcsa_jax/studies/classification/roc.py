"""ROC curves of the arms: the mean over folds and seeds with a band of one SD, one panel per part of the cohort."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pcsa_jax.presentation.charts import LINE_COLOURS, OTHER_COLOUR, tidy
from pcsa_jax.presentation.figures import INK, MUTED, add_title, new_figure, save
from pcsa_jax.presentation.origin import name_origin, phantom_mark
from pcsa_jax.studies.classification.aggregation import Estimate
from pcsa_jax.studies.classification.comparison import DROP_IN, MEAN, MRI, REAL, SYNTHETIC, TWICE
from pcsa_jax.studies.classification.lines import PART_LABELS, Line
from pcsa_jax.studies.classification.results import PartResults
from pcsa_jax.studies.classification.wording import capital

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = {
    MRI: (INK, "-", "o"),
    REAL: (LINE_COLOURS[1], "-", "s"),
    DROP_IN: (LINE_COLOURS[1], "--", "D"),
    SYNTHETIC: (LINE_COLOURS[2], "-", "^"),
    MEAN: (OTHER_COLOUR, ":", "v"),
    TWICE: (LINE_COLOURS[4], "-.", "P"),
}
"""Colour, dashes and marker of a line in every figure; dashes and markers tell them apart without colour. Bands would
hide each other, so only solid lines, the arms that matter most, have one."""

OTHER_STYLE = ("#b8860b", (0, (1, 2)), "x")
FALSE_POSITIVE_RATES = np.linspace(0, 1, 201)


def mean_curve(line: Line) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean and SD, over the classifiers, of the sensitivity at ``FALSE_POSITIVE_RATES``.

    None if a classifier scored subjects of one diagnosis only.

    Source: vertical averaging of Fawcett, Pattern Recognition Letters 2006.
    """
    from sklearn.metrics import roc_curve

    curves = []
    for probability, own in zip(line.probability, line.scored, strict=True):
        if len(set(line.is_ad[own])) < 2:
            return None
        false_positive, true_positive, _ = roc_curve(line.is_ad[own], probability[own])
        curve = np.interp(FALSE_POSITIVE_RATES, false_positive, true_positive)
        curve[0] = 0.0
        curves.append(curve)
    spread = np.std(curves, axis=0, ddof=1) if len(curves) > 1 else np.zeros_like(FALSE_POSITIVE_RATES)
    return np.mean(curves, axis=0), spread


def subjects_phrase(line: Line) -> str:
    """``120 subjects (40 AD, 80 CN)``."""
    n_ad = int(line.is_ad.sum())
    return f"{len(line.is_ad)} subjects ({n_ad} AD, {len(line.is_ad) - n_ad} CN)"


def roc_figure(path: Path, parts: Mapping[str, PartResults], *, is_phantom: bool) -> Path:
    """Draws the curves, with each line's AUC and its interval in the legend.

    Args:
      path: PNG to write.
      parts: part of the cohort -> its results.
      is_phantom: the cohort is simulated, and title and legend say so.
    """
    figure = new_figure(1.0 + 4.9 * len(parts), 6.2)
    panels = figure.subplots(1, len(parts), squeeze=False).flat
    for axes, (part, results) in zip(panels, parts.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="#c3c8ce", linewidth=0.9)
        for key, line in results.lines.items():
            _draw(axes, line, results.found[key]["auc"], name_origin(line.label, is_phantom=is_phantom))
        tidy(axes, f"{capital(PART_LABELS[part])}: {subjects_phrase(line)}", "sensitivity")
        axes.set_xlabel("1 − specificity", fontsize=9)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        if axes.get_legend_handles_labels()[0]:
            legend = axes.legend(fontsize=7.5, frameon=False, loc="lower right", handlelength=2.6)
            legend.set_title("AUC in % (95 % CI)", prop={"size": 7.5})
        else:
            axes.text(0.5, 0.4, "a fold has one diagnosis only:\nno curve", ha="center", color=MUTED, fontsize=9)
    num_classifiers = len(line.models)
    of = f"\nof {num_classifiers} classifiers (folds × seeds); bands of the solid lines: ±1 SD over them" * (
        num_classifiers > 1
    )
    mark = phantom_mark(is_phantom=is_phantom)
    add_title(figure, f"{mark}AD against CN, mean ROC curves{of}")
    return save(figure, path)


def _draw(axes: "Axes", line: Line, auc: Estimate, name: str) -> None:
    curve = mean_curve(line)
    if curve is None:
        return
    mean, spread = curve
    colour, dashes, _ = STYLES.get(line.key, OTHER_STYLE)
    label = f"{name}: {100 * auc.value:.1f}"
    if auc.ci95:
        label += f" ({100 * auc.ci95[0]:.1f} to {100 * auc.ci95[1]:.1f})"
    axes.plot(
        FALSE_POSITIVE_RATES, mean, color=colour, linestyle=dashes, linewidth=2.0 if dashes == ":" else 1.6, label=label
    )
    if len(line.models) > 1 and dashes == "-":
        band = np.clip([mean - spread, mean + spread], 0, 1)
        axes.fill_between(FALSE_POSITIVE_RATES, *band, color=colour, alpha=0.08, linewidth=0)
