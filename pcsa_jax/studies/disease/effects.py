"""The regional table: agreement with the real PET, and how much of the AD-CN difference is left, with intervals."""

from typing import TYPE_CHECKING, Any

import numpy as np

from pcsa_jax.evaluation.people import one_row_each
from pcsa_jax.evaluation.summary import predictor_labels
from pcsa_jax.presentation.statistics import (
    bland_altman,
    correlation,
    group_difference,
    percentile_interval,
    resampling_weights,
)

if TYPE_CHECKING:
    import pandas as pd

LOW_REGION_Z = -1.0
"""A region whose mean z is below this counts as low. Milder than for a voxel: a mean over a region varies less."""

MIN_GROUP = 3
"""Participants of each diagnosis that an interval needs."""

SMALLEST_SPREAD = 1e-6
"""Below this range of uptake over the subjects of a fold a predictor says the same of everybody."""

AGREEMENT_COLUMNS = (
    "region", "predictor", "n_subjects", "num_ad", "num_cn", "mean_real", "mean_synthetic", "mae", "pearson_r",
    "bias", "limit_low", "limit_high", "difference_real", "difference_synthetic", "d_real", "d_real_low", "d_real_high",
    "d_synthetic", "d_synthetic_low", "d_synthetic_high", "share_kept", "share_kept_low", "share_kept_high",
    "num_ad_low_real", "num_ad_low_synthetic", "num_ad_low_both", "sensitivity", "precision", "reason",
)  # fmt: skip
"""Columns of ``regional_agreement.tsv``; d is Cohen's, ``sensitivity`` and ``precision`` are of :func:`shared_lows`."""


def _resampled(values: np.ndarray, diagnosis: np.ndarray, weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """AD - CN and Cohen's d of each resample, both diagnoses resampled by themselves."""
    mean, squares = {}, np.zeros(())
    for group, own_weights in weights.items():
        own = values[diagnosis == group]
        centred = own - own.mean()
        mean[group] = own.mean() + own_weights @ centred
        squares = squares + len(own) * (own_weights @ centred**2 - (own_weights @ centred) ** 2)
    pooled = np.sqrt(np.maximum(squares, 0) / (sum(own.shape[1] for own in weights.values()) - 2))
    difference = mean["AD"] - mean["CN"]
    d = np.divide(difference, pooled, out=np.full_like(difference, np.nan), where=pooled > 1e-9)
    return {"difference": difference, "d": d}


def _bounds(resampled: np.ndarray) -> tuple[float | None, float | None]:
    low, high = percentile_interval(resampled) or (None, None)
    return low, high


def group_effects(real: np.ndarray, synthetic: np.ndarray, diagnosis: np.ndarray, *, seed: int = 0) -> dict[str, Any]:
    """AD - CN in real and synthetic uptake, Cohen's d, and the share of the real difference that is kept.

    The same resamples serve real and synthetic, so that the share is paired. It is given only where the real PET
    differs between the groups (its interval does not hold 0): the share of a difference that is not there is noise.

    Args:
      real: one value per participant.
      synthetic: the same.
      diagnosis: "AD", "CN" or other, each.
      seed: of the bootstrap.

    Returns:
      The columns from ``difference_real`` to ``share_kept_high`` of ``AGREEMENT_COLUMNS``, None where there is no
      answer, with the ``reason``.
    """
    truth, own = group_difference(real, diagnosis), group_difference(synthetic, diagnosis)
    found: dict[str, Any] = {
        "difference_real": truth["difference"], "difference_synthetic": own["difference"],
        "d_real": truth["cohens_d"], "d_synthetic": own["cohens_d"], "reason": truth.get("reason", ""),
    }  # fmt: skip
    counts = {group: int((diagnosis == group).sum()) for group in ("AD", "CN")}
    if found["reason"] or min(counts.values()) < MIN_GROUP:
        few = f"an interval needs at least {MIN_GROUP} AD and {MIN_GROUP} CN subjects, found {counts['AD']} and "
        return found | {"reason": found["reason"] or f"{few}{counts['CN']}"}
    weights = {group: resampling_weights(n, seed + place) for place, (group, n) in enumerate(counts.items())}
    resampled = {name: _resampled(values, diagnosis, weights) for name, values in
                 (("real", real), ("synthetic", synthetic))}  # fmt: skip
    for name, draws in resampled.items():
        found[f"d_{name}_low"], found[f"d_{name}_high"] = _bounds(draws["d"])
    low, high = _bounds(resampled["real"]["difference"])
    if low <= 0 <= high:
        return found | {"reason": "AD and CN do not differ in the PET of the cohort itself (the 95 % interval holds 0)"}
    share = resampled["synthetic"]["difference"] / resampled["real"]["difference"]
    found["share_kept"] = own["difference"] / truth["difference"] + 0.0  # no "-0"
    found["share_kept_low"], found["share_kept_high"] = _bounds(share)
    return found


def shared_lows(real_z: np.ndarray, synthetic_z: np.ndarray, diagnosis: np.ndarray) -> dict[str, Any]:
    """Of the AD subjects whose region is low (z < -1) in the real PET, how many are low in the synthetic one, and back.

    Returns:
      The three counts, ``sensitivity`` (both / low in real) and ``precision`` (both / low in synthetic); None where
      nobody is low, or without z.
    """
    ad = (diagnosis == "AD") & np.isfinite(real_z) & np.isfinite(synthetic_z)
    real, synthetic = real_z[ad] < LOW_REGION_Z, synthetic_z[ad] < LOW_REGION_Z
    counts = {"real": int(real.sum()), "synthetic": int(synthetic.sum()), "both": int((real & synthetic).sum())}
    return {f"num_ad_low_{name}": count for name, count in counts.items()} | {
        "sensitivity": counts["both"] / counts["real"] if counts["real"] else None,
        "precision": counts["both"] / counts["synthetic"] if counts["synthetic"] else None,
    }


def regional_table(regions: "pd.DataFrame", *, seed: int = 0) -> "pd.DataFrame":
    """``regional_agreement.tsv``: per region and predictor, over the participants of all folds.

    A predictor that says the same of everybody in a fold (the mean PET) has neither r nor d: what little its values
    differ between folds only says whose PET it was fitted on.

    Args:
      regions: the lines of ``regions.tsv`` with a column ``fold``.
      seed: of the bootstrap.
    """
    import pandas as pd

    keys, measures = ["region", "predictor"], ["fold", "real", "synthetic", "real_z", "synthetic_z"]
    people = one_row_each(regions, keys, measures)
    rows = []
    for region in regions["region"].unique():
        for name in (known for known in predictor_labels() if known in set(regions["predictor"])):
            own = people[(people["region"] == region) & (people["predictor"] == name)]
            rows.append({"region": region, "predictor": name} | _agreement(own, seed))
    return pd.DataFrame(rows, columns=list(AGREEMENT_COLUMNS))


def _agreement(own: "pd.DataFrame", seed: int) -> dict[str, Any]:
    real, synthetic, diagnosis = (own[key].to_numpy() for key in ("real", "synthetic", "diagnosis"))
    varies = bool((own.groupby("fold")["synthetic"].agg(np.ptp) > SMALLEST_SPREAD).any())
    altman = bland_altman(real, synthetic)
    limits = altman["limits"] or (None, None)
    found = {
        "n_subjects": len(own), "num_ad": int((diagnosis == "AD").sum()), "num_cn": int((diagnosis == "CN").sum()),
        "mean_real": real.mean(), "mean_synthetic": synthetic.mean(), "mae": np.abs(synthetic - real).mean(),
        "pearson_r": correlation(real, synthetic) if varies else None,
        "bias": altman["bias"], "limit_low": limits[0], "limit_high": limits[1],
        **group_effects(real, synthetic, diagnosis, seed=seed),
        **shared_lows(own["real_z"].to_numpy(), own["synthetic_z"].to_numpy(), diagnosis),
    }  # fmt: skip
    if varies:
        return found
    found |= dict.fromkeys(("d_synthetic", "d_synthetic_low", "d_synthetic_high"))
    return found | {"reason": found["reason"] or "the same for everybody in a fold"}
