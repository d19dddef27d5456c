"""ACC, BACC, SEN, SPE, precision, F1 and AUC of AD/CN classifiers; AD is the positive class."""

from typing import Any

import numpy as np

MEASURES = {
    "acc": "ACC",
    "bacc": "BACC",
    "sen": "SEN",
    "spe": "SPE",
    "precision": "Precision",
    "f1": "F1",
    "auc": "AUC",
}
"""Order and names of the columns of every table and figure."""

COUNTS = ("tp", "fn", "fp", "tn")


def undefined(*, tp: float, fn: float, fp: float, tn: float) -> dict[str, str]:
    """Measure -> why it has no value with these confusion counts; measures that have one are left out."""
    reasons = {}
    if not tp + fn:
        reasons |= dict.fromkeys(("sen", "bacc", "auc"), "no AD subjects")
    if not fp + tn:
        reasons |= dict.fromkeys(("spe", "bacc", "auc"), "no CN subjects")
    if not tp + fp:
        reasons["precision"] = "nobody was called AD"
    if not tp + fp + fn:
        reasons["f1"] = "no AD subjects, and nobody was called AD"
    return reasons


def measure(is_ad: np.ndarray, probability: np.ndarray, threshold: float) -> dict[str, Any]:
    """Confusion counts and measures of one classifier on one group of subjects.

    Args:
      is_ad: n, True for AD.
      probability: n, of AD, in [0, 1].
      threshold: a subject is called AD from here upwards.

    Returns:
      ``COUNTS`` and ``MEASURES`` (fractions; None where not defined), and ``reasons``: measure -> why not.
    """
    from sklearn import metrics

    called_ad = probability >= threshold
    counts = metrics.confusion_matrix(is_ad, called_ad, labels=[True, False]).ravel()
    counts = dict(zip(COUNTS, map(int, counts), strict=True))
    reasons = undefined(**counts)
    found = measures_of_counts(**{key: np.float64(count) for key, count in counts.items()})
    values = {key: None if key in reasons else float(value) for key, value in found.items()}
    values["auc"] = None if "auc" in reasons else float(metrics.roc_auc_score(is_ad, probability))
    return counts | values | {"reasons": reasons}


def measures_of_counts(tp: np.ndarray, fn: np.ndarray, fp: np.ndarray, tn: np.ndarray) -> dict[str, np.ndarray]:
    """The measures but the AUC, of one or many sets of confusion counts; NaN where not defined."""
    with np.errstate(invalid="ignore"):
        sen, spe = tp / (tp + fn), tn / (tn + fp)
        return {
            "acc": (tp + tn) / (tp + fn + fp + tn),
            "bacc": (sen + spe) / 2,
            "sen": sen,
            "spe": spe,
            "precision": tp / (tp + fp),
            "f1": 2 * tp / (2 * tp + fp + fn),
        }


def concordance(ad: np.ndarray, cn: np.ndarray) -> np.ndarray:
    """AD x CN: 1 where the AD subject has the higher probability, 1/2 at a tie; its mean is the AUC."""
    return (np.sign(ad[:, None] - cn) + 1) / 2
