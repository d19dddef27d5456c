"""The statistics of a row set as tables for programs (TSV) and for people (Markdown)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pcsa_jax.evaluation.summary import METRICS
from pcsa_jax.presentation.markdown import markdown_table
from pcsa_jax.presentation.numbers import NONE, interval, number
from pcsa_jax.presentation.tables import write_table
from pcsa_jax.studies.reproduction.rowsets import RowSet
from pcsa_jax.studies.reproduction.statistics import Spread, Statistics, label

PAPER_METRICS = ("mae", "psnr_db", "ssim")
"""Those that the paper prints, over the whole volume."""

SCORE_COLUMNS = (
    "system", "label", "metric", "region", "num_subjects", "mean", "std_subjects", "ci95_low", "ci95_high", "num_runs",
    "std_runs", "published_mean", "published_std", "reason",
)  # fmt: skip
"""Columns of ``NAME.tsv``; a run is one fold of one seed."""

TEST_COLUMNS = (
    "metric", "region", "first", "second", "num_subjects", "num_better", "difference", "ci95_low", "ci95_high", "p",
    "p_holm", "rank_biserial", "cohens_dz", "verdict", "reason",
)  # fmt: skip
"""Columns of ``NAME_tests.tsv``."""


def _bounds(ci95: tuple[float, float] | None) -> dict[str, float | None]:
    low, high = ci95 or (None, None)
    return {"ci95_low": low, "ci95_high": high}


def write_scores(path: Path, rowset: RowSet, statistics: Statistics) -> Path:
    """One line per system and metric, the paper's number beside ours where it printed one."""
    import pandas as pd

    lines = []
    for system, spreads in statistics.spreads.items():
        for key, spread in spreads.items():
            published = rowset.published.get(system, {}).get(key)
            lines.append({
                "system": system,
                "label": label(rowset, system),
                "metric": key,
                "region": METRICS[key].region,
                "num_subjects": spread.num_subjects,
                "mean": spread.mean,
                "std_subjects": spread.std,
                **_bounds(spread.ci95),
                "num_runs": spread.num_runs,
                "std_runs": spread.std_runs,
                "published_mean": published and published.mean,
                "published_std": published and published.std,
                "reason": spread.reason or None,
            })  # fmt: skip
    return write_table(path, pd.DataFrame(lines, columns=list(SCORE_COLUMNS)))


def write_tests(path: Path, statistics: Statistics) -> Path:
    """One line per comparison and metric; only the header if there was nothing to compare."""
    import pandas as pd

    lines = [
        comparison._asdict()
        | {"region": METRICS[comparison.metric].region, "reason": comparison.reason or None}
        | _bounds(comparison.ci95)
        for comparison in statistics.comparisons
    ]
    return write_table(path, pd.DataFrame(lines, columns=list(TEST_COLUMNS)))


def _score(spread: Spread, digits: int) -> str:
    """``mean ± SD [95 % CI]``, over subjects."""
    if spread.mean is None:
        return "not finite"
    text = number(spread.mean, digits)
    if spread.std is not None:
        text += f" ± {number(spread.std, digits)}"
    return text + (f" [{interval(spread.ci95, digits)}]" if spread.ci95 else "")


def score_table(
    rowset: RowSet,
    statistics: Statistics,
    region: str,
    budget: Mapping[str, Sequence[str]],
    budget_titles: Sequence[str],
) -> str:
    """Every system on the metrics of a region.

    Args:
      rowset: for the labels.
      statistics: of the scores.
      region: ``brain`` or ``whole volume``.
      budget: row -> further cells, on what was trained.
      budget_titles: of these cells.
    """
    keys = [key for key, metric in METRICS.items() if metric.region == region]
    lines = []
    for system, spreads in statistics.spreads.items():
        cells = [_score(spreads[key], METRICS[key].digits) for key in keys]
        further = budget.get(system, [NONE] * len(budget_titles))
        lines.append([label(rowset, system), *cells, str(spreads[keys[0]].num_subjects), *further])
    return markdown_table(["system", *(METRICS[key].title for key in keys), "subjects", *budget_titles], lines)


def _over_runs(spread: Spread, digits: int) -> str:
    if spread.mean is None:
        return "not finite"
    return number(spread.mean, digits) + (
        f" ± {number(spread.std_runs, digits)}" if spread.std_runs is not None else ""
    )


def published_table(rowset: RowSet, statistics: Statistics) -> str:
    """Ours (± SD over runs) and the paper's numbers side by side, for the rows of the set."""
    lines = []
    for row in rowset.rows:
        cells = []
        for key in PAPER_METRICS:
            digits = METRICS[key].digits
            printed = rowset.published.get(row, {}).get(key)
            cells.append(_over_runs(statistics.spreads[row][key], digits) if row in statistics.spreads else NONE)
            spread = f" ± {printed.std:.{digits}f}" if printed and printed.std is not None else ""
            cells.append(f"{printed.mean:.{digits}f}{spread}" if printed else "not printed")
        lines.append([rowset.labels[row], *cells])
    titles = [f"{METRICS[key].title}, {whose}" for key in PAPER_METRICS for whose in ("ours", "paper")]
    return markdown_table(["system", *titles], lines)


def _probability(p: float | None) -> str:
    if p is None:
        return NONE
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"


def test_table(rowset: RowSet, statistics: Statistics, region: str) -> str:
    """The comparisons on the metrics of a region."""
    lines = []
    for comparison in statistics.comparisons:
        metric = METRICS[comparison.metric]
        if metric.region != region:
            continue
        digits = metric.digits + 1
        difference = number(comparison.difference, digits, signed=True)
        if comparison.ci95:
            difference += f" [{interval(comparison.ci95, digits, signed=True)}]"
        lines.append([
            label(rowset, comparison.first),
            label(rowset, comparison.second),
            metric.title,
            difference,
            f"{comparison.num_better} of {comparison.num_subjects}",
            _probability(comparison.p),
            _probability(comparison.p_holm),
            number(comparison.rank_biserial, 2, signed=True),
            number(comparison.cohens_dz, 2, signed=True),
            comparison.verdict,
        ])  # fmt: skip
    effects = ("first is better in", "p", "p, Holm", "rank-biserial r", "Cohen's dz", "first is")
    header = ["first", "second", "metric", "first − second [95 % CI]", *effects]
    return markdown_table(header, lines, num_left=3)
