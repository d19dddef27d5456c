"""What more training subjects bought: scores of each predictor by their number, paired differences between numbers."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pcsa_jax.data.predictors.registry import TRIVIAL_PREDICTORS
from pcsa_jax.evaluation.ceilings import CEILING
from pcsa_jax.evaluation.summary import METRICS, MODEL, predictor_labels
from pcsa_jax.studies.reproduction.comparisons import Comparison, compare, describe_sample, with_verdicts
from pcsa_jax.studies.reproduction.statistics import paired_differences, per_participant

if TYPE_CHECKING:
    import pandas as pd

SHOWN = tuple(name for name, metric in METRICS.items() if metric.region == "brain")
"""Metrics of the page."""

Interval = tuple[float, float] | None


class Point(NamedTuple):
    """One predictor fitted or trained on one number of subjects.

    Attributes:
      system: row, or name of a trivial predictor.
      train_subjects: participants that it learnt from.
      metric: key of ``METRICS``.
      mean: over the test participants; None if it is not finite.
      ci95: its percentile bootstrap interval.
      num_subjects: test participants.
    """

    system: str
    train_subjects: int
    metric: str
    mean: float | None
    ci95: Interval
    num_subjects: int


class Gain(NamedTuple):
    """One predictor with more subjects against itself with fewer.

    Attributes:
      system: as in :class:`Point`.
      fewer, more: training participants.
      comparison: more - fewer, on the same test participants; *better* is more.
    """

    system: str
    fewer: int
    more: int
    comparison: Comparison

    @property
    def per_doubling(self) -> float | None:
        """The difference for twice as many, if it goes with the logarithm of the number."""
        difference = self.comparison.difference
        return None if difference is None else difference / float(np.log2(self.more / self.fewer))


class Learning(NamedTuple):
    """All that the page says about scores.

    Attributes:
      labels: system -> its name for print, in the order of tables.
      sizes: training participants, ascending.
      points: of every system, number and metric of ``METRICS``.
      gains: between neighbouring numbers, of the metrics ``SHOWN``.
      ceiling: metric -> mean; empty for people.
    """

    labels: Mapping[str, str]
    sizes: tuple[int, ...]
    points: tuple[Point, ...]
    gains: tuple[Gain, ...]
    ceiling: Mapping[str, float]

    def of(self, system: str, metric: str) -> list[Point]:
        """A line of the chart: one point a number, ascending."""
        return [point for point in self.points if (point.system, point.metric) == (system, metric)]


def compute_learning(scores: "pd.DataFrame", rows: Mapping[str, str]) -> Learning:
    """Statistics of a learning curve; their unit is the test participant, as in ``statistics``.

    Args:
      scores: the long table with a column ``train_subjects``.
      rows: row -> its name for print. The trivial predictors are those of the first row's runs: they see the same
        training subjects in all.
    """
    clean = {metric: scores[metric].astype(float).fillna(np.inf) for metric in METRICS}  # means would skip NaN
    scores = scores.assign(session_id=scores["session_id"].fillna(""), **clean)
    sizes = tuple(sorted(map(int, scores["train_subjects"].unique())))
    first = scores[scores["row"] == next(iter(rows))]
    systems = {row: scores[(scores["row"] == row) & (scores["predictor"] == MODEL)] for row in rows}
    for name in TRIVIAL_PREDICTORS:
        if (first["predictor"] == name).any():
            systems[name] = first[first["predictor"] == name]
    lines = {
        (system, size): own[own["train_subjects"] == size]
        for system, own in systems.items()
        for size in sizes
        if (own["train_subjects"] == size).any()
    }
    ceiling = per_participant(first[(first["predictor"] == CEILING) & (first["train_subjects"] == sizes[-1])])
    means = {metric: float(ceiling[metric].mean()) for metric in METRICS} if len(ceiling) else {}
    labels = {system: rows.get(system) or predictor_labels()[system] for system in systems}
    return Learning(labels, sizes, tuple(_points(lines)), tuple(_gains(lines, list(systems), sizes)), means)


def _points(lines: Mapping[tuple[str, int], "pd.DataFrame"]) -> Iterator[Point]:
    for (system, size), own in lines.items():
        subjects = per_participant(own)
        for metric in METRICS:
            mean, _, ci95, _ = describe_sample(subjects[metric].to_numpy(float))
            yield Point(system, size, metric, mean, ci95, len(subjects))


def _gains(
    lines: Mapping[tuple[str, int], "pd.DataFrame"], systems: Sequence[str], sizes: Sequence[int]
) -> Iterator[Gain]:
    pairs = [
        (system, fewer, more)
        for system in systems
        for fewer, more in itertools.pairwise(sizes)
        if (system, fewer) in lines and (system, more) in lines
    ]
    tables = [paired_differences(lines[system, more], lines[system, fewer]) for system, fewer, more in pairs]
    for metric in SHOWN:
        family = [
            compare(metric, f"{system} {more}", f"{system} {fewer}", table[metric].to_numpy(float))
            for (system, fewer, more), table in zip(pairs, tables, strict=True)
        ]
        for pair, comparison in zip(pairs, with_verdicts(family), strict=True):
            yield Gain(*pair, comparison)
