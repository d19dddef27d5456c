"""Which arms differ: paired tests on the same subjects, and what a frozen classifier makes of synthetic PET.

The comparisons are fixed here, before any number is seen. Only a gain over the two controls (a second branch that gets
the same mean PET for everyone, or the MRI again) can be evidence that the synthetic PET itself helps.
"""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from pcsa_jax.presentation.statistics import holm
from pcsa_jax.studies.classification.aggregation import Estimate, estimate, resample
from pcsa_jax.studies.classification.lines import Line, LineKey

if TYPE_CHECKING:
    from collections.abc import Mapping

MRI: LineKey = ("mri", "none")
REAL: LineKey = ("mri+real_pet", "real")
DROP_IN: LineKey = ("mri+real_pet", "synthetic")
SYNTHETIC: LineKey = ("mri+synthetic_pet", "synthetic")
MEAN: LineKey = ("mri+mean_pet", "mean")
TWICE: LineKey = ("mri+mri", "mri")
CONTROLS = (MEAN, TWICE)

COMPARISONS = (
    (REAL, MRI),
    (SYNTHETIC, MRI),
    (DROP_IN, MRI),
    (MEAN, MRI),
    (TWICE, MRI),
    (SYNTHETIC, MEAN),
    (SYNTHETIC, TWICE),
    (DROP_IN, REAL),
)
"""First minus second; those whose lines a part does not have are left out."""

COMPARED = ("auc", "bacc", "acc")
"""Measures that are tested, the one that decides first. One family of Holm's correction per part and measure."""

LEVEL = 0.05
LOGIT_BOUND = 1e-6
"""Probabilities nearer than this to 0 or 1 are moved here before their logit is taken."""


@dataclasses.dataclass(frozen=True)
class PairedTest:
    """One comparison of two lines by one measure.

    Attributes:
      part: of the cohort.
      first, second: lines; ``difference`` is first minus second.
      measure: of ``COMPARED``.
      difference: with the paired bootstrap interval.
      p: two-sided; of the bootstrap for AUC and BACC, of McNemar's exact test for ACC; None where there is none.
      p_holm: corrected for the other comparisons of this part and measure.
      num_comparisons: of that family.
      first_right, second_right: subjects whom the first (second) line's classifiers got right more often.
    """

    part: str
    first: LineKey
    second: LineKey
    measure: str
    difference: Estimate
    p: float | None
    p_holm: float | None
    num_comparisons: int
    first_right: int
    second_right: int

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` or ``undecided``: on which side of 0 the interval of the difference lies."""
        if self.difference.ci95 is None or self.difference.ci95[0] <= 0 <= self.difference.ci95[1]:
            return "undecided"
        return "better" if self.difference.ci95[0] > 0 else "worse"

    @property
    def corrected_verdict(self) -> str:
        """``verdict`` if it survives Holm's correction, else ``undecided``."""
        return self.verdict if self.p_holm is not None and self.p_holm < LEVEL else "undecided"


def bootstrap_p(differences: np.ndarray) -> float | None:
    """Two-sided p: twice the share of resamples (rows after the first) on the rarer side of 0.

    It is below 0.05 just where the 95 % interval leaves out 0. It cannot be less than 2 / (resamples + 1).
    """
    resampled = differences[1:][~np.isnan(differences[1:])]
    if not len(resampled) or np.isnan(differences[0]):
        return None
    rarer = min(int((resampled <= 0).sum()), int((resampled >= 0).sum()))
    return min(1.0, 2 * (rarer + 1) / (len(resampled) + 1))


def mcnemar(first: Line, second: Line) -> tuple[int, int, float]:
    """How many subjects each line gets right more often than the other, and the exact two-sided p.

    With one classifier per subject this is McNemar's exact test. Where several classifiers scored a subject (seeds;
    every fold on MRI-only subjects), their decisions are no independent cases: a subject counts once, for the line
    whose classifiers were right more often (the sign test, of which McNemar's is the simplest case).
    """
    from scipy.stats import binomtest

    right = [((line.called_ad == line.is_ad) & line.scored).sum(axis=0) for line in (first, second)]
    ahead, behind = int((right[0] > right[1]).sum()), int((right[0] < right[1]).sum())
    p = float(binomtest(ahead, ahead + behind).pvalue) if ahead + behind else 1.0
    return ahead, behind, p


def compare(lines: "Mapping[LineKey, Line]", values: "Mapping[LineKey, Mapping[str, np.ndarray]]") -> list[PairedTest]:
    """Every comparison that one part of the cohort has lines for, by every measure of ``COMPARED``.

    Args:
      lines: of one part.
      values: key -> ``distributions``, all from the same resamples.
    """
    pairs = [(first, second) for first, second in COMPARISONS if first in lines and second in lines]
    tests = []
    for measure in COMPARED:
        family = []
        for first, second in pairs:
            # Rounding: equal arms differ by exactly 0, whatever the order of their sums.
            differences = np.round(values[first][measure] - values[second][measure], 12)
            ahead, behind, p = mcnemar(lines[first], lines[second])
            family.append(PairedTest(
                part=lines[first].part, first=first, second=second, measure=measure,
                difference=estimate(differences, "not defined for one of the two"),
                p=p if measure == "acc" else bootstrap_p(differences), p_holm=None, num_comparisons=len(pairs),
                first_right=ahead, second_right=behind,
            ))  # fmt: skip
        corrected = holm([test.p for test in family])
        tests += [dataclasses.replace(test, p_holm=p) for test, p in zip(family, corrected, strict=True)]
    return tests


def agreement(real: Line, synthetic: Line) -> dict[str, Estimate]:
    """What the same frozen classifiers say of the same subjects with real and with synthetic PET.

    Returns:
      ``kappa`` (Cohen's, of the decisions), ``logit_correlation`` (Pearson's r within each classifier, averaged with
      the numbers of subjects as weights), and ``shift``, ``shift_ad``, ``shift_cn``: mean of the probability with
      synthetic minus that with real PET.
    """
    counts = resample(real.is_ad)
    kappas = [_kappa(counts, *(line.called_ad[pool].any(axis=0) for line in (real, synthetic))) for pool in real.pools]
    shift = np.nanmean(synthetic.probability - real.probability, axis=0)
    groups = {"shift": np.ones_like(real.is_ad), "shift_ad": real.is_ad, "shift_cn": ~real.is_ad}
    found = {
        "kappa": estimate(np.mean(kappas, axis=0), "every subject was called the same"),
        "logit_correlation": estimate(_logit_correlation(counts, real, synthetic), "the logits of a fold do not vary"),
    }
    for name, group in groups.items():
        with np.errstate(invalid="ignore"):
            values = counts[:, group] @ shift[group] / counts[:, group].sum(axis=1)
        found[name] = estimate(values, "no such subjects")
    return found


def _kappa(counts: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    n = counts.sum(axis=1)
    share_first, share_second, same = counts @ first / n, counts @ second / n, counts @ (first == second) / n
    by_chance = share_first * share_second + (1 - share_first) * (1 - share_second)
    with np.errstate(invalid="ignore"):
        return (same - by_chance) / np.where(by_chance < 1, 1 - by_chance, np.nan)


def _logit_correlation(counts: np.ndarray, real: Line, synthetic: Line) -> np.ndarray:
    from scipy.special import logit

    total = np.zeros(len(counts))
    for model, own in enumerate(real.scored):
        pair = (line.probability[model, own] for line in (real, synthetic))
        x, y = (logit(np.clip(p, LOGIT_BOUND, 1 - LOGIT_BOUND)) for p in pair)
        total += own.sum() * _correlation(counts[:, own], x - x.mean(), y - y.mean())
    return total / real.scored.sum()


def _correlation(counts: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pearson's r for each row of weights; NaN where one of the two does not vary."""
    weights = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    mean_x, mean_y = weights @ x, weights @ y
    covariance = weights @ (x * y) - mean_x * mean_y
    variances = (weights @ x**2 - mean_x**2) * (weights @ y**2 - mean_y**2)
    return covariance / np.sqrt(np.where(variances > 1e-12, variances, np.nan))
