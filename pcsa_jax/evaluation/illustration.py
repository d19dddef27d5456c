"""Which figures an evaluation has, which subjects they show, and what their captions say."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.evaluation import charts, panels
from pcsa_jax.presentation.figures import error_limit

if TYPE_CHECKING:
    import pandas as pd

    from pcsa_jax.data.pairs import Pairs
    from pcsa_jax.evaluation.context import ReportContext


@dataclasses.dataclass(frozen=True)
class Illustration:
    """A figure of the report.

    Attributes:
      path: PNG.
      section: of the report in which it stands: ``subjects``, ``predictors``, ``regions``, ``groups``, ``training``.
      caption: what is shown, plain text.
      alt: one line for readers who do not see it.
    """

    path: Path
    section: str
    caption: str
    alt: str


def shown_subjects(mae_brain: np.ndarray) -> dict[str, int]:
    """Rows of the subjects with the lowest, the (lower) median and the highest error: a rule, so nobody can choose."""
    order = np.argsort(mae_brain, kind="stable")
    return {"best": int(order[0]), "median": int(order[(len(order) - 1) // 2]), "worst": int(order[-1])}


def _decibels(value: float) -> str:
    return f"{value:.2f} dB" if np.isfinite(value) else "infinite"


def _subject_panels(
    folder: Path, test: "Pairs", synthetic: np.ndarray, grid: Grid, rows: "pd.DataFrame", mark: str
) -> Iterator[Illustration]:
    own = rows[rows["predictor"] == "model"].reset_index(drop=True)
    mask, shown = brain_mask(grid), shown_subjects(own["mae_brain"].to_numpy(float))
    limit = error_limit([synthetic[row] - test.pet[row] for row in shown.values()], mask)
    for rank, row in shown.items():
        who = own.iloc[row]
        name = " ".join(part for part in (who["participant_id"], who["session_id"]) if part)
        scores = f"MAE {who['mae_brain']:.4f}, PSNR {_decibels(who['psnr_brain_db'])}, SSIM {who['ssim_brain']:.4f}"
        path = panels.subject_panel(
            folder / f"subject_{rank}.png", mri=test.mri[row], synthetic=synthetic[row], pet=test.pet[row],
            mask=mask, grid=grid, title=f"{mark}{name} ({who['diagnosis'] or 'no diagnosis'}), {rank} of {len(own)}\n"
            f"in the brain: {scores}", limit=limit,
        )  # fmt: skip
        caption = (
            f"{rank.capitalize()} subject by the generator's MAE in the brain: {name}, "
            f"{who['diagnosis'] or 'no diagnosis'}. Neurological orientation: left (L) is the subject's left. MNI152 "
            f"coordinates; voxels of {grid.voxel_size_mm:g} mm, not interpolated; brain mask outlined. Uptake in the "
            f"colour map 'inferno', 0 to 1; the difference in 'RdBu' from −{limit:.2f} (blue: synthetic too low) to "
            f"+{limit:.2f} (red: too high), the same in all three figures."
        )
        yield Illustration(path, "subjects", caption, f"MRI, synthetic PET, real PET and difference of {name}")


def _regions(folder: Path, regions: "pd.DataFrame") -> Illustration:
    path = charts.regional_agreement(folder / "regions.png", regions[regions["predictor"] == "model"])
    caption = (
        "Mean uptake per region and subject. Above: real against synthetic, dashed line = identity. Below: "
        "Bland-Altman, solid line = bias, dashed lines = limits of agreement (bias ± 1.96 SD of the differences); "
        "one scale for all."
    )
    return Illustration(path, "regions", caption, "Regional uptake, real against synthetic, and Bland-Altman")


def _groups(folder: Path, test: "Pairs", synthetic: np.ndarray, grid: Grid, mark: str) -> Iterator[Illustration]:
    path = panels.group_means(
        folder / "groups.png", real=test.pet, synthetic=synthetic, diagnoses=test.diagnoses, mask=brain_mask(grid),
        grid=grid, title=f"{mark}mean FDG-PET by diagnosis",
    )  # fmt: skip
    if path:
        caption = (
            "Mean of all AD, mean of all CN, and their difference (blue: lower uptake in AD), real PET above, "
            "synthetic PET below, one scale for both. Neurological orientation."
        )
        yield Illustration(path, "groups", caption, "Mean PET of AD and CN and their difference")


def _training(folder: Path, summary: Mapping[str, Any], metrics_jsonl: Path | None) -> Iterator[Illustration]:
    if metrics_jsonl is None or not Path(metrics_jsonl).is_file():
        return
    path = charts.training_curves(
        folder / "training.png", metrics_jsonl, reference=summary["predictors"], where=summary["split"]
    )
    if path:
        caption = (
            "Training. Upper row: losses (faint: logged values, bold: running mean) and how often the discriminator "
            "is right; 0.5 for both means that it cannot tell. Lower row: validation subjects; the horizontal lines "
            f"are the trivial predictors on the {summary['split']} subjects, for orientation only."
        )
        yield Illustration(path, "training", caption, "Training curves")


def draw_all(
    folder: Path, test: "Pairs", synthetic: np.ndarray, grid: Grid, rows: "pd.DataFrame",
    regions: "pd.DataFrame", summary: Mapping[str, Any], context: "ReportContext",
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
    """
    # Pictures leave their report: on a slide nothing else would say what they show.
    mark = "PHANTOM: " if context.is_phantom else ""
    path = charts.predictor_comparison(folder / "predictors.png", rows, summary)
    caption = (
        f"Each dot is one of {summary['n_subjects']} {summary['split']} subjects; diamond and bar: mean and 95 % "
        "bootstrap interval. Trivial predictors are fitted on the training subjects."
    )
    return [
        *_subject_panels(folder, test, synthetic, grid, rows, mark),
        Illustration(path, "predictors", caption, "Scores of each predictor, one dot per subject"),
        _regions(folder, regions),
        *_groups(folder, test, synthetic, grid, mark),
        *_training(folder, summary, context.metrics_jsonl),
    ]
