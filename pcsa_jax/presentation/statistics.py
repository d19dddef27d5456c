"""Means with intervals, agreement and p values, as every page reports them."""

from typing import Any

import numpy as np

NUM_RESAMPLES = 10_000
"""Bootstrap resamples of the test subjects; the seed makes the intervals repeatable."""


FEWEST_FOR_INTERVAL = 3
"""Subjects. The percentile interval of two ends at the two, and misses the mean of everybody every other time."""

LIMITS_FACTOR = 1.96
"""Half width of the limits of agreement in SD of the differences (Bland and Altman, Lancet 1986)."""


def resampling_weights(n: int, seed: int) -> np.ndarray:
    """``NUM_RESAMPLES x n``: how much each subject counts in each bootstrap resample; rows add up to 1."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=NUM_RESAMPLES) / n


def describe(
    values: np.ndarray, weights: np.ndarray, *, undefined: str = "PSNR of identical volumes is infinite"
) -> dict[str, Any]:
    """Mean, SD and percentile bootstrap interval of one value per subject.

    Args:
      values: n, one per subject.
      weights: ``resampling_weights(n, seed)``; the same for all predictors, so that differences are paired.
      undefined: when a value is not finite, in words, for the reason.

    Returns:
      ``mean``, ``std`` (n - 1 in the denominator), ``ci95`` (lower, upper); None with a ``reason`` where there is
      no finite answer.
    """
    infinite = int(np.sum(~np.isfinite(values)))
    if infinite:
        reason = f"not finite for {infinite} of {len(values)} subjects ({undefined})"
        return {"mean": None, "std": None, "ci95": None, "reason": reason}
    mean = float(values.mean())
    if len(values) < 2:
        return {"mean": mean, "std": None, "ci95": None, "reason": "needs at least 2 subjects"}
    std = float(values.std(ddof=1))
    if len(values) < FEWEST_FOR_INTERVAL:
        reason = f"an interval needs at least {FEWEST_FOR_INTERVAL} subjects"
        return {"mean": mean, "std": std, "ci95": None, "reason": reason}
    low, high = np.percentile(weights @ values, [2.5, 97.5])
    return {"mean": mean, "std": std, "ci95": [float(low), float(high)]}


def bland_altman(real: np.ndarray, synthetic: np.ndarray) -> dict[str, Any]:
    """Bias (mean of synthetic - real) and the limits that hold about 95 % of the differences.

    Source: Bland and Altman, Lancet 1986.
    """
    difference = synthetic - real
    bias = float(difference.mean())
    if len(difference) < 2:
        return {"bias": bias, "limits": None}
    half = LIMITS_FACTOR * float(difference.std(ddof=1))
    return {"bias": bias, "limits": [bias - half, bias + half]}


def correlation(real: np.ndarray, synthetic: np.ndarray) -> float | None:
    """Pearson's r; None where one of the two does not vary (the mean PET) or there are fewer than 3 subjects."""
    if len(real) < 3 or np.ptp(real) < 1e-9 or np.ptp(synthetic) < 1e-6:
        return None
    return float(np.corrcoef(real, synthetic)[0, 1])


def percentile_interval(resampled: np.ndarray) -> list[float] | None:
    """Where the middle 95 % of the finite resamples lie; None if more than 5 % of them have no value."""
    finite = resampled[np.isfinite(resampled)]
    if not len(finite) or len(finite) < 0.95 * len(resampled):
        return None
    low, high = np.percentile(finite, [2.5, 97.5])
    return [float(low), float(high)]


def resampled_correlation(real: np.ndarray, synthetic: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson's r in each bootstrap resample.

    Args:
      real, synthetic: n, one value per subject.
      weights: ``resampling_weights(n, seed)``.

    Returns:
      One r per row of ``weights``; NaN where a resample does not vary, and throughout where :func:`correlation` is
      None.
    """
    if correlation(real, synthetic) is None:
        return np.full(len(weights), np.nan)
    x, y = ((values - values.mean()) / values.std() for values in (real, synthetic))
    mean_x, mean_y, xx, yy, xy = (weights @ values for values in (x, y, x * x, y * y, x * y))
    squares = (xx - mean_x**2) * (yy - mean_y**2)
    varies = (xx - mean_x**2 > 1e-12) & (yy - mean_y**2 > 1e-12)
    covariance = xy - mean_x * mean_y
    r = np.divide(covariance, np.sqrt(np.abs(squares)), out=np.full(len(weights), np.nan), where=varies)
    return np.clip(r, -1, 1)


def group_difference(values: np.ndarray, diagnosis: np.ndarray) -> dict[str, Any]:
    """Mean of AD minus mean of CN, and the same in units of the pooled SD (Cohen's d).

    None with a ``reason`` unless both groups have at least 2 subjects; d is None where nobody differs.
    """
    ad, cn = values[diagnosis == "AD"], values[diagnosis == "CN"]
    if len(ad) < 2 or len(cn) < 2:
        reason = f"needs at least 2 AD and 2 CN subjects, found {len(ad)} and {len(cn)}"
        return {"difference": None, "cohens_d": None, "reason": reason}
    difference = float(ad.mean() - cn.mean())
    squares = (len(ad) - 1) * ad.var(ddof=1) + (len(cn) - 1) * cn.var(ddof=1)
    pooled = float(np.sqrt(squares / (len(ad) + len(cn) - 2)))
    return {"difference": difference, "cohens_d": difference / pooled if pooled > 1e-9 else None}


def holm(p_values: list[float | None]) -> list[float | None]:
    """Step-down correction of the family-wise error; None, a test that could not be made, does not count.

    Source: Holm, Scand. J. Stat. 1979.
    """
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        corrected[place] = largest
    return corrected
