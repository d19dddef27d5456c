"""The page of a row set: scores, the paper's numbers, tests in words, figures (Markdown)."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pcsa_jax.data.files import write_text
from pcsa_jax.evaluation.ceilings import CEILING, CEILING_OWN_RANGE
from pcsa_jax.evaluation.summary import METRICS
from pcsa_jax.presentation.markdown import markdown_text
from pcsa_jax.presentation.numbers import NONE, count, duration, flatten, number
from pcsa_jax.presentation.statistics import NUM_RESAMPLES
from pcsa_jax.studies.reproduction.comparisons import ALPHA, Comparison
from pcsa_jax.studies.reproduction.rowsets import RowSet, why_not_comparable
from pcsa_jax.studies.reproduction.statistics import Statistics, label
from pcsa_jax.studies.reproduction.tables import PAPER_METRICS, published_table, score_table, test_table


class Context(NamedTuple):
    """What a page says about the runs besides their scores.

    Attributes:
      cohort: its name or folder.
      is_phantom: True for the built-in cohort; page and figures then say so.
      protocol: one paragraph: folds, seeds, budget, size.
      parameters: row -> parameters of the trained generator.
      train_seconds: row -> mean wall time of training one run.
      environment: as in ``environment.json``.
    """

    cohort: str
    is_phantom: bool
    protocol: str
    parameters: Mapping[str, int]
    train_seconds: Mapping[str, float]
    environment: Mapping[str, Any]


class Figure(NamedTuple):
    """A picture of the page.

    Attributes:
      path: PNG beside the page.
      caption: one paragraph.
    """

    path: Path
    caption: str


def _join(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""


def _outcome(rowset: RowSet, family: Sequence[Comparison]) -> str:
    """One sentence on a pair of systems in the brain, from the comparisons of its metrics."""
    first, second = label(rowset, family[0].first), label(rowset, family[0].second)
    words = {"better": "scores better on", "worse": "scores worse on", "undecided": "is not told apart on"}
    parts = []
    for verdict, phrase in words.items():
        metrics = [METRICS[entry.metric].label for entry in family if entry.verdict == verdict]
        if metrics:
            parts.append(f"{phrase} {_join(metrics)}")
    fewest, most = min(entry.num_better for entry in family), max(entry.num_better for entry in family)
    subjects = str(most) if fewest == most else f"{fewest} to {most}"
    where = f"better in {subjects} of {family[0].num_subjects} subjects{', by metric' * (fewest != most)}"
    return f"**{first}** against **{second}**: {_join(parts)} ({where})."


def outcomes(rowset: RowSet, statistics: Statistics) -> list[str]:
    """One sentence for each pair of systems that was compared, on the metrics in the brain."""
    pairs: dict[tuple[str, str], list[Comparison]] = {}
    for entry in statistics.comparisons:
        if METRICS[entry.metric].region == "brain":
            pairs.setdefault((entry.first, entry.second), []).append(entry)
    return [_outcome(rowset, family) for family in pairs.values()]


def _best_first(means: Mapping[str, float], metric: str) -> list[str]:
    return sorted(means, key=means.__getitem__, reverse=not METRICS[metric].lower_is_better)


def _agreement(rowset: RowSet, metric: str, ours: Mapping[str, float], theirs: Mapping[str, float]) -> str:
    """How far two orders of the same rows agree, by Kendall's tau."""
    from scipy.stats import kendalltau

    rows = list(theirs)
    tau = float(kendalltau([ours[row] for row in rows], [theirs[row] for row in rows]).statistic)
    pairs = list(itertools.combinations(rows, 2))
    same = sum((ours[a] - ours[b]) * (theirs[a] - theirs[b]) > 0 for a, b in pairs)
    orders = [" > ".join(rowset.labels[row] for row in _best_first(means, metric)) for means in (ours, theirs)]
    text = f"{METRICS[metric].label}: {same} of {len(pairs)} pairs of rows lie the same way round"
    text += f" (Kendall's τ = {number(tau, 2)})" if tau == tau else " (ours are all equal)"
    return f"{text}. Best first, ours: {orders[0]}" + (
        "." if orders[0] == orders[1] else f"; the paper's: {orders[1]}."
    )


def _place(rowset: RowSet, metric: str, ours: Mapping[str, float]) -> str:
    best = _best_first(ours, metric)
    return f"{METRICS[metric].label}: place {best.index(rowset.reference) + 1} of {len(best)}"


def order_sentences(rowset: RowSet, statistics: Statistics) -> list[str]:
    """Whether our order of the rows, by means over the whole volume, agrees with the one that the paper printed."""
    means = {
        metric: {
            row: statistics.spreads[row][metric].mean
            for row in rowset.rows
            if row in statistics.spreads and statistics.spreads[row][metric].mean is not None
        }
        for metric in PAPER_METRICS
    }
    reference = rowset.labels[rowset.reference]
    if len(rowset.published) < 2:
        places = [_place(rowset, metric, ours) for metric, ours in means.items() if rowset.reference in ours]
        return [
            f"The paper printed numbers for {reference} only; its other systems are bars without numbers, so an order "
            f"cannot be checked. Its text puts {reference} ahead of them. Here, by mean over the whole volume, "
            f"{reference} has: {'; '.join(places) or 'no finite mean'}."
        ]
    sentences = []
    for metric, ours in means.items():
        theirs = {row: rowset.published[row][metric].mean for row in rowset.rows if row in ours}
        if len(theirs) < 2:
            sentences.append(f"{METRICS[metric].label}: fewer than 2 rows with a finite mean, so there is no order.")
        else:
            sentences.append(_agreement(rowset, metric, ours, theirs))
    return sentences


def _scores(rowset: RowSet, statistics: Statistics, context: Context) -> Iterator[str]:
    yield "## Scores\n"
    yield (
        "Mean ± SD over test subjects [95 % CI: percentile bootstrap of the mean over subjects, "
        f"{count(NUM_RESAMPLES)} resamples]. A participant's sessions and seeds are averaged first. Data range 1. "
        "The trivial predictors (whole-brain ridge, voxel-wise linear, mean PET) were fitted on each fold's training "
        "subjects."
    )
    if CEILING in statistics.spreads:
        yield (
            "\nThe ceiling is the phantom's PET without the part that no MRI determines, in the intensity range of the "
            "PET that is scored"
            + (" or, *range not known*, in its own." if CEILING_OWN_RANGE in statistics.spreads else ".")
        )
    sizes = {row: f"{count(context.parameters[row])}" if row in context.parameters else NONE for row in rowset.rows}
    times = {row: duration(context.train_seconds.get(row)) for row in rowset.rows}
    budget = {row: (sizes[row], times[row]) for row in rowset.rows}, ("generator's parameters", "training of a run")
    for region in ("brain", "whole volume"):
        yield f"\n### {region.capitalize()}{' (the paper’s protocol)' if region != 'brain' else ''}\n"
        yield score_table(rowset, statistics, region, *(budget if region == "brain" else ({}, ())))


def _published(rowset: RowSet, statistics: Statistics, context: Context) -> Iterator[str]:
    runs = next(iter(statistics.spreads.values()))["mae"].num_runs
    yield f"\n## Beside the paper ({rowset.paper})\n"
    yield f"{why_not_comparable(context.is_phantom, markdown_text(context.cohort))}\n"
    yield published_table(rowset, statistics)
    yield (
        "\nOver the whole volume. Our ± is the SD over runs (folds × seeds) of each run's mean over its test subjects"
        + ("" if runs > 1 else " (absent: one run has none)")
        + ". The paper does not say what its ± is over; its size suggests the same, not an SD over subjects.\n"
    )
    yield from (f"* {sentence}" for sentence in order_sentences(rowset, statistics))
    yield "\nAn order by means holds no uncertainty; the tests below do."


def _tests(rowset: RowSet, statistics: Statistics) -> Iterator[str]:
    yield "\n## Tests\n"
    if not statistics.comparisons:
        yield f"Nothing to compare: {rowset.labels[rowset.reference]} and another system are needed."
        return
    yield (
        "Wilcoxon's signed-rank test over subjects, two-sided, Holm-corrected for all comparisons of one metric. "
        f"*Better* and *worse* mean a corrected p below {ALPHA} with mean and ranks on the same side; *undecided* "
        "means that these data do not tell the two apart, not that they are equal. Effect sizes are positive where "
        "the first system is better. The tests speak of these trained networks on new subjects: subjects of one fold "
        "share a network, and how much another training would differ shows only in the SD over runs. In the brain:\n"
    )
    yield from (f"* {sentence}" for sentence in outcomes(rowset, statistics))
    yield ""
    yield test_table(rowset, statistics, "brain")
    yield f"\nThe same over the whole volume, and all digits: [{rowset.name}_tests.tsv]({rowset.name}_tests.tsv)."


def _missing(rowset: RowSet, statistics: Statistics) -> list[str]:
    """What has no number, and why; a reason that several entries share is given once."""
    reasons: dict[str, dict[str, None]] = {}
    for system, spreads in statistics.spreads.items():
        for spread in spreads.values():
            reasons.setdefault(spread.reason, {})[label(rowset, system)] = None
    for entry in statistics.comparisons:
        pair = f"{label(rowset, entry.first)} against {label(rowset, entry.second)}"
        reasons.setdefault(entry.reason, {})[pair] = None
    reasons.pop("", None)
    lines = []
    for reason, places in reasons.items():
        more = f" and {len(places) - 3} more" if len(places) > 3 else ""
        lines.append(f"{reason[0].upper()}{reason[1:]}: {', '.join(list(places)[:3])}{more}.")
    return [*statistics.gaps, *lines]


def write_page(path: Path, rowset: RowSet, statistics: Statistics, figures: Sequence[Figure], context: Context) -> Path:
    """Writes the Markdown page; the same statistics give the same bytes."""
    lines = [f"# {rowset.title} ({rowset.paper})\n"]
    if context.is_phantom:
        lines.append(
            "**PHANTOM: simulated brains, trained on and tested on. Nothing here says how well any system works on "
            "people.**\n"
        )
    lines.append(f"{context.protocol}\n")
    lines += _scores(rowset, statistics, context)
    lines.append(f"\nAll digits, and the SD over runs: [{rowset.name}.tsv]({rowset.name}.tsv).")
    for figure in figures:
        lines.append(f"\n![{figure.caption.split('.')[0]}]({figure.path.name})\n\n*{figure.caption}*")
    lines += _published(rowset, statistics, context)
    lines += _tests(rowset, statistics)
    missing = _missing(rowset, statistics)
    if missing:
        lines += ["\n## What is missing, and what these data are too few for\n", *(f"* {line}" for line in missing)]
    lines += [
        "\n## Machine\n",
        *(f"* {markdown_text(name)}: {markdown_text(value)}" for name, value in flatten(context.environment)),
    ]
    write_text(path, "\n".join(lines) + "\n")
    return path
