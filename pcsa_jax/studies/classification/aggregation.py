"""From classifiers and subjects to the numbers of Table 3: estimates, spread over folds, bootstrap intervals.

Two kinds of spread, never mixed: the SD over folds and seeds (what the paper's +- most likely is) shows how the result
changes with the classifier and the few subjects of a fold; the bootstrap interval shows how it would change with other
subjects, the trained classifiers being what they are.
"""

import dataclasses
from typing import Any

import numpy as np

from pcsa_jax.presentation.statistics import resampling_weights
from pcsa_jax.studies.classification.lines import Line
from pcsa_jax.studies.classification.measures import COUNTS, MEASURES, concordance, measure, measures_of_counts

SEED = 0
"""Of the bootstrap."""

LARGEST_UNDEFINED = 0.05
"""Share of the resamples that may have no value (nobody called AD, say) before there is no interval either."""


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number and its 95 % percentile bootstrap interval; None with a ``reason`` where there is none."""

    value: float | None
    ci95: tuple[float, float] | None
    reason: str = ""


def resample(is_ad: np.ndarray) -> np.ndarray:
    """How often each subject counts: a first row of ones (the subjects themselves), then one row per resample.

    AD and CN subjects are drawn separately, so every resample has as many of each as there are. Without at least two of
    each there is only the first row, and so no interval.
    """
    n_ad, n_cn = int(is_ad.sum()), int((~is_ad).sum())
    if min(n_ad, n_cn) < 2:
        return np.ones((1, len(is_ad)))
    weights = {True: resampling_weights(n_ad, SEED) * n_ad, False: resampling_weights(n_cn, SEED + 1) * n_cn}
    counts = np.ones((1 + len(weights[True]), len(is_ad)))
    for group, own in weights.items():
        counts[1:, is_ad == group] = np.rint(own)
    return counts


def estimate(values: np.ndarray, reason: str) -> Estimate:
    """Value and interval of a statistic over the rows of ``resample``; ``reason``: why it is NaN, should it be."""
    if np.isnan(values[0]):
        return Estimate(None, None, reason)
    if len(values) == 1:
        return Estimate(float(values[0]), None, "an interval needs at least 2 AD and 2 CN subjects")
    missing = int(np.isnan(values[1:]).sum())
    if missing > LARGEST_UNDEFINED * (len(values) - 1):
        return Estimate(float(values[0]), None, f"not defined in {missing} of {len(values) - 1} resamples")
    low, high = np.nanpercentile(values[1:], [2.5, 97.5])
    return Estimate(float(values[0]), (float(low), float(high)))


def distributions(line: Line, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Measure -> its value in each row of ``resample``.

    Held-out pairs: the decisions of a seed's folds are pooled, each at its own fold's threshold; then the mean over the
    seeds. The probabilities of different folds' classifiers are not on one scale, so the AUC is the share of (AD, CN)
    pairs *within a fold* that are ordered rightly: the mean of the folds' AUCs, weighted by their numbers of pairs.
    MRI-only subjects: every measure of every classifier, then the mean over the classifiers.
    """
    called, ad, cn = line.called_ad, counts[:, line.is_ad], counts[:, ~line.is_ad]
    pooled = []
    for pool in line.pools:
        positive = counts @ (called[pool].any(axis=0) & line.is_ad)
        false_positive = counts @ (called[pool].any(axis=0) & ~line.is_ad)
        values = measures_of_counts(
            positive, ad.sum(axis=1) - positive, false_positive, cn.sum(axis=1) - false_positive
        )
        pooled.append(values | {"auc": _auc(line, pool, ad, cn)})
    return {key: np.mean([values[key] for values in pooled], axis=0) for key in MEASURES}


def _auc(line: Line, pool: list[int], ad: np.ndarray, cn: np.ndarray) -> np.ndarray:
    ordered, compared = np.zeros(len(ad)), np.zeros(len(ad))
    for model in pool:
        of_ad, of_cn = line.probability[model, line.is_ad], line.probability[model, ~line.is_ad]
        has_ad, has_cn = ~np.isnan(of_ad), ~np.isnan(of_cn)
        weight_ad, weight_cn = ad[:, has_ad], cn[:, has_cn]
        ordered += ((weight_ad @ concordance(of_ad[has_ad], of_cn[has_cn])) * weight_cn).sum(axis=1)
        compared += weight_ad.sum(axis=1) * weight_cn.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return ordered / compared


def estimates(line: Line, values: dict[str, np.ndarray]) -> dict[str, Estimate]:
    """Measure -> estimate, from ``distributions``."""
    n_ad, n_cn = int(line.is_ad.sum()), int((~line.is_ad).sum())
    one_class = f"needs AD and CN subjects, found {n_ad} and {n_cn}"
    both = n_ad and n_cn
    reasons = dict.fromkeys(MEASURES, "a classifier called nobody AD" if both else one_class)
    reasons["auc"] = "no fold has both AD and CN subjects" if both else one_class
    return {key: estimate(values[key], reasons[key]) for key in MEASURES}


def classifier_rows(line: Line) -> list[dict[str, Any]]:
    """One row per classifier (seed, fold): its threshold, numbers of subjects, confusion counts and measures."""
    rows = []
    for model, (seed, fold) in enumerate(line.models):
        own = line.scored[model]
        found = measure(line.is_ad[own], line.probability[model, own], float(line.threshold[model]))
        rows.append({
            "part": line.part, "arm": line.key[0], "pet": line.key[1], "seed": seed, "fold": fold,
            "n_ad": found["tp"] + found["fn"], "n_cn": found["fp"] + found["tn"],
            "threshold": float(line.threshold[model]), **{key: found[key] for key in (*COUNTS, *MEASURES)},
            "undefined": "; ".join(f"{key}: {why}" for key, why in found["reasons"].items()) or None,
        })  # fmt: skip
    return rows


def spread_over_classifiers(values: np.ndarray) -> tuple[float | None, float | None]:
    """Mean and SD (n - 1) of a measure over folds and seeds; None where a fold has no value, or is the only one."""
    if np.isnan(values).any():
        return None, None
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None
