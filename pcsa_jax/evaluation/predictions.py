"""Everything an evaluation says: tables, summary, figures and report, written together or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pcsa_jax.data.files import check_writable, finite_or_none, write_json
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.predictors.registry import TRIVIAL_PREDICTORS
from pcsa_jax.data.regions import brain_mask, region_masks
from pcsa_jax.data.spread import judge_spread, spread_of
from pcsa_jax.data.trust.statistics import Trust
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation.abnormality import ZMAP_COLUMNS, Judge
from pcsa_jax.evaluation.agreement import MEASURES, regional_correlation, summarise_regions
from pcsa_jax.evaluation.ceilings import ceiling_volumes
from pcsa_jax.evaluation.summary import (
    ANCHOR,
    MODEL,
    REGIONAL_CORRELATION,
    ROW_COLUMNS,
    summarise,
)
from pcsa_jax.evaluation.trust_part import FAMILIARITY_COLUMNS, familiarity_table, judge_trust
from pcsa_jax.machine.progress import console
from pcsa_jax.presentation.tables import write_table

if TYPE_CHECKING:
    import pandas as pd

    from pcsa_jax.data.pairs import Pairs
    from pcsa_jax.evaluation.context import ReportContext

OUTPUTS = ("subjects.tsv", "regions.tsv", "zmaps.tsv", "familiarity.tsv", "summary.json", "figures", "report.html")
"""All that an evaluation writes into its folder."""

REGION_COLUMNS = ("participant_id", "diagnosis", "region", *MEASURES)


def evaluate_predictions(
    *, out: Path, train: "Pairs", test: "Pairs", synthetic: np.ndarray, grid: Grid, context: "ReportContext",
    anchor: np.ndarray | None = None, trust: Trust | None = None, seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Scores the generator beside the trivial predictors and the ceiling, and writes tables, figures and report.

    The generator's output is clipped to [0, 1], the range of the volumes, as the predictors' output is.

    Args:
      out: folder to write; a former evaluation there is replaced at the very end, or left alone if anything fails.
      train: pairs on which the trivial predictors are fitted.
      test: pairs that are scored.
      synthetic: generated PET of ``test``, n x y z.
      grid: on which all volumes lie.
      context: what the report says about the run.
      anchor: of a generator that starts from a closed-form prediction, what it makes of ``test`` without its network:
        a row of its own, so that nobody takes the anchor's merit for the network's.
      trust: what the generator's single images are judged by.
      seed: of the bootstrap.

    Returns:
      The content of ``summary.json``.

    Raises:
      UserError: if a participant is in both parts, there is nobody to evaluate, a synthetic volume is not finite,
        or ``out`` holds other files.
    """
    _check(train, test, synthetic)
    synthetic = np.clip(synthetic, 0, 1)
    warnings = _look_at_spread(test, synthetic, grid)
    with _replacing_folder(Path(out)) as folder:
        own = {MODEL: synthetic} | ({} if anchor is None else {ANCHOR: anchor})
        judge = Judge.of(train, test, grid)
        rows, regions, zmaps, trivial = _score_all(train, test, own, grid, judge)
        summary = _summary(rows, regions, context, seed) | {"warnings": warnings}
        summary["abnormality"] = finite_or_none(judge.summarise(zmaps))
        judgement = judge_trust(
            trust or Trust(), test, synthetic, grid, are_calibration=context.split == "validation", seed=seed
        )
        summary["trust"] = finite_or_none(judgement.summary)
        _write_tables(folder, rows, regions, zmaps)
        if judgement.assessments is not None:
            write_table(folder / "familiarity.tsv", familiarity_table(test, judgement.assessments), FAMILIARITY_COLUMNS)
        write_json(folder / "summary.json", summary)
        from pcsa_jax.evaluation.illustration import draw_all
        from pcsa_jax.evaluation.report import write_report

        figures = draw_all(
            folder / "figures", test, synthetic, grid, rows, regions, summary, context, judge, trivial, judgement
        )

        write_report(folder / "report.html", summary=summary, rows=rows, figures=figures, context=context)
    return summary


def _check(train: "Pairs", test: "Pairs", synthetic: np.ndarray) -> None:
    if not len(test.participant_ids) or not len(train.participant_ids):
        raise UserError(
            f"evaluation: expected at least 1 training and 1 test subject, found {len(train.participant_ids)} and "
            f"{len(test.participant_ids)}. Check the split table."
        )
    both = sorted(set(train.participant_ids) & set(test.participant_ids))
    if both:
        raise UserError(
            f"evaluation: expected no participant in both the training and the evaluated part, found {len(both)} "
            f"({', '.join(both[:5])}). Make the splits anew."
        )
    if synthetic.shape != test.pet.shape:
        raise ValueError(f"synthetic: expected the shape of the real PET, {test.pet.shape}, found {synthetic.shape}.")
    bad = [who for who, volume in zip(test.participant_ids, synthetic, strict=True) if not np.isfinite(volume).all()]
    if bad:
        raise UserError(
            f"synthetic PET: expected finite values, found NaN or infinity for {len(bad)} of {len(synthetic)} subjects "
            f"({', '.join(bad[:5])}). The training diverged; evaluate an earlier checkpoint."
        )


def _look_at_spread(test: "Pairs", synthetic: np.ndarray, grid: Grid) -> list[str]:
    """Tells, in one sentence each, in which way the output hardly differs, within or between subjects."""
    mask = brain_mask(grid)
    lacking = judge_spread(spread_of(synthetic, mask), spread_of(test.pet, mask))
    found = [f"{text}. The scores are of no use; look at the training's curves." for text in lacking.values()]
    for text in found:
        console.print(f"warning: {text}")
    return found


def _score_all(
    train: "Pairs", test: "Pairs", own: Mapping[str, np.ndarray], grid: Grid, judge: Judge
) -> tuple["pd.DataFrame", "pd.DataFrame", "pd.DataFrame", dict[str, dict[int, np.ndarray]]]:
    """Scores, regional means and z-maps' lines of every predictor, one predictor's volumes in memory at a time.

    Also the trivial predictors' volumes of those rows that are shown.
    """
    import pandas as pd

    from pcsa_jax.evaluation.choice import shown_subjects
    from pcsa_jax.evaluation.identification import identify, squared_distances
    from pcsa_jax.evaluation.scoring import regional_asymmetry, regional_means, score

    def predictions() -> Iterator[tuple[str, np.ndarray]]:
        yield from own.items()
        for name, trivial in TRIVIAL_PREDICTORS.items():
            yield name, trivial.fit(train.mri, train.pet).predict(test.mri)
        yield from ceiling_volumes(test).items()

    mask, regions = brain_mask(grid), region_masks(grid)
    people = pd.DataFrame(
        {"participant_id": test.participant_ids, "session_id": test.session_ids, "diagnosis": test.diagnoses}
    )
    real, real_index = regional_means(test.pet, regions), regional_asymmetry(test.pet, regions, grid)
    rows, regional, zmaps, kept = [], [], [], {}
    for name, predicted in predictions():
        means, index = regional_means(predicted, regions), regional_asymmetry(predicted, regions, grid)
        scores = score(predicted, test.pet, mask)
        scores |= identify(squared_distances(predicted, test.pet, mask), test.participant_ids)
        scores["asymmetry_error"] = np.mean([np.abs(index[region] - real_index[region]) for region in regions], axis=0)
        rows.append(people.assign(predictor=name, **scores))
        zmaps.append(judge.rows(name, predicted))
        if name == MODEL:
            shown = shown_subjects(scores["mae_brain"]).values()
        if name in TRIVIAL_PREDICTORS:
            kept[name] = {row: predicted[row].copy() for row in shown}
        regional += [
            people.assign(
                predictor=name, region=region, real=real[region], synthetic=means[region],
                asymmetry_real=real_index[region], asymmetry_synthetic=index[region],
            )
            for region in regions
        ]  # fmt: skip
    return *(pd.concat(frames, ignore_index=True) for frames in (rows, regional, zmaps)), kept


def _summary(rows: "pd.DataFrame", regions: "pd.DataFrame", context: "ReportContext", seed: int) -> dict[str, Any]:
    summary = summarise(rows, seed=seed)
    for name, entry in regional_correlation(regions, seed=seed).items():
        summary["predictors"][name][REGIONAL_CORRELATION] = entry
    summary |= {
        "split": context.split,
        "cohort": context.cohort,
        "is_phantom": context.is_phantom,
        "trained_on_phantom": context.trained_on_phantom,
        "step": context.step,
        "checkpoint": context.checkpoint,
        "regions": summarise_regions(regions, seed=seed),
    }
    return finite_or_none(summary)


def _write_tables(folder: Path, rows: "pd.DataFrame", regions: "pd.DataFrame", zmaps: "pd.DataFrame") -> None:
    write_table(folder / "subjects.tsv", rows, ROW_COLUMNS)
    write_table(folder / "regions.tsv", regions[regions["predictor"] == MODEL], REGION_COLUMNS)
    write_table(folder / "zmaps.tsv", zmaps, ZMAP_COLUMNS)


def check_out(out: Path) -> None:
    """Makes sure that an evaluation can be written to ``out``; to be called before the work.

    Raises:
      UserError: if it cannot, or ``out`` holds anything that no evaluation has written, which would be lost.
    """
    foreign = sorted(p.name for p in out.iterdir() if p.name not in OUTPUTS) if out.is_dir() else []
    if foreign or (out.exists() and not out.is_dir()):
        found = f"other files ({', '.join(foreign[:3])})" if foreign else "a file"
        raise UserError(f"{out}: expected a new folder or a former evaluation, found {found}. Choose another folder.")
    check_writable(out.parent, f"--out {out}")


@contextlib.contextmanager
def _replacing_folder(out: Path) -> Iterator[Path]:
    """Yields a new folder beside ``out`` that takes its place if the block succeeds, and vanishes otherwise.

    Raises:
      UserError: see :func:`check_out`.
    """
    check_out(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    workspace = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".tmp", dir=out.parent))
    new, former = workspace / "new", workspace / "former"
    try:
        new.mkdir()
        yield new
        if out.exists():
            os.replace(out, former)
        try:
            os.replace(new, out)
        except OSError:
            if former.exists():
                os.replace(former, out)
            raise
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
