"""Two systems on the same participants: difference, signed-rank test, effect sizes, correction, verdict."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pcsa_jax.evaluation.summary import METRICS
from pcsa_jax.presentation.statistics import describe, holm, resampling_weights

ALPHA = 0.05
"""A comparison is decided if its corrected p is below this."""

RESAMPLING_SEED = 0


class Comparison(NamedTuple):
    """Two systems on one metric, participant by participant.

    Attributes:
      metric: column of the long table.
      first: system.
      second: the system that it is compared with.
      num_subjects: participants that both were scored on, in the same runs.
      num_better: of them, those on whom ``first`` is better.
      difference: mean of first - second; None if it is not finite.
      ci95: its percentile bootstrap interval.
      p: of Wilcoxon's signed-rank test, two-sided.
      p_holm: corrected for all comparisons of this metric in the row set.
      rank_biserial: matched-pairs rank-biserial correlation, -1 to 1; positive where ``first`` is better.
      cohens_dz: mean over SD of the differences; positive where ``first`` is better.
      verdict: ``better``, ``worse`` or ``undecided``, of ``first``.
      reason: why something above is None, or cannot be small; empty if there is nothing to say.
    """

    metric: str
    first: str
    second: str
    num_subjects: int
    num_better: int
    difference: float | None
    ci95: tuple[float, float] | None
    p: float | None
    p_holm: float | None
    rank_biserial: float | None
    cohens_dz: float | None
    verdict: str
    reason: str


@functools.lru_cache(maxsize=4)
def _weights(num_subjects: int) -> np.ndarray:
    return resampling_weights(num_subjects, RESAMPLING_SEED)


def describe_sample(values: np.ndarray) -> tuple[float | None, float | None, tuple[float, float] | None, str]:
    """Mean, SD (n - 1), percentile bootstrap interval, and why one of them is None, of one value per participant."""
    entry = describe(values, _weights(len(values)))
    return entry["mean"], entry["std"], tuple(entry["ci95"]) if entry["ci95"] else None, entry.get("reason", "")


def signed_rank(differences: np.ndarray) -> tuple[float, float, str]:
    """Wilcoxon's signed-rank test and its effect size; differences of zero are left out, as Wilcoxon did.

    Args:
      differences: n finite values.

    Returns:
      The two-sided p (1 if all differences are zero); the matched-pairs rank-biserial correlation, the share of the
      rank sum on the positive side minus that on the negative (Kerby, Compr. Psychol. 2014; 0 if all are zero);
      and a remark where the sample cannot decide.
    """
    from scipy.stats import rankdata, wilcoxon

    changed = differences[differences != 0]
    if not len(changed):
        return 1.0, 0.0, "all differences are zero"
    ranks = rankdata(np.abs(changed))
    rank_biserial = float((ranks * np.sign(changed)).sum() / ranks.sum())
    smallest = 0.5 ** (len(changed) - 1)
    remark = (
        f"the smallest possible p of {len(changed)} differing subjects is {smallest:.3g}" if smallest >= ALPHA else ""
    )
    return float(wilcoxon(changed).pvalue), rank_biserial, remark


def cohens_dz(differences: np.ndarray) -> float | None:
    """Mean over SD (n - 1) of paired differences; 0 if all are zero, None if they are one other value throughout."""
    if not differences.any():
        return 0.0
    if len(differences) < 2 or np.ptp(differences) <= 1e-9 * np.abs(differences).max():
        return None
    return float(differences.mean() / differences.std(ddof=1))


def compare(metric: str, first: str, second: str, differences: np.ndarray) -> Comparison:
    """A comparison whose p is not yet corrected, from one difference (first - second) per participant."""
    n = len(differences)
    advantage = -differences if METRICS[metric].lower_is_better else differences
    better = int((advantage > 0).sum())
    nothing = Comparison(metric, first, second, n, better, None, None, None, None, None, None, "undecided", "")
    if not n:
        return nothing._replace(reason="no participant was scored in the same runs of both")
    mean, _, ci95, reason = describe_sample(differences)
    if mean is None:
        return nothing._replace(reason=reason)
    p, rank_biserial, remark = signed_rank(advantage)
    dz = cohens_dz(advantage)
    constant = "Cohen's dz needs differences that vary" if dz is None else ""
    return nothing._replace(
        difference=mean,
        ci95=ci95,
        p=p,
        rank_biserial=rank_biserial,
        cohens_dz=dz,
        reason="; ".join(filter(None, [reason, remark, constant])),
    )


def _decide(comparison: Comparison, p_holm: float | None) -> Comparison:
    """With the corrected p and the verdict; mean and ranks must point the same way for one."""
    verdict = "undecided"
    if p_holm is not None and p_holm < ALPHA:
        advantage = -comparison.difference if METRICS[comparison.metric].lower_is_better else comparison.difference
        if advantage * comparison.rank_biserial > 0:
            verdict = "better" if advantage > 0 else "worse"
    return comparison._replace(p_holm=p_holm, verdict=verdict)


def with_verdicts(family: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons with their p corrected for all of ``family``, and what that decides."""
    return list(map(_decide, family, holm([comparison.p for comparison in family])))
