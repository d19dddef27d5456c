"""The part of an evaluation that asks whether single images can be believed: known maps, and intervals that hold."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.trust.familiarity import VERDICTS, Assessment, explain
from pcsa_jax.data.trust.statistics import Trust
from pcsa_jax.evaluation.coverage import Coverage, measure_coverage, summarise_coverage
from pcsa_jax.presentation import figures
from pcsa_jax.presentation.origin import name_origin

if TYPE_CHECKING:
    import pandas as pd

    from pcsa_jax.data.pairs import Pairs

FAMILIARITY_COLUMNS = ("participant_id", "session_id", "diagnosis", "verdict", "percentile", "oddity", "reasons")
"""Of ``familiarity.tsv``."""

LOWEST_SHOWN = 0.5
"""Lower end of the colour scale of the map of coverage."""


OF_THEMSELVES = (
    "How often the real PET lies within its interval cannot be said of these people: the intervals come from their own "
    "errors. Score the test part or another cohort"
)


class Judgement(NamedTuple):
    """What is said of the scored people; each part None where it has not been fitted.

    Attributes:
      assessments: one a row.
      coverage: of the intervals.
      summary: for ``summary.json``.
    """

    assessments: tuple[Assessment, ...] | None
    coverage: Coverage | None
    summary: dict[str, Any]


def judge_trust(
    trust: Trust, test: "Pairs", synthetic: np.ndarray, grid: Grid, *, are_calibration: bool = False, seed: int = 0
) -> Judgement:  # fmt: skip
    """Assesses every scored map, and how often the real PET lies within its interval.

    Args:
      trust: of the generator.
      test: what is scored.
      synthetic: its PET, (n, x, y, z) in [0, 1].
      grid: of all volumes.
      are_calibration: the scored people are those whom the intervals come from, in which they lie by construction.
      seed: of the bootstrap.
    """
    assessments, coverage = None, None
    summary: dict[str, Any] = {"missing": trust.missing(), "familiarity": None, "intervals": None}
    if trust.familiarity is not None:
        assessments = tuple(trust.familiarity.assess(volume) for volume in test.mri)
        counts = {verdict: sum(one.verdict == verdict for one in assessments) for verdict in VERDICTS}
        summary["familiarity"] = {
            "training_people": trust.about["training_people"], "n": len(assessments), "verdicts": counts,
            "median_oddity": float(np.median([one.oddity for one in assessments])),
        }  # fmt: skip
    if trust.intervals is not None and are_calibration:
        summary["missing"].append(OF_THEMSELVES)
    elif trust.intervals is not None:
        coverage = measure_coverage(trust.intervals, synthetic, test.pet, grid)
        summary["intervals"] = summarise_coverage(trust.intervals, coverage, grid, seed=seed)
    return Judgement(assessments, coverage, summary)


def familiarity_table(test: "Pairs", assessments: tuple[Assessment, ...]) -> "pd.DataFrame":
    """One line a scored visit, :data:`FAMILIARITY_COLUMNS`."""
    import pandas as pd

    people = zip(test.participant_ids, test.session_ids, test.diagnoses, assessments, strict=True)
    rows = [
        (*who, one.verdict, round(one.percentile, 1), round(one.oddity, 3), "; ".join(map(explain, one.reasons)))
        for *who, one in people
    ]
    return pd.DataFrame(rows, columns=list(FAMILIARITY_COLUMNS))


def draw_coverage(
    path: Path, coverage: Coverage, grid: Grid, *, level: float, title: str, line: str, is_phantom: bool
) -> Path:
    """Where the intervals hold (three planes), for whom (one dot a person), and of which width.

    Args:
      path: PNG to write.
      coverage: of the scored people.
      grid: of the map.
      level: nominal coverage.
      title: who this is.
      line: what stands inside the picture.
      is_phantom: the PET of the cohort is simulated, and called so.
    """
    from pcsa_jax.data.regions import brain_mask

    mask = brain_mask(grid)
    figure = figures.new_figure(11.0, 3.6)
    all_axes = figure.subplots(1, 5, width_ratios=(1, 1, 1, 0.9, 0.9))
    volume = np.where(mask, coverage.volume, np.nan)
    style = {"cmap": "viridis", "vmin": LOWEST_SHOWN, "vmax": 1.0}
    for axes, plane in zip(all_axes, figures.SLICES_MM, strict=False):
        image = figures.draw_slice(axes, volume, grid, plane, letters=figures.INK, **style)
        figures.crop_to_brain(axes, mask, grid, plane, square=True)
        axes.set_xlabel(figures.position_label(grid, plane), fontsize=8, color=figures.INK)
    bar = figure.colorbar(image, ax=all_axes[:3], location="bottom", shrink=0.7, pad=0.02, aspect=40, extend="min")
    label = name_origin("share of people whose real PET lies in the interval", is_phantom=is_phantom)
    bar.set_label(label, fontsize=8, color=figures.INK)
    bar.ax.tick_params(labelsize=8)
    people, widths = all_axes[3:]
    places = np.linspace(-0.3, 0.3, len(coverage.people))
    people.plot(places, np.sort(coverage.people), ".", color="#2a6fbb", markersize=5)
    people.set(xlim=(-0.5, 0.5), xticks=[], ylim=(0, 1.02))
    people.set_title("of each person's voxels", fontsize=9, color=figures.INK)
    widths.bar(range(4), coverage.quarters, color="#9bb7d4")
    widths.set(xticks=range(4), ylim=(0, 1.02))
    widths.set_xticklabels(["narrow", "", "", "wide"], fontsize=8)
    widths.set_title("by width of the interval", fontsize=9, color=figures.INK)
    for axes in (people, widths):
        axes.axhline(level, color=figures.INK, linewidth=0.9, linestyle="--")
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    people.text(0.48, level - 0.02, f"nominal {100 * level:.0f} %", fontsize=7.5, ha="right", va="top")
    figures.add_title(figure, title)
    figures.mark_synthetic(figure, line)
    return figures.save(figure, path)
