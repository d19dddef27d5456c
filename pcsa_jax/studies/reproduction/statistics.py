"""From the long table of scores to the statistics of a row set: spread of each system, paired tests between them.

The long table has one line per row, seed, fold, participant, session and predictor, with ``KEYS``, ``diagnosis`` and
the columns ``METRICS``. The unit of every statistic is the participant: sessions and seeds of one participant are not
independent and are averaged first.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pcsa_jax.data.predictors.registry import TRIVIAL_PREDICTORS
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation.summary import METRICS, MODEL, predictor_labels
from pcsa_jax.studies.reproduction.comparisons import Comparison, compare, describe_sample, with_verdicts
from pcsa_jax.studies.reproduction.rowsets import RowSet

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("row", "seed", "fold", "participant_id", "session_id", "predictor")
"""Columns that tell a line of the long table from every other."""

BASELINE = "unet"
"""A plain network; where a row set has it, it is compared with every other row too."""


class Spread(NamedTuple):
    """One metric of one system.

    Attributes:
      mean: over participants; None if it is not finite.
      std: over participants.
      ci95: percentile bootstrap of the mean over participants.
      num_subjects: participants.
      std_runs: SD over the runs (folds x seeds) of each run's mean over its test participants.
      num_runs: folds x seeds that were scored.
      reason: why something above is None; empty if nothing is.
    """

    mean: float | None
    std: float | None
    ci95: tuple[float, float] | None
    num_subjects: int
    std_runs: float | None
    num_runs: int
    reason: str


class Statistics(NamedTuple):
    """All that the tables of a row set say about scores.

    Attributes:
      spreads: system (row, trivial predictor or ceiling) -> metric -> spread.
      comparisons: by metric; of the reference row first.
      gaps: one sentence for each row that was not, or not wholly, scored.
    """

    spreads: Mapping[str, Mapping[str, Spread]]
    comparisons: tuple[Comparison, ...]
    gaps: tuple[str, ...]


def label(rowset: RowSet, system: str) -> str:
    """The name of a row, trivial predictor or ceiling for print."""
    return rowset.labels.get(system) or predictor_labels()[system]


def system_lines(rowset: RowSet, scores: "pd.DataFrame") -> dict[str, "pd.DataFrame"]:
    """System -> its lines of the long table: the rows in their order, then the trivial predictors and the ceiling.

    Trivial predictors and ceiling depend on fold and seed only; they are taken from the reference row's runs.

    Raises:
      UserError: if no row of the set was scored.
      ValueError: if a line stands in the table twice.
    """
    metrics = {metric: scores[metric].astype(float).fillna(np.inf) for metric in METRICS}  # means would skip NaN
    scores = scores.assign(session_id=scores["session_id"].fillna(""), **metrics).sort_values(list(KEYS))
    if scores.duplicated(list(KEYS)).any():
        raise ValueError(f"scores: expected one line for each {', '.join(KEYS)}, found some twice.")
    models = scores[scores["predictor"] == "model"]
    rows = [row for row in rowset.rows if (models["row"] == row).any()]
    if not rows:
        raise UserError(
            f"{rowset.name}: expected scores of at least one of its rows ({', '.join(rowset.rows)}), found none. "
            "Train and evaluate them first."
        )
    systems = {row: models[models["row"] == row] for row in rows}
    source = scores[scores["row"] == (rowset.reference if rowset.reference in rows else rows[0])]
    for name in predictor_labels():
        if name != MODEL and (source["predictor"] == name).any():
            systems[name] = source[source["predictor"] == name]
    return systems


def per_participant(lines: "pd.DataFrame") -> "pd.DataFrame":
    """Metrics per participant: sessions averaged within a seed, then the seeds."""
    metrics = list(METRICS)
    return lines.groupby(["participant_id", "seed"])[metrics].mean().groupby("participant_id").mean()


def _run_means(lines: "pd.DataFrame") -> "pd.DataFrame":
    """Metrics per run (seed and fold): the mean over its test participants."""
    metrics, run = list(METRICS), ["seed", "fold"]
    return lines.groupby([*run, "participant_id"])[metrics].mean().groupby(run).mean()


def _spread(subjects: np.ndarray, runs: np.ndarray) -> Spread:
    mean, std, ci95, reason = describe_sample(subjects)
    std_runs = float(runs.std(ddof=1)) if len(runs) > 1 and np.isfinite(runs).all() else None
    if len(runs) < 2:
        reason = "; ".join(filter(None, [reason, "SD over runs needs at least 2 runs (folds or seeds), found 1"]))
    return Spread(mean, std, ci95, len(subjects), std_runs, len(runs), reason)


def paired_differences(first: "pd.DataFrame", second: "pd.DataFrame") -> "pd.DataFrame":
    """First - second per participant, over the runs and sessions that both have."""
    keys = ["seed", "fold", "participant_id", "session_id"]
    one, two = (lines.set_index(keys)[list(METRICS)] for lines in (first, second))
    shared = one.index.intersection(two.index).sort_values()
    with np.errstate(invalid="ignore"):
        differences = one.loc[shared] - two.loc[shared]
    # Two infinite PSNR have no difference; pandas would leave the NaN out of a mean without a word.
    return per_participant(differences.fillna(np.inf).reset_index())


def _pairs_of_systems(rowset: RowSet, systems: Mapping[str, "pd.DataFrame"]) -> list[tuple[str, str]]:
    """The reference row, then the plain network, with every other row and trivial predictor; no pair twice."""
    firsts = [name for name in dict.fromkeys([rowset.reference, BASELINE]) if name in systems]
    seconds = [name for name in systems if name in rowset.rows or name in TRIVIAL_PREDICTORS]
    pairs = [(first, second) for first in firsts for second in seconds if first != second]
    return [pair for place, pair in enumerate(pairs) if pair[::-1] not in pairs[:place]]


def _comparisons(rowset: RowSet, systems: Mapping[str, "pd.DataFrame"]) -> Iterator[Comparison]:
    pairs = _pairs_of_systems(rowset, systems)
    tables = {pair: paired_differences(systems[pair[0]], systems[pair[1]]) for pair in pairs}
    for metric in METRICS:
        yield from with_verdicts([compare(metric, *pair, tables[pair][metric].to_numpy(float)) for pair in pairs])


def _gaps(rowset: RowSet, systems: Mapping[str, "pd.DataFrame"]) -> Iterator[str]:
    present = [row for row in rowset.rows if row in systems]
    runs = {row: set(zip(systems[row]["seed"], systems[row]["fold"], strict=True)) for row in present}
    wanted = set().union(*runs.values())
    for row in rowset.rows:
        missing = sorted(wanted - runs.get(row, set()))
        if row not in runs:
            yield f"{rowset.labels[row]} (`{row}`) was not scored."
        elif missing:
            names = ", ".join(f"seed {seed} fold {fold}" for seed, fold in missing)
            yield f"{rowset.labels[row]} (`{row}`) was not scored in {len(missing)} of {len(wanted)} runs: {names}."


def compute_statistics(rowset: RowSet, scores: "pd.DataFrame") -> Statistics:
    """Statistics of a row set; the same for any order of the lines of ``scores``.

    Args:
      rowset: what to compare.
      scores: the long table; rows of other row sets are left out.

    Raises:
      UserError: if no row of the set was scored.
    """
    systems = system_lines(rowset, scores)
    spreads = {}
    for name, lines in systems.items():
        subjects, runs = per_participant(lines), _run_means(lines)
        spreads[name] = {key: _spread(subjects[key].to_numpy(float), runs[key].to_numpy(float)) for key in METRICS}
    return Statistics(spreads, tuple(_comparisons(rowset, systems)), tuple(_gaps(rowset, systems)))
