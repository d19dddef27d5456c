"""The report of an evaluation: one HTML file that needs nothing beside itself."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcsa_jax.data.files import write_text
from pcsa_jax.data.predictors.registry import TRIVIAL_PREDICTORS
from pcsa_jax.data.regions import CONTROL_REGIONS
from pcsa_jax.data.trust.uptake_norm import REFERENCES
from pcsa_jax.evaluation.ceilings import CEILING, CEILING_OWN_RANGE, CEILINGS
from pcsa_jax.evaluation.ranking import best_predictors
from pcsa_jax.evaluation.summary import (
    ANCHOR,
    INDIVIDUAL_METRICS,
    METRICS,
    MODEL,
    REGIONAL_CORRELATION,
    SCORE_COLUMNS,
    Metric,
    predictor_labels,
)
from pcsa_jax.presentation.html import data_uri, render
from pcsa_jax.presentation.numbers import duration, flatten, interval, number
from pcsa_jax.presentation.origin import TRAINED_ON_PHANTOM, name_origin
from pcsa_jax.presentation.statistics import FEWEST_FOR_INTERVAL

if TYPE_CHECKING:
    import pandas as pd

    from pcsa_jax.evaluation.context import ReportContext
    from pcsa_jax.evaluation.illustration import Illustration

TEMPLATE = Path(__file__).with_name("templates") / "report.html"
BRAIN_METRICS = tuple(key for key, metric in METRICS.items() if metric.region == "brain")

INDIVIDUAL_COLUMNS = INDIVIDUAL_METRICS | {REGIONAL_CORRELATION: Metric("regional r", "", "regions", False, 2)}
"""Of the table that says whether the PET shows its own person."""


def few_subjects(n: int) -> str:
    """Why there is no interval, as the beginning of a sentence; "" if there is one."""
    if n >= FEWEST_FOR_INTERVAL:
        return ""
    found = "There is one subject" if n == 1 else f"There are {n} subjects"
    return f"{found}, and a confidence interval needs at least {FEWEST_FOR_INTERVAL}"


def _difference_phrase(entry: Mapping[str, Any], key: str, n: int) -> str:
    metric = METRICS[key]
    unit = f" {metric.unit}" if metric.unit else ""
    if entry["mean"] is None:
        return f"{metric.label} cannot be compared ({entry['reason']})"
    difference = f"{metric.label} {number(entry['mean'], metric.digits, signed=True)}{unit}"
    if n == 1:
        return f"{difference} ({'better' if entry['num_better'] else 'not better'})"
    bounds = entry["ci95"] and f"95 % CI {interval(entry['ci95'], metric.digits, signed=True)}; "
    return f"{difference} ({bounds or ''}better in {entry['num_better']} of {n} subjects)"


def verdicts(summary: Mapping[str, Any]) -> list[str]:
    """One plain sentence for each trivial predictor: does the generator beat it in the brain, and by how much.

    Of too few subjects for an interval, that first, and how much alone.
    """
    few = few_subjects(summary["n_subjects"])
    sentences = [f"{few}: whether the generator is better than another predictor cannot be said."] if few else []
    for name, trivial in TRIVIAL_PREDICTORS.items():
        paired = summary["paired_differences"].get(name)
        if paired is None:
            continue
        phrases = [_difference_phrase(paired[key], key, summary["n_subjects"]) for key in BRAIN_METRICS]
        differences = f"Generator minus {trivial.label}: {'; '.join(phrases)}."
        if few_subjects(summary["n_subjects"]):
            sentences.append(differences)
            continue
        outcome = {key: paired[key]["verdict"] for key in BRAIN_METRICS}
        lists = {
            verdict: ", ".join(METRICS[key].label for key in BRAIN_METRICS if outcome[key] == verdict)
            for verdict in ("better", "worse", "undecided")
        }
        if lists["better"] and not lists["worse"] and not lists["undecided"]:
            claim = f"The generator beats the {trivial.label} predictor on every metric in the brain"
        elif lists["better"]:
            rest = [f"worse on {lists['worse']}"] if lists["worse"] else []
            rest += [f"no clear difference on {lists['undecided']}"] if lists["undecided"] else []
            claim = (
                f"The generator beats the {trivial.label} predictor on {lists['better']} in the brain, "
                f"but is not better throughout ({'; '.join(rest)})"
            )
        elif lists["worse"]:
            claim = f"The generator does not beat the {trivial.label} predictor: it is worse on {lists['worse']}"
        else:
            claim = f"No clear difference in the brain between the generator and the {trivial.label} predictor"
        sentences.append(f"{claim}. {differences}")
    if ANCHOR in summary["paired_differences"]:
        sentences.append(_share_of_network(summary))
    return sentences


def _share_of_network(summary: Mapping[str, Any]) -> str:
    """What a generator's network adds to the closed-form prediction that it starts from."""
    paired = summary["paired_differences"][ANCHOR]
    phrases = [_difference_phrase(paired[key], key, summary["n_subjects"]) for key in BRAIN_METRICS]
    return (
        "The generator starts from a closed-form prediction, and the rest of its lead is that prediction's. What its "
        f"network adds: {'; '.join(phrases)}."
    )


def distance_to_ceiling(summary: Mapping[str, Any]) -> str | None:
    """How much of the way from the best trivial predictor to the ceiling the generator goes, by MAE in the brain."""
    scores = {name: entry["mae_brain"]["mean"] for name, entry in summary["predictors"].items()}
    if CEILING not in scores or None in scores.values():
        return None
    model, ceiling = scores[MODEL], scores[CEILING]
    trivial = {name: scores[name] for name in TRIVIAL_PREDICTORS if name in scores}
    best = min(trivial, key=trivial.get, default=CEILING)
    side = "above" if model >= ceiling else "below"
    text = (
        f"The ceiling, the part of the PET that the MRI determines in this phantom, has MAE {ceiling:.4f} in the "
        f"brain. The generator has {model:.4f}, {abs(model - ceiling):.4f} {side} it."
    )
    room = scores[best] - ceiling
    if room > 0:
        share, name = (scores[best] - model) / room, predictor_labels()[best]
        text += (
            f" It closes {100 * share:.0f} % of the gap between the {name} predictor and the ceiling."
            if share > 0
            else f" It lies on the far side of the {name} predictor, so it closes none of the gap."
        )
    if CEILING_OWN_RANGE in scores:
        text += (
            " The ceiling is in the intensity range of the PET that is scored, which no predictor knows; in its own "
            f"range the same part has MAE {scores[CEILING_OWN_RANGE]:.4f}."
        )
    return text


@dataclasses.dataclass(frozen=True)
class _Picture:
    data: str
    section: str
    caption: str
    alt: str


def _picture(illustration: "Illustration") -> _Picture:
    data = data_uri(illustration.path.read_bytes(), "png")
    return _Picture(data, illustration.section, illustration.caption, illustration.alt)


def _shown_in_regions() -> list[str]:
    """The generator and the trivial predictors that can keep a difference between people."""
    return [MODEL, *(name for name, trivial in TRIVIAL_PREDICTORS.items() if trivial.reads_mri)]


def _spread(summary: Mapping[str, Any]) -> str:
    """What stands beside and below the scores of a table over all subjects, as the beginning of its caption."""
    few = few_subjects(summary["n_subjects"])
    if summary["n_subjects"] == 1:
        return f"Scores of the only subject. {few}"
    mean = f"Mean ± SD over {summary['std_over']}"
    return f"{mean}. {few}" if few else f"{mean}; below, the 95 % confidence interval of the mean"


def _shown_heading(num_shown: int, num_subjects: int) -> tuple[str, str]:
    """Heading of the pictures of subjects, and how they were chosen."""
    rule = "Chosen by rule, not by eye: the lowest, the median and the highest error in the brain."
    two = "All there are: the lower and the higher error in the brain."
    few = {1: ("The subject", ""), 2: (f"Both {'subjects' if num_subjects > 1 else 'visits'}", two)}
    return few.get(num_shown, ("Three subjects", rule))


def _region_rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for region, entry in summary["regions"].items():
        groups = {name: own["ad_minus_cn"] for name, own in entry["predictors"].items()}
        rows.append({
            "name": region.replace("_precuneus", " / precuneus").replace("_", " "),
            "is_control": region in CONTROL_REGIONS,
            "real": entry["real"],
            "model": entry["predictors"]["model"],
            "shown": [entry["predictors"].get(name) for name in _shown_in_regions()],
            "groups": groups,
        })  # fmt: skip
    return rows


def _references(abnormality: Mapping[str, Any]) -> str:
    """What uptake was divided by, in words; "" without a norm."""
    if not abnormality.get("norm"):
        return ""
    words = [f"the {name}" for name in REFERENCES[abnormality["norm"]["reference"]]]
    *first, last = [f"{word} cortex" if word.endswith("sensorimotor") else word for word in words]
    return f"{', '.join(first)} and {last}" if first else last


def _cohort_rows(counts: Mapping[str, Mapping[str, int]]) -> tuple[list[str], list[tuple[str, list[int], int]]]:
    diagnoses = sorted({diagnosis for group in counts.values() for diagnosis in group})
    rows = [
        (split, [group.get(diagnosis, 0) for diagnosis in diagnoses], sum(group.values()))
        for split, group in counts.items()
    ]
    return [diagnosis or "none" for diagnosis in diagnoses], rows


def write_report(
    path: Path,
    *,
    summary: Mapping[str, Any],
    rows: "pd.DataFrame",
    figures: Sequence["Illustration"],
    context: "ReportContext",
) -> None:
    """Renders ``templates/report.html``; all text is escaped, whatever a participant is called.

    Args:
      path: HTML file to write.
      summary: as in ``summary.json``.
      rows: as in ``subjects.tsv``.
      figures: pictures and captions, put into the file.
      context: of the run.
    """
    from pcsa_jax.model import ssim

    pictures = [_picture(figure) for figure in figures]
    labels = predictor_labels()
    diagnoses, split_rows = _cohort_rows(context.split_counts)
    html = render(
        TEMPLATE,
        summary=summary,
        context=context,
        origin=name_origin("real", is_phantom=context.is_phantom),
        trained_on_phantom=TRAINED_ON_PHANTOM,
        metrics=METRICS,
        columns=sorted(METRICS.items(), key=lambda item: item[0] not in BRAIN_METRICS),
        labels=labels,
        trivial=TRIVIAL_PREDICTORS,
        individual=INDIVIDUAL_COLUMNS,
        ceilings=[labels[name] for name in CEILINGS if name in summary["predictors"]],
        best_predictors=best_predictors,
        verdicts=verdicts(summary),
        warnings=summary.get("warnings", []),
        spread=_spread(summary),
        has_intervals=not few_subjects(summary["n_subjects"]),
        has_small_diagnosis=any(few_subjects(group["n_subjects"]) for group in summary["by_diagnosis"].values()),
        fewest=FEWEST_FOR_INTERVAL,
        shown_heading=_shown_heading(sum(p.section == "subjects" for p in pictures), summary["n_subjects"]),
        ceiling=distance_to_ceiling(summary),
        abnormality=summary.get("abnormality"),
        trust=summary.get("trust"),
        references=_references(summary.get("abnormality") or {}),
        pictures={section: [p for p in pictures if p.section == section] for section in {p.section for p in pictures}},
        regions=_region_rows(summary),
        region_predictors=_shown_in_regions(),
        diagnoses=diagnoses,
        splits=split_rows,
        settings=flatten(context.config),
        machine=flatten(context.environment),
        wall_time=duration(context.wall_time_s),
        subjects=rows[list(SCORE_COLUMNS)].fillna("").to_dict("records"),
        ssim=ssim,
    )
    write_text(path, html)
