"""Whom the figures of an evaluation show, beside whose prediction."""

from typing import TYPE_CHECKING

import numpy as np

from pcsa_jax.data.predictors.registry import TRIVIAL_PREDICTORS

if TYPE_CHECKING:
    import pandas as pd


def shown_subjects(mae_brain: np.ndarray) -> dict[str, int]:
    """Rows of the subjects with the lowest, the (lower) median and the highest error: a rule, so nobody can choose.

    Each at most once: of two the best and the worst, of one that.
    """
    order = np.argsort(mae_brain, kind="stable")
    if len(order) == 1:
        return {"only": 0}
    if len(order) == 2:
        return {"best": int(order[0]), "worst": int(order[1])}
    return {"best": int(order[0]), "median": int(order[(len(order) - 1) // 2]), "worst": int(order[-1])}


def best_trivial(rows: "pd.DataFrame") -> str:
    """Name of the trivial predictor with the lowest mean MAE in the brain over ``rows`` (as in ``subjects.tsv``)."""
    trivial = rows[rows["predictor"].isin(list(TRIVIAL_PREDICTORS))]
    return str(trivial.groupby("predictor")["mae_brain"].mean().idxmin())
