"""From per-subject rows to the numbers of a table: means, SD and confidence intervals over the test subjects."""

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from pcsa_jax.data.predictors.registry import TRIVIAL_PREDICTORS
from pcsa_jax.evaluation.ceilings import CEILINGS
from pcsa_jax.presentation.statistics import NUM_RESAMPLES, describe, resampling_weights

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass(frozen=True)
class Metric:
    """How a column of per-subject scores is shown and read.

    Attributes:
      label: name in tables.
      unit: empty, or short.
      region: what is averaged over: ``whole volume`` (the paper's protocol), ``brain`` or ``regions``.
      lower_is_better: True for errors.
      digits: decimals worth printing.
      undefined: when it has no finite value, in words.
    """

    label: str
    unit: str
    region: str
    lower_is_better: bool
    digits: int
    undefined: str = "PSNR of identical volumes is infinite"

    @property
    def title(self) -> str:
        return f"{self.label} ({self.unit})" if self.unit else self.label


METRICS = {
    "mae": Metric("MAE", "", "whole volume", True, 4),
    "psnr_db": Metric("PSNR", "dB", "whole volume", False, 2),
    "ssim": Metric("SSIM", "", "whole volume", False, 4),
    "mae_brain": Metric("MAE", "", "brain", True, 4),
    "psnr_brain_db": Metric("PSNR", "dB", "brain", False, 2),
    "ssim_brain": Metric("SSIM", "", "brain", False, 4),
}

INDIVIDUAL_METRICS = {
    "psnr_brain_matched_db": Metric("scale-matched PSNR", "dB", "brain", False, 2),
    "identification": Metric("identification", "", "brain", False, 2, "it needs the PET of another participant"),
    "asymmetry_error": Metric("asymmetry error", "points", "regions", True, 1, "a region without uptake has no index"),
}
"""What else is scored per subject: whether a predicted PET shows this person, and not only the level and the mean."""

REGIONAL_CORRELATION = "regional_correlation"
"""Beside the metrics of a predictor in ``summary.json``: Pearson's r over participants, mean over the regions."""

MODEL, ANCHOR = "model", "anchor"
"""Names in tables and files of the generator, and of the same one without what its network has learnt."""


def predictor_labels() -> dict[str, str]:
    """Name in tables and files -> name for print, in the order of the rows of every table and figure."""
    trivial = {name: predictor.label for name, predictor in TRIVIAL_PREDICTORS.items()}
    return {MODEL: "generator", ANCHOR: "without its network", **trivial, **CEILINGS}


SCORE_COLUMNS = ("participant_id", "session_id", "diagnosis", "predictor", *METRICS)
"""Columns of ``subjects.tsv`` that every table of scores is made from."""

ROW_COLUMNS = (*SCORE_COLUMNS, *INDIVIDUAL_METRICS, "identification_rank")
"""Columns of ``subjects.tsv``."""

ALL_METRICS = METRICS | INDIVIDUAL_METRICS


def _per_subject(rows: "pd.DataFrame") -> dict[str, "pd.DataFrame"]:
    """Predictor -> one line per participant (the mean over sessions), in one order of participants."""
    names = [name for name in predictor_labels() if name in set(rows["predictor"])]
    tables = {}
    for name in names:
        # A mean would skip NaN, as if the session had not been.
        own = rows[rows["predictor"] == name].fillna(dict.fromkeys(ALL_METRICS, np.inf))
        tables[name] = own.groupby("participant_id", sort=True)[list(ALL_METRICS)].mean()
        if not tables[name].index.equals(tables[names[0]].index):
            raise ValueError(f"rows: predictor {name!r} was not scored on the same participants as {names[0]!r}.")
    return tables


def _predictors(tables: dict[str, "pd.DataFrame"], weights: np.ndarray) -> dict[str, Any]:
    return {
        name: {
            key: describe(table[key].to_numpy(float), weights, undefined=metric.undefined)
            for key, metric in ALL_METRICS.items()
        }
        for name, table in tables.items()
    }


def _verdict(ci95: list[float] | None, lower_is_better: bool) -> str:
    """``better``, ``worse`` or ``undecided``: on which side of 0 the interval of model - other lies."""
    if ci95 is None or ci95[0] <= 0 <= ci95[1]:
        return "undecided"
    return "better" if (ci95[1] < 0) == lower_is_better else "worse"


def _paired(tables: dict[str, "pd.DataFrame"], weights: np.ndarray) -> dict[str, Any]:
    """Model minus each other predictor, subject by subject."""
    if "model" not in tables:
        return {}
    result = {}
    for name in tables:
        if name == "model":
            continue
        result[name] = {}
        for key, metric in ALL_METRICS.items():
            model, other = tables["model"][key].to_numpy(float), tables[name][key].to_numpy(float)
            better = model < other if metric.lower_is_better else model > other
            with np.errstate(invalid="ignore"):
                entry = describe(model - other, weights, undefined=metric.undefined)
            entry["verdict"] = _verdict(entry["ci95"], metric.lower_is_better)
            entry["num_better"] = int(better.sum())
            result[name][key] = entry
    return result


def summarise(rows: "pd.DataFrame", *, seed: int = 0) -> dict[str, Any]:
    """The summary of ``subjects.tsv``.

    A participant with several sessions counts once, with the mean over the sessions: they are not independent.

    Args:
      rows: one line per participant, session and predictor, with ``ROW_COLUMNS``.
      seed: of the bootstrap.

    Returns:
      ``n_subjects``, ``predictors`` (name -> metric -> ``describe``), ``by_diagnosis`` (the same within each
      diagnosis), ``paired_differences`` (model minus other, with a verdict) and what the spread is over.
    """
    tables = _per_subject(rows)
    n = len(next(iter(tables.values())))
    weights = resampling_weights(n, seed)
    by_diagnosis = {}
    for diagnosis in sorted(d for d in rows["diagnosis"].dropna().unique() if d):
        own = _per_subject(rows[rows["diagnosis"] == diagnosis])
        size = len(next(iter(own.values())))
        by_diagnosis[diagnosis] = {
            "n_subjects": size,
            "predictors": _predictors(own, resampling_weights(size, seed)),
        }
    return {
        "n_subjects": n,
        "std_over": "test subjects",
        "ci95_method": f"percentile bootstrap of the mean over test subjects, {NUM_RESAMPLES:,} resamples, seed {seed}",
        "data_range": 1.0,
        "predictors": _predictors(tables, weights),
        "by_diagnosis": by_diagnosis,
        "paired_differences": _paired(tables, weights),
    }
