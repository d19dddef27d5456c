"""Regional agreement of generated and real uptake, and how much of the AD-CN difference survives generation."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pcsa_jax.evaluation.people import one_row_each
from pcsa_jax.presentation.statistics import (
    bland_altman,
    correlation,
    describe,
    group_difference,
    percentile_interval,
    resampled_correlation,
    resampling_weights,
)

if TYPE_CHECKING:
    import pandas as pd

MEASURES = ("real", "synthetic", "asymmetry_real", "asymmetry_synthetic")
"""Columns of ``regions.tsv``: mean uptake (volumes in [0, 1]), and asymmetry index (per cent)."""


def _people(rows: "pd.DataFrame") -> "Iterator[tuple[str, str, pd.DataFrame]]":
    """Region, predictor and their lines, one a participant: sessions are averaged, values and errors alike."""
    errors = {
        "error": (rows["synthetic"] - rows["real"]).abs(),
        "asymmetry_error": (rows["asymmetry_synthetic"] - rows["asymmetry_real"]).abs(),
    }
    people = one_row_each(rows.assign(**errors), ["region", "predictor"], [*MEASURES, *errors])
    for region in rows["region"].unique():
        for name in rows["predictor"].unique():
            yield region, name, people[(people["region"] == region) & (people["predictor"] == name)]


def _spread(values: np.ndarray) -> dict[str, float | None]:
    return {"mean": float(values.mean()), "std": float(values.std(ddof=1)) if len(values) > 1 else None}


def _correlation(real: np.ndarray, synthetic: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
    resampled = resampled_correlation(real, synthetic, weights)
    return {"pearson_r": correlation(real, synthetic), "pearson_r_ci95": percentile_interval(resampled)}


def _asymmetry(own: "pd.DataFrame", weights: np.ndarray) -> dict[str, Any]:
    real, synthetic = (own[f"asymmetry_{name}"].to_numpy(float) for name in ("real", "synthetic"))
    error = describe(own["asymmetry_error"].to_numpy(float), weights, undefined="no uptake has no index")
    return {"mae": error, **_correlation(real, synthetic, weights)}


def summarise_regions(rows: "pd.DataFrame", *, seed: int = 0) -> dict[str, Any]:
    """Regional agreement for every region and predictor.

    A participant with several sessions counts once, with the mean over the sessions.

    Args:
      rows: one line per participant, session, region and predictor with the columns ``diagnosis``, ``region``,
        ``predictor`` and ``MEASURES``.
      seed: of the bootstrap.

    Returns:
      region -> {"real": {...}, "predictors": {name: {...}}}: means, SD, mean absolute error, Pearson's r with its
      interval, Bland-Altman bias and limits, AD-CN difference and the share of the real difference that is kept; and
      of the asymmetry index (percentage points) the mean absolute error and r.
    """
    result: dict[str, Any] = {}
    weights = resampling_weights(rows["participant_id"].nunique(), seed)
    for region, name, own in _people(rows):
        real, synthetic = own["real"].to_numpy(float), own["synthetic"].to_numpy(float)
        diagnosis = own["diagnosis"].to_numpy()
        truth = group_difference(real, diagnosis)
        entry = result.setdefault(region, {"real": _spread(real) | {"ad_minus_cn": truth}, "predictors": {}})
        groups = group_difference(synthetic, diagnosis)
        kept = groups["difference"] / truth["difference"] if truth["difference"] else None
        entry["predictors"][name] = _spread(synthetic) | {
            "mae": float(own["error"].mean()),
            **_correlation(real, synthetic, weights),
            **bland_altman(real, synthetic),
            "ad_minus_cn": groups,
            "share_of_difference_kept": kept,
            "asymmetry": _asymmetry(own, weights),
        }
    return result


def regional_correlation(rows: "pd.DataFrame", *, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Pearson's r of uptake over participants, mean over the regions, so whether people differ as they really do.

    Args:
      rows: as for :func:`summarise_regions`.
      seed: of the bootstrap; the regions are resampled together.

    Returns:
      predictor -> ``mean``, ``std`` (always None: there is one value), ``ci95``; with a ``reason`` where None.
    """
    weights = resampling_weights(rows["participant_id"].nunique(), seed)
    found: dict[str, list[tuple[float | None, np.ndarray]]] = {}
    for _, name, own in _people(rows):
        real, synthetic = own["real"].to_numpy(float), own["synthetic"].to_numpy(float)
        found.setdefault(name, []).append(
            (correlation(real, synthetic), resampled_correlation(real, synthetic, weights))
        )
    result = {}
    for name, regions in found.items():
        rs, resampled = zip(*regions, strict=True)
        if None in rs:
            few = "needs at least 3 subjects" if weights.shape[1] < 3 else "the same uptake for everybody"
            result[name] = {"mean": None, "std": None, "ci95": None, "reason": few}
        else:
            ci95 = percentile_interval(np.mean(resampled, axis=0))
            result[name] = {"mean": float(np.mean(rs)), "std": None, "ci95": ci95}
    return result
