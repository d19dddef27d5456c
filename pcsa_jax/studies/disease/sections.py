"""The sections of ``disease.md``, one for each question: regions, planted lesions, deviation from normal."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pcsa_jax.data.lesions import DEPTHS, PLACES
from pcsa_jax.data.norms import LOW_Z, MIN_PEOPLE, SMALLEST_STD
from pcsa_jax.data.predictors.registry import TRIVIAL_PREDICTORS
from pcsa_jax.data.subjects import DIAGNOSES
from pcsa_jax.evaluation.ceilings import CEILING
from pcsa_jax.evaluation.people import one_row_each
from pcsa_jax.evaluation.summary import predictor_labels
from pcsa_jax.presentation.markdown import markdown_table
from pcsa_jax.presentation.numbers import MINUS, NONE, interval, number
from pcsa_jax.studies.disease.effects import LOW_REGION_Z
from pcsa_jax.studies.disease.lesions import KINDS
from pcsa_jax.studies.disease.zmaps import Z_MEASURES

if TYPE_CHECKING:
    import pandas as pd

NAMES = {
    "posterior_cingulate_precuneus": "posterior cingulate and precuneus",
    "angular": "angular",
    "inferior_temporal": "inferior temporal",
    "hippocampus": "hippocampus",
    "sensorimotor": "sensorimotor (control)",
    "angular_left": "left angular",
}
"""Region or place -> its name in sentences."""


def _value(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _number(value: Any, digits: int, *, signed: bool = False) -> str:
    known = _value(value)
    return number(None if known is None else round(known, digits) + 0.0, digits, signed=signed)  # no "-0"


def _with_interval(row: Any, column: str, digits: int, *, percent: bool = False) -> str:
    """``value (low to high)``, the interval left out where there is none."""
    found = [_value(row[f"{column}{end}"]) for end in ("", "_low", "_high")]
    value, low, high = (_number(part if part is None or not percent else 100 * part, digits) for part in found)
    return value if None in found else f"{value} ({low} to {high})"


def _kept(own: "pd.DataFrame") -> str:
    """How much of a region's AD - CN difference the generator keeps, in words, beside the trivial predictors."""
    rows = own.set_index("predictor")
    row = rows.loc["model"]
    name, bounds = NAMES[row["region"]], [_value(row[key]) for key in ("share_kept_low", "share_kept_high")]
    if None in bounds:
        return f"**{name}**: no share is given: {row['reason'] or 'its interval has no bounds'}."
    low, high = bounds
    if low <= 0:
        verdict = "not shown to be kept (the interval holds 0)"
    elif high < 1:
        verdict = "kept in part"
    elif low > 1:
        verdict = "exaggerated"
    else:
        verdict = "kept in part or whole (the interval holds 100 %)"
    shares = {known: _with_interval(rows.loc[known], "share_kept", 0, percent=True) for known in rows.index}
    others = [name for name, predictor in TRIVIAL_PREDICTORS.items() if predictor.reads_mri and name in shares]
    beside = ", ".join(f"the {predictor_labels()[name]} predictor keeps {shares[name]} %" for name in others)
    if CEILING in shares:
        beside += f", the ceiling {shares[CEILING]} %"
    return f"**{name}**: {verdict}. The generator keeps {shares['model']} % of the real AD − CN difference; {beside}."


def region_section(agreement: "pd.DataFrame") -> list[str]:
    """Agreement and effects per region, from the lines of ``regional_agreement.tsv``."""
    accuracy, effects = [], []
    for _, row in agreement.iterrows():
        names = [NAMES[row["region"]], predictor_labels()[row["predictor"]]]
        limits = [_value(row["limit_low"]), _value(row["limit_high"])]
        measured = _number(row["mae"], 3), _number(row["pearson_r"], 2), _number(row["bias"], 3, signed=True)
        accuracy.append([*names, *measured, interval(None if None in limits else limits, 3, signed=True)])
        ds = (_with_interval(row, column, 2) for column in ("d_real", "d_synthetic"))
        effects.append([*names, *ds, _with_interval(row, "share_kept", 0, percent=True)])
    return [
        "## Regions",
        "![Regional uptake, effect sizes and the part of the difference that is kept](regions.png)",
        "\n".join(f"* {_kept(own)}" for _, own in agreement.groupby("region", sort=False)),
        "Mean uptake per region: mean absolute error, Pearson's r over participants, Bland-Altman bias and limits "
        "(synthetic − real). The trivial predictors are fitted on the training subjects of each fold; the ceiling, if "
        "there is one, is the phantom's PET without its unpredictable part, in the real PET's intensity range or, "
        "*range not known*, in its own.",
        markdown_table(("region", "predictor", "error", "r", "bias", "limits of agreement"), accuracy, num_left=2),
        "AD − CN as Cohen's d, and the part of the real difference in uptake that is kept. A larger d in the synthetic "
        "PET is no better picture of the disease: synthetic PET may vary less within each group, so that the same "
        "difference is more SD. The part kept does not have that flaw.",
        markdown_table(
            ("region", "predictor", "d, real PET", "d, synthetic PET", "difference kept (%)"), effects, num_left=2
        ),
    ]


def lesion_section(lesions: "pd.DataFrame") -> list[str]:
    """The answer to planted lesions, from the lines of ``lesion_summary.tsv``."""
    deepest = lesions[lesions["depth"] == max(DEPTHS)]
    keys = ["place", "kind", "predictor"]
    before = lesions[lesions["depth"] == 0].set_index(keys)["error"]
    rows = [
        [
            f"{NAMES[row['place']]}, {KINDS[row['kind']]}",
            predictor_labels()[row["predictor"]],
            _with_interval(row, "response", 1, percent=True),
            _number(100 * row["outside"], 2),
            _number(before[tuple(row[keys])], 3, signed=True),
            _number(row["error"], 3, signed=True),
        ]
        for _, row in deepest.iterrows()
    ]
    own = deepest[deepest["predictor"] == "model"].set_index(["place", "kind"])
    return [
        "## Planted lesions",
        "A smooth loss of known place and depth is planted in every test subject. *With MRI correlate*: grey-matter "
        "map and real PET both lose the depth. *Without*: the real PET alone does. The response is the depth of the "
        "lesion of this place and shape that would cost the synthetic PET as much uptake as it has lost; equal to the "
        "planted depth = followed fully.",
        "![Response to planted lesions and maps of the change](lesions.png)",
        "\n".join(f"* {_followed(own, place)}" for place in PLACES),
        "**Without an MRI correlate the response is exactly 0, for every predictor and by construction.** The "
        "generator sees only the MRI; where that is unchanged, so is the synthetic PET. That is the point: "
        "hypometabolism that has left no trace in the grey matter cannot be seen in a PET made from it, whatever the "
        "model and however good its scores. The last column is what it costs.",
        f"Lesions of {100 * max(DEPTHS):.0f} %: response and mean size of the change elsewhere in the brain, both in "
        "per cent; error (synthetic − real uptake in the lesion) before and after planting.",
        markdown_table(
            ("place", "predictor", "response (%)", "elsewhere (%)", "error before", "error with lesion"),
            rows,
            num_left=2,
        ),
        "No cohort says how much uptake a given loss of grey matter must cost; equal depth is a convention. What "
        "counts is that the answer grows with the depth, stays in place, and is no weaker where the disease lives than "
        "in the control place.",
    ]


def _followed(own: "pd.DataFrame", place: str) -> str:
    """How the generator answers to the deepest lesion in one place, in words."""
    found, missed = own.loc[(place, "mri")], own.loc[(place, "pet_only")]
    response, low = _value(found["response"]), _value(found["response_low"])
    if response is None:
        return f"**{NAMES[place]}**: no answer can be measured, as there is no synthetic uptake in it."
    is_followed = response > 0 and (low is None or low > 0)
    share = f"{_number(100 * found['share_followed'], 0)} % of its depth"
    return (
        f"**{NAMES[place]}**: with a correlate, {share} is followed"
        f"{'' if is_followed else ', which is no answer'}, and the rest of the brain changes by "
        f"{_number(100 * found['outside'], 2)} %; without one, nothing is followed, which leaves an error of "
        f"{_number(missed['error'], 3, signed=True)} in the lesion."
    )


def zmap_section(
    agreement: "pd.DataFrame", zmaps: "pd.DataFrame", *, norm_counts: Sequence[int], shown: Sequence[str]
) -> list[str]:
    """Deviations from the norm.

    Args:
      agreement: the lines of ``regional_agreement.tsv``.
      zmaps: the lines of ``zmaps.tsv``.
      norm_counts: CN training volumes behind the norm of each fold.
      shown: why each subject of ``zmaps.png`` is shown, and who it is; empty if there is no such figure.
    """
    if not shown:
        few = f"No z-maps: a norm needs at least {MIN_PEOPLE} CN training subjects with PET in a fold."
        return ["## Deviation from normal", few]
    people = one_row_each(zmaps, ["predictor"], Z_MEASURES)
    counts, low = sorted(set(norm_counts)), f"{LOW_Z:g}".replace("-", MINUS)
    norm = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return [
        "## Deviation from normal",
        f"z = (PET − mean) / SD over the real PET of the fold's CN training subjects ({norm} volumes), smoothed and "
        f"normalised as they are, SD at least {SMALLEST_STD:g}; the same norm for the real and the synthetic PET.",
        "![z-maps of the real and the synthetic PET](zmaps.png)",
        "Shown by a rule: " + "; ".join(label.replace("\n", ": ") for label in shown) + ". Severity is the mean z of "
        "the disease's regions in the real PET; r is that of the two maps over the brain's voxels.",
        f"Means over participants, real / synthetic where there are two: r of the maps, Dice of z < {low} (where "
        f"either map has any), per cent of the brain with z < {low}, SD of z over the brain, severity.",
        markdown_table(
            ("predictor", "diagnosis", "r", "Dice", "low (%)", "SD of z", "severity"), _deviations(people), num_left=2
        ),
        _spread(people),
        f"AD participants whose mean z of a region is below {LOW_REGION_Z:g}: how many of those low in the real PET "
        "are low in the synthetic PET too (found), and how many of those low in the synthetic PET are so in the real "
        "one (true). The mean PET, the same for everybody, is left out.".replace("-", MINUS),
        markdown_table(
            ("region", "predictor", "low in real", "found", "low in synthetic", "true"), _lows(agreement), num_left=2
        ),
    ]


def _deviations(people: "pd.DataFrame") -> list[list[str]]:
    """Means of the z-maps' measures, per predictor and diagnosis."""
    rows = []
    for name in (known for known in predictor_labels() if known in set(people["predictor"])):
        for group in (known for known in DIAGNOSES if known in set(people["diagnosis"])):
            own = people[(people["predictor"] == name) & (people["diagnosis"] == group)]
            mean = own[list(Z_MEASURES)].mean()
            cells = [predictor_labels()[name], group, _number(mean["z_correlation"], 2), _number(mean["dice"], 2)]
            for key, factor, digits in (("low", 100, 1), ("std", 1, 2), ("severity", 1, 2)):
                both = (_number(factor * mean[f"{key}_{kind}"], digits) for kind in ("real", "synthetic"))
                cells.append(" / ".join(both))
            rows.append(cells)
    return rows


NOTICEABLE = 0.05
"""Part by which the spread of synthetic PET must be smaller for the page to call it so."""


def _spread(people: "pd.DataFrame") -> str:
    """Whether the generator's z-maps have less spread than the real ones, and what that does to a threshold."""
    mean = people[people["predictor"] == "model"][list(Z_MEASURES)].mean()
    real, synthetic = mean["std_real"], mean["std_synthetic"]
    found = f"SD of z over the brain: {_number(real, 2)} in the real, {_number(synthetic, 2)} in the synthetic PET. "
    if synthetic < (1 - NOTICEABLE) * real:
        return found + (
            "The synthetic PET has less spread, like any mean over what fits the MRI; a threshold made for real PET "
            "finds too little in it."
        )
    return found + (
        "A mean over what fits the MRI would have less spread than the real PET. This generator's output has not, or "
        "hardly: part of what it draws is its own error, and a threshold made for real PET marks that too."
    )


def _lows(agreement: "pd.DataFrame") -> list[list[str]]:
    rows = []
    same_for_all = [name for name, predictor in TRIVIAL_PREDICTORS.items() if not predictor.reads_mri]
    for _, row in agreement[~agreement["predictor"].isin(same_for_all)].iterrows():
        cells = [NAMES[row["region"]], predictor_labels()[row["predictor"]]]
        for total in (row["num_ad_low_real"], row["num_ad_low_synthetic"]):
            cells += [str(total), f"{row['num_ad_low_both']} of {total}" if total else NONE]
        rows.append(cells)
    return rows
