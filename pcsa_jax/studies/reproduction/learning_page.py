"""The page of the learning curve: table, chart, what each step to more subjects bought, and all of it as JSON."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcsa_jax.data.files import write_json, write_text
from pcsa_jax.evaluation.ceilings import CEILINGS
from pcsa_jax.evaluation.summary import METRICS
from pcsa_jax.presentation.markdown import markdown_table, markdown_text
from pcsa_jax.presentation.numbers import count, flatten, interval, number
from pcsa_jax.presentation.origin import phantom_mark
from pcsa_jax.presentation.statistics import NUM_RESAMPLES
from pcsa_jax.presentation.tables import write_table
from pcsa_jax.studies.reproduction.learning import SHOWN, Gain, Learning, Point, compute_learning
from pcsa_jax.studies.reproduction.learning_chart import learning_chart
from pcsa_jax.studies.reproduction.page import Context

if TYPE_CHECKING:
    import pandas as pd

TITLE = "What would more scans buy?"
LITTLE_DB = 0.05
"""Gain for twice as many subjects that nobody would scan anyone for."""


def present_learning(
    folder: Path,
    scores: "pd.DataFrame",
    rows: Mapping[str, str],
    *,
    context: Context,
    steps: tuple[int, int],
    notes: Sequence[str] = (),
) -> Path:
    """Writes ``subjects.tsv``, ``data.tsv``, ``data.png``, ``summary.json`` and, last, ``data.md``; returns that.

    Args:
      folder: to write into; files of these names are replaced.
      scores: the long table with a column ``train_subjects``.
      rows: row -> its name for print.
      context: what the page says about the runs.
      steps: fewest and most of a training.
      notes: a line for each number of subjects that was not run.
    """
    import pandas as pd

    learning = compute_learning(scores, rows)
    write_table(folder / "subjects.tsv", scores)
    lines = [point._asdict() | dict(zip(("ci95_low", "ci95_high"), point.ci95 or (None,) * 2, strict=True))
             for point in learning.points]  # fmt: skip
    write_table(folder / "data.tsv", pd.DataFrame(lines).drop(columns="ci95"))
    learning_chart(folder / "data.png", learning, title=f"{phantom_mark(is_phantom=context.is_phantom)}{TITLE}")
    write_json(folder / "summary.json", _summary(learning, context, notes))
    write_text(folder / "data.md", "\n".join(_page(learning, context, steps, notes)) + "\n")
    return folder / "data.md"


def _summary(learning: Learning, context: Context, notes: Sequence[str]) -> dict[str, Any]:
    """Everything on the page that is a number."""

    def scores(system: str, size: int) -> dict[str, Any]:
        own = [point for point in learning.points if (point.system, point.train_subjects) == (system, size)]
        return {point.metric: {"mean": point.mean, "ci95": point.ci95} for point in own}

    gains = [
        {"system": gain.system, "fewer": gain.fewer, "more": gain.more, "metric": gain.comparison.metric}
        | {name: getattr(gain.comparison, name) for name in ("difference", "ci95", "p", "p_holm", "verdict")}
        | {"per_doubling": gain.per_doubling}
        for gain in learning.gains
    ]
    return {
        "cohort": context.cohort,
        "is_phantom": context.is_phantom,
        "train_subjects": list(learning.sizes),
        "not_run": list(notes),
        "systems": {system: {str(n): scores(system, n) for n in learning.sizes} for system in learning.labels},
        "ceiling": dict(learning.ceiling),
        "gains": gains,
    }


def _page(learning: Learning, context: Context, steps: tuple[int, int], notes: Sequence[str]) -> Iterator[str]:
    yield f"# {TITLE}\n"
    if context.is_phantom:
        yield "**PHANTOM: simulated brains, trained on and tested on. How people's curves run is not known from it.**\n"
    yield f"{context.protocol}\n"
    span = " to ".join(dict.fromkeys(map(count, steps)))
    yield (
        f"Every predictor learnt from {', '.join(map(str, learning.sizes[:-1])) or 'no smaller number'} and from all "
        f"{learning.sizes[-1]} training subjects of each fold. The fewer are among the more, with the diagnoses in "
        "their proportions; validation and test subjects are the same throughout. "
        f"Networks had **equally many steps** ({span}) and as many checkpoints at "
        "every number: fewer subjects have more epochs than all have (above), so what differs is the data, not the "
        "training.\n"
    )
    yield from (f"* {note}." for note in notes)
    yield "\n## Scores in the brain\n"
    yield (
        "Mean over test subjects [95 % CI: percentile bootstrap over subjects, "
        f"{count(NUM_RESAMPLES)} resamples; a participant's sessions and seeds averaged first].\n"
    )
    yield _table(learning)
    yield f"\n![Scores by number of training subjects](data.png)\n\n*{_CAPTION}*"
    yield "\n## What each step bought\n"
    yield (
        "Differences on the same test subjects with their 95 % CI. *Better* and *worse* as on the other pages: "
        "Wilcoxon's signed-rank test, Holm-corrected for all differences of a metric. The intervals are over test "
        "subjects: that each number was trained on one choice of subjects a fold, and once a seed, is not in them.\n"
    )
    for system in learning.labels:
        yield from _steps_of(learning, system)
    yield from _gaps(learning)
    yield "\nOver the whole volume too, and all digits: [data.tsv](data.tsv), [summary.json](summary.json)."
    yield "\n## Machine\n"
    yield from (f"* {markdown_text(name)}: {markdown_text(value)}" for name, value in flatten(context.environment))


_CAPTION = (
    "Mean over test subjects and its 95 % interval, by the number of training subjects (logarithmic: equal distances "
    "are equal factors). On the phantom, the ceiling needs no training."
)


def _cell(point: Point) -> str:
    digits = METRICS[point.metric].digits
    if point.mean is None:
        return "not finite"
    return number(point.mean, digits) + (f" [{interval(point.ci95, digits)}]" if point.ci95 else "")


def _table(learning: Learning) -> str:
    lines = []
    for system, label in learning.labels.items():
        columns = [learning.of(system, metric) for metric in SHOWN]
        lines += [
            [label if not place else "", str(own[0].train_subjects), *map(_cell, own)]
            for place, own in enumerate(zip(*columns, strict=True))
        ]
    if learning.ceiling:
        cells = [number(learning.ceiling[metric], METRICS[metric].digits) for metric in SHOWN]
        lines.append([next(iter(CEILINGS.values())), "", *cells])
    return markdown_table(["predictor", "training subjects", *(METRICS[metric].title for metric in SHOWN)], lines)


def _difference(gain: Gain) -> str:
    """``PSNR +0.31 dB [+0.10 to +0.52], better``."""
    metric, entry = METRICS[gain.comparison.metric], gain.comparison
    digits = metric.digits + (not metric.unit)
    if entry.difference is None:
        return f"{metric.label} not finite"
    text = f"{metric.label} {number(entry.difference, digits, signed=True)}"
    text += f" {metric.unit}" if metric.unit else ""
    text += f" [{interval(entry.ci95, digits, signed=True)}]" if entry.ci95 else ""
    return f"{text}, {entry.verdict}"


def _steps_of(learning: Learning, system: str) -> Iterator[str]:
    """One sentence a step, then what the last says about more subjects than there are."""
    for fewer, more in itertools.pairwise(learning.sizes):
        own = [gain for gain in learning.gains if gain[:3] == (system, fewer, more)]
        if own:
            differences = "; ".join(map(_difference, own))
            yield f"* **{learning.labels[system]}**, {fewer} to {more} subjects (×{more / fewer:.2g}): {differences}."
    last = [gain for gain in learning.gains if (gain.system, gain.more) == (system, learning.sizes[-1])]
    psnr = next((gain for gain in last if gain.comparison.metric == "psnr_brain_db"), None)
    if psnr is None or psnr.per_doubling is None:
        return
    verdicts = {gain.comparison.verdict for gain in last}
    if verdicts == {"undecided"}:
        meaning = "is not shown to have bought anything: neither is it that more subjects would"
    elif abs(psnr.per_doubling) < LITTLE_DB:
        meaning = "bought next to nothing: the curve has levelled off"
    elif "better" in verdicts:
        meaning = "still bought something, so the curve has not levelled off"
    else:
        meaning = "made it worse: more subjects alone are no help"
    pace = f"{number(psnr.per_doubling, 2, signed=True)} dB for twice as many"
    yield f"  The last step {meaning} ({pace})."


def _gaps(learning: Learning) -> Iterator[str]:
    """How far each predictor is from the ceiling with all subjects."""
    ceiling = learning.ceiling.get("psnr_brain_db")
    ends = {system: learning.of(system, "psnr_brain_db")[-1].mean for system in learning.labels}
    far = [
        f"{learning.labels[system]} {number(ceiling - mean, 2)} dB"
        for system, mean in ends.items()
        if ceiling is not None and mean is not None
    ]
    if far:
        yield f"\nBelow the ceiling, with all {learning.sizes[-1]}: {', '.join(far)}."
