"""How a generator answers to a planted lesion, with and without a trace in the MRI, and the table of it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pcsa_jax.data import lesions
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.lesions import DEPTHS, PLACES
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.evaluation.people import one_row_each
from pcsa_jax.evaluation.summary import predictor_labels
from pcsa_jax.presentation.statistics import describe, resampling_weights

if TYPE_CHECKING:
    import pandas as pd

KINDS = {"mri": "with MRI correlate", "pet_only": "without MRI correlate"}
"""``mri``: grey matter and real PET both lose ``depth``. ``pet_only``: the real PET alone does."""

SUMMARY_COLUMNS = (
    "place", "kind", "predictor", "depth", "n_subjects", "response", "response_std", "response_low", "response_high",
    "share_followed", "outside", "real", "synthetic", "error", "error_low", "error_high",
)  # fmt: skip
"""Columns of ``lesion_summary.tsv``: means over the participants, SD, 95 % bootstrap intervals."""


def lesion_rows(
    pet: np.ndarray, outputs: Mapping[tuple[str, float], np.ndarray], grid: Grid
) -> list[dict[str, float | str]]:
    """The lines of ``lesions.tsv`` of one subject and predictor.

    A predictor sees the MRI alone. Without a correlate there its input is the same, hence its output: the response is
    0 by construction, and what the lesion costs shows in ``error``.

    The real PET is lowered on the scale that it was normalised to, without normalising it anew, so that the planted
    depth is the depth.

    Args:
      pet: the real PET, x y z in [0, 1].
      outputs: (place, depth) -> the predictor's PET of the map with that lesion; ("", 0) -> of the map as it is.
      grid: of all of them.

    Returns:
      Per place, kind and depth: ``response`` (depth measured in the predictor's PET), ``outside`` (mean size of its
      change elsewhere in the brain, relative), ``real`` and ``synthetic`` (uptake in the lesion) and their difference
      ``error``.
    """
    before, brain, rows = outputs["", 0.0], brain_mask(grid), []
    for place, weight in lesions.lesion_weights(grid).items():
        for kind in KINDS:
            for depth in DEPTHS:
                after = outputs[place, depth] if kind == "mri" and depth else before
                real, synthetic = (
                    lesions.lesion_uptake(lesions.lower(pet, weight, depth), weight),
                    lesions.lesion_uptake(after, weight),
                )
                rows.append({
                    "place": place, "kind": kind, "depth": depth,
                    "response": lesions.measured_depth(before, after, weight),
                    "outside": lesions.change_outside(before, after, weight, brain),
                    "real": real, "synthetic": synthetic, "error": synthetic - real,
                })  # fmt: skip
    return rows


def planted_changes(
    pet: np.ndarray, outputs: Mapping[tuple[str, float], np.ndarray], weights: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The change that the deepest lesion with an MRI correlate makes in the real and in the synthetic PET."""
    deepest, changes = max(DEPTHS), {}
    for place in PLACES:
        changes[f"real_{place}"] = lesions.lower(pet, weights[place], deepest) - pet
        changes[f"synthetic_{place}"] = outputs[place, deepest] - outputs["", 0.0]
    return changes


def lesion_summary(lesions: "pd.DataFrame", *, seed: int = 0) -> "pd.DataFrame":
    """``lesion_summary.tsv``: per place, kind, predictor and depth, means over the participants.

    Args:
      lesions: the lines of ``lesions.tsv`` of all folds.
      seed: of the bootstrap.
    """
    import pandas as pd

    keys, measures = ["place", "kind", "predictor", "depth"], ["response", "outside", "real", "synthetic", "error"]
    people = one_row_each(lesions, keys, measures)
    weights = resampling_weights(people["participant_id"].nunique(), seed)
    rows = []
    for (place, kind, name, depth), own in people.groupby(keys, sort=False):
        response, error = (describe(own[key].to_numpy(float), weights) for key in ("response", "error"))
        bounds = {key: found["ci95"] or (None, None) for key, found in (("response", response), ("error", error))}
        follows = depth > 0 and response["mean"] is not None
        rows.append(
            {"place": place, "kind": kind, "predictor": name, "depth": depth, "n_subjects": len(own),
             "response": response["mean"], "response_std": response["std"],
             "response_low": bounds["response"][0], "response_high": bounds["response"][1],
             "share_followed": response["mean"] / depth if follows else None,
             **{key: own[key].mean() for key in ("outside", "real", "synthetic", "error")},
             "error_low": bounds["error"][0], "error_high": bounds["error"][1]}
        )  # fmt: skip
    order = {"place": list(PLACES), "kind": list(KINDS), "predictor": list(predictor_labels())}
    table = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))
    return table.sort_values(keys, key=lambda column: _ranked(column, order), ignore_index=True)


def _ranked(column: Any, order: Mapping[str, list[str]]) -> Any:
    return column.map(order[column.name].index) if column.name in order else column
