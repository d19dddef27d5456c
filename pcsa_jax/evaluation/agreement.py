"""Regional agreement of generated and real uptake, and how much of the AD-CN difference survives generation."""

from typing import TYPE_CHECKING, Any

import numpy as np

from pcsa_jax.presentation.statistics import bland_altman, correlation, group_difference

if TYPE_CHECKING:
    import pandas as pd


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
