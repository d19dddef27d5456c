"""Which figures an evaluation has, which subjects they show, and what their captions say."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.predictors.registry import TRIVIAL_PREDICTORS
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.evaluation import charts, panels
from pcsa_jax.evaluation.abnormality import Judge, readable
from pcsa_jax.evaluation.choice import best_trivial, shown_subjects
from pcsa_jax.evaluation.summary import MODEL
from pcsa_jax.evaluation.trust_part import Judgement, draw_coverage
from pcsa_jax.presentation.figures import error_limit
from pcsa_jax.presentation.mosaic import HALF_LINES, Row, Scale, draw_comparison
from pcsa_jax.presentation.origin import name_origin, phantom_mark
from pcsa_jax.presentation.statistics import FEWEST_FOR_INTERVAL
from pcsa_jax.presentation.viewing import CONVENTIONS
from pcsa_jax.presentation.zmap_page import draw_zmap_page

if TYPE_CHECKING:
    import pandas as pd

    from pcsa_jax.data.pairs import Pairs
    from pcsa_jax.evaluation.context import ReportContext


@dataclasses.dataclass(frozen=True)
class Illustration:
    """A figure of the report.

    Attributes:
      path: PNG.
      section: of the report in which it stands: ``subjects``, ``planes``, ``certainty``, ``abnormality``,
        ``predictors``, ``regions``, ``groups``, ``training``.
      caption: what is shown, plain text.
      alt: one line for readers who do not see it.
    """

    path: Path
    section: str
    caption: str
    alt: str


SHOWN_NAMES = 6
"""Regions that a caption names."""


def _decibels(value: float) -> str:
    return f"{value:.2f} dB" if np.isfinite(value) else "infinite"


def _subject_panels(
    folder: Path, test: "Pairs", synthetic: np.ndarray, grid: Grid, rows: "pd.DataFrame", context: "ReportContext"
) -> Iterator[Illustration]:
    own = rows[rows["predictor"] == "model"].reset_index(drop=True)
    mask, shown = brain_mask(grid), shown_subjects(own["mae_brain"].to_numpy(float))
    limit = error_limit([synthetic[row] - test.pet[row] for row in shown.values()], mask)
    by = " by the generator's MAE in the brain" if len(shown) > 1 else ""
    same = {1: "", 2: ", the same in both figures"}.get(len(shown), ", the same in all three figures")
    for rank, row in shown.items():
        who = own.iloc[row]
        name = " ".join(part for part in (who["participant_id"], who["session_id"]) if part)
        diagnosis = who["diagnosis"] or "no diagnosis"
        scores = f"MAE {who['mae_brain']:.4f}, PSNR {_decibels(who['psnr_brain_db'])}, SSIM {who['ssim_brain']:.4f}"
        place = f"{rank} of {len(own)}" if len(own) > 1 else "the only subject"
        path = panels.subject_panel(
            folder / f"subject_{rank}.png", mri=test.mri[row], synthetic=synthetic[row], pet=test.pet[row],
            mask=mask, grid=grid, title=f"{context.mark}{name} ({diagnosis}), {place}\nin the brain: {scores}",
            limit=limit, is_phantom=context.is_phantom, line=context.line,
        )  # fmt: skip
        caption = (
            f"{rank.capitalize()} subject{by}: {name}, {diagnosis}. Neurological "
            f"orientation: left (L) is the subject's left. MNI152 "
            f"coordinates; voxels of {grid.voxel_size_mm:g} mm, not interpolated; brain mask outlined. Uptake in the "
            f"colour map 'inferno', 0 to 1; the difference in 'RdBu' from −{limit:.2f} (blue: synthetic too low) to "
            f"+{limit:.2f} (red: too high){same}."
        )
        alt = name_origin("MRI, synthetic PET, real PET and difference", is_phantom=context.is_phantom)
        yield Illustration(path, "subjects", caption, f"{alt} of {name}")


def _certainty(
    folder: Path, judgement: Judgement, grid: Grid, who: str, context: "ReportContext"
) -> Iterator[Illustration]:
    """Where, for whom and at which width the intervals hold; nothing without intervals."""
    if judgement.coverage is None:
        return
    path = draw_coverage(
        folder / "coverage.png", judgement.coverage, grid, level=judgement.summary["intervals"]["level"],
        title=f"{context.mark}{who}: {name_origin('real PET', is_phantom=context.is_phantom)} within its interval",
        line=context.line, is_phantom=context.is_phantom,
    )  # fmt: skip
    caption = name_origin(
        "Left: share of people whose real PET lies in the interval, at each voxel. Middle: share of the voxels of the "
        "brain, one dot a person. Right: the same by quarters of the width of the intervals. Dashed: nominal.",
        is_phantom=context.is_phantom,
    )
    yield Illustration(path, "certainty", caption, "Coverage of the intervals by place, person and width")


def _zmaps(
    folder: Path, synthetic: np.ndarray, rows: "pd.DataFrame", context: "ReportContext", judge: Judge
) -> Iterator[Illustration]:
    """The z-maps of the same subjects as :func:`_subject_panels` shows; none without a norm."""
    if judge.norm is None:
        return
    own = rows[rows["predictor"] == MODEL].reset_index(drop=True)
    for rank, row in shown_subjects(own["mae_brain"].to_numpy(float)).items():
        who = own.iloc[row]
        name = " ".join(part for part in (who["participant_id"], who["session_id"]) if part)
        diagnosis = who["diagnosis"] or "no diagnosis"
        maps = {"Real PET": judge.zmap(row, judge.test.pet[row]), "Synthetic PET": judge.zmap(row, synthetic[row])}
        path = draw_zmap_page(
            folder / f"zmap_{rank}.png", {label: own_maps.z for label, own_maps in maps.items()}, judge.grid,
            f"{context.mark}{name} ({diagnosis})", is_phantom=context.is_phantom, line=context.line,
            viewing=context.viewing,
        )  # fmt: skip
        regions = judge.outcomes(row, maps["Synthetic PET"].z)
        listed = "; ".join(f"{outcome} {_some(map(readable, names))}" for outcome, names in regions.items())
        told = dict.fromkeys(note for own_maps in maps.values() for note in own_maps.notes)
        notes = "".join(f" {note[:1].upper()}{note[1:]}." for note in told)
        caption, alt = (
            name_origin(text, is_phantom=context.is_phantom)
            for text in ("Deviation from normal, real above synthetic PET", "z-maps of the real and the synthetic PET")
        )
        caption = f"{caption}: {name}, {diagnosis}. Abnormal regions: {listed or 'not compared'}.{notes}"
        yield Illustration(path, "abnormality", caption, f"{alt} of {name}")


def _some(names: Iterable[str]) -> str:
    """The first of a list that may be long, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return (", ".join(names[:SHOWN_NAMES]) + more) or "none"


def _many_planes(
    folder: Path, test: "Pairs", synthetic: np.ndarray, grid: Grid, rows: "pd.DataFrame", context: "ReportContext",
    trivial: Mapping[str, Mapping[int, np.ndarray]],
) -> Iterator[Illustration]:  # fmt: skip
    """The same subjects as a reader of PET sees them, beside the predictor that a network has to beat."""
    own = rows[rows["predictor"] == "model"].reset_index(drop=True)
    best, viewing = best_trivial(rows), context.viewing
    real = name_origin("Real PET", is_phantom=context.is_phantom)
    for rank, row in shown_subjects(own["mae_brain"].to_numpy(float)).items():
        who = own.iloc[row]
        name = " ".join(part for part in (who["participant_id"], who["session_id"]) if part)
        shown = [
            Row(real, test.pet[row]),
            Row("Synthetic PET", synthetic[row]),
            Row(TRIVIAL_PREDICTORS[best].label, trivial[best][row]),
        ]
        path = draw_comparison(
            folder / f"planes_{rank}.png", shown, grid=grid, scale=Scale(0.0, 1.0, "FDG uptake (0–1)"),
            viewing=viewing, title=f"{context.mark}{name} ({who['diagnosis'] or 'no diagnosis'})", lines=HALF_LINES,
            line=context.line,
        )  # fmt: skip
        caption = (
            f"{name} in many planes: {real}, synthetic PET, and the best trivial predictor's ({shown[-1].name}), on "
            f"one scale. {viewing.convention.capitalize()} convention: {CONVENTIONS[viewing.convention]}. Interpolated "
            "for display."
        )
        yield Illustration(path, "planes", caption, f"{real}, synthetic and {shown[-1].name} PET of {name}")


def _regions(folder: Path, regions: "pd.DataFrame", context: "ReportContext") -> Illustration:
    path = charts.regional_agreement(
        folder / "regions.png", regions[regions["predictor"] == "model"],
        title=f"{context.mark}mean uptake per region", is_phantom=context.is_phantom,
    )  # fmt: skip
    caption = (
        "Mean uptake per region and subject. Above: real against synthetic, dashed line = identity. Below: "
        "Bland-Altman, solid line = bias, dashed lines = limits of agreement (bias ± 1.96 SD of the differences over "
        "subjects); one scale for all."
    )
    alt = "Regional uptake, real against synthetic, and Bland-Altman"
    return Illustration(path, "regions", *(name_origin(text, is_phantom=context.is_phantom) for text in (caption, alt)))


def _groups(
    folder: Path, test: "Pairs", synthetic: np.ndarray, grid: Grid, context: "ReportContext"
) -> Iterator[Illustration]:
    path = panels.group_means(
        folder / "groups.png", real=test.pet, synthetic=synthetic, diagnoses=test.diagnoses, mask=brain_mask(grid),
        grid=grid, title=f"{context.mark}mean FDG-PET by diagnosis", is_phantom=context.is_phantom, line=context.line,
    )  # fmt: skip
    if path:
        caption = (
            "Mean of all AD, mean of all CN, and their difference (blue: lower uptake in AD), real PET above, "
            "synthetic PET below, one scale for both. Neurological orientation."
        )
        caption = name_origin(caption, is_phantom=context.is_phantom)
        yield Illustration(path, "groups", caption, "Mean PET of AD and CN and their difference")


def _training(folder: Path, summary: Mapping[str, Any], context: "ReportContext") -> Iterator[Illustration]:
    if context.metrics_jsonl is None or not Path(context.metrics_jsonl).is_file():
        return
    is_phantom = context.trained_on_phantom
    path = charts.training_curves(
        folder / "training.png", context.metrics_jsonl, reference=summary["predictors"], where=summary["split"],
        title=f"{phantom_mark(is_phantom=is_phantom)}training", is_phantom=is_phantom,
    )  # fmt: skip
    if path:
        caption = (
            "Training. Upper row: losses and how often the discriminator is right (0.5 for both means that it cannot "
            f"tell); bold: running mean over a sixth of the logged values, which are the faint line (fewer than "
            f"{charts.FEWEST_TO_SMOOTH} are drawn as they are). Lower row: validation subjects; the horizontal lines "
            f"are the trivial predictors on the {summary['split']} subjects, for orientation only."
        )
        yield Illustration(path, "training", caption, "Training curves")


def _dots(count: int, num_visits: int, who: str) -> str:
    """What a dot is, and what is drawn beside the dots."""
    if count == 1:
        return f"Each dot is {'one visit of ' if num_visits > 1 else ''}the only subject"
    if count < FEWEST_FOR_INTERVAL:
        return (
            f"Each dot is one of {who}; diamond: mean, without an interval, which needs at least "
            f"{FEWEST_FOR_INTERVAL} subjects"
        )
    return f"Each dot is one of {who}; diamond and bar: mean and 95 % bootstrap interval"


def draw_all(
    folder: Path, test: "Pairs", synthetic: np.ndarray, grid: Grid, rows: "pd.DataFrame",
    regions: "pd.DataFrame", summary: Mapping[str, Any], context: "ReportContext", judge: Judge,
    trivial: Mapping[str, Mapping[int, np.ndarray]], judgement: Judgement,
) -> list[Illustration]:  # fmt: skip
    """Draws every figure that the data allow.

    Args:
      folder: for the PNG files.
      test: pairs that were scored.
      synthetic: generated PET, n x y z in [0, 1].
      grid: of all volumes.
      rows: per-subject scores of every predictor.
      regions: regional means of every predictor.
      summary: of both.
      context: of the run.
      judge: of z-maps.
      trivial: predictor -> row of ``test`` -> its PET, of the rows that are shown.
      judgement: whether single images can be believed.
    """
    count = summary["n_subjects"]
    who = f"{count} {summary['split']} subject{'s' if count > 1 else ''}"
    path = charts.predictor_comparison(folder / "predictors.png", rows, summary, title=f"{context.mark}{who}")
    caption = f"{_dots(count, len(test.participant_ids), who)}. Trivial predictors are fitted on the training subjects."
    return [
        *_subject_panels(folder, test, synthetic, grid, rows, context),
        *_many_planes(folder, test, synthetic, grid, rows, context, trivial),
        Illustration(path, "predictors", caption, "Scores of each predictor, one dot per subject"),
        *_certainty(folder, judgement, grid, who, context),
        *_zmaps(folder, synthetic, rows, context, judge),
        _regions(folder, regions, context),
        *_groups(folder, test, synthetic, grid, context),
        *_training(folder, summary, context),
    ]
