"""Regional agreement of generated and real uptake, and how much of the AD-CN difference survives generation."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

LIMITS_FACTOR = 1.96
"""Half width of the limits of agreement in SD of the differences (Bland and Altman, Lancet 1986)."""


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


def _spread(values: np.ndarray) -> dict[str, float | None]:
    return {"mean": float(values.mean()), "std": float(values.std(ddof=1)) if len(values) > 1 else None}


def summarise_regions(rows: "pd.DataFrame") -> dict[str, Any]:
    """Regional agreement for every region and predictor.

    Args:
      rows: one line per participant, region and predictor with the columns ``diagnosis``, ``region``,
        ``predictor``, ``real`` and ``synthetic`` (mean uptake, volumes in [0, 1]).

    Returns:
      region -> {"real": {...}, "predictors": {name: {...}}}: means, SD, mean absolute error, Pearson's r,
      Bland-Altman bias and limits, AD-CN difference and the share of the real difference that is kept.
    """
    result = {}
    for region, in_region in rows.groupby("region", sort=False):
        first = in_region[in_region["predictor"] == in_region["predictor"].iloc[0]]
        truth = group_difference(first["real"].to_numpy(float), first["diagnosis"].to_numpy())
        entry = {"real": _spread(first["real"].to_numpy(float)) | {"ad_minus_cn": truth}, "predictors": {}}
        for name, own in in_region.groupby("predictor", sort=False):
            real, synthetic = own["real"].to_numpy(float), own["synthetic"].to_numpy(float)
            groups = group_difference(synthetic, own["diagnosis"].to_numpy())
            kept = groups["difference"] / truth["difference"] if truth["difference"] else None
            entry["predictors"][name] = _spread(synthetic) | {
                "mae": float(np.abs(synthetic - real).mean()),
                "pearson_r": correlation(real, synthetic),
                **bland_altman(real, synthetic),
                "ad_minus_cn": groups,
                "share_of_difference_kept": kept,
            }
        result[region] = entry
    return result
