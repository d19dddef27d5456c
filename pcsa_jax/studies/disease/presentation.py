"""The disease assessment of all folds of a row: tables, figures and a page to read."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pcsa_jax.data.files import write_text
from pcsa_jax.data.grid import Grid
from pcsa_jax.presentation.origin import phantom_mark
from pcsa_jax.presentation.tables import write_table
from pcsa_jax.studies.disease.charts import lesions_figure, regions_figure
from pcsa_jax.studies.disease.effects import AGREEMENT_COLUMNS, regional_table
from pcsa_jax.studies.disease.findings import TABLES, FoldFindings
from pcsa_jax.studies.disease.lesions import SUMMARY_COLUMNS, lesion_summary
from pcsa_jax.studies.disease.maps import zmaps_figure
from pcsa_jax.studies.disease.page import DiseaseContext, disease_page
from pcsa_jax.studies.disease.zmaps import shown_rows

if TYPE_CHECKING:
    import pandas as pd


def present_disease(
    folder: Path,
    folds: Sequence[FoldFindings],
    *,
    title: str,
    is_phantom: bool,
    protocol: str,
    seed: int = 0,
) -> list[Path]:
    """Writes what the folds of one row found on all their subjects together.

    Args:
      folder: for the files.
      folds: one a fold; each participant is tested in one of them.
      title: what was assessed, as "pcsa, 5 folds".
      is_phantom: True for the built-in cohort; page and figures then say so.
      protocol: cohort, training and folds, for the page.
      seed: of the bootstrap.

    Returns:
      The files: tables, page, ``regions.png``, ``lesions.png``, and ``zmaps.png`` if any fold had a norm.

    Raises:
      ValueError: if there are no folds, they lie on different grids, or a participant was tested in two.
    """
    tables = {name: _joined(folds, name) for name in TABLES}
    _check(folds, tables["regions"])
    folder, grid = Path(folder), Grid(folds[0].size)
    agreement = regional_table(tables["regions"], seed=seed)
    summary = lesion_summary(tables["lesions"], seed=seed)
    paths = [write_table(folder / f"{name}.tsv", tables[name], columns) for name, columns in TABLES.items()]
    paths.append(write_table(folder / "regional_agreement.tsv", agreement, AGREEMENT_COLUMNS))
    paths.append(write_table(folder / "lesion_summary.tsv", summary, SUMMARY_COLUMNS))
    heading, named = f"{phantom_mark(is_phantom=is_phantom)}{title}", {"is_phantom": is_phantom}
    name = f"{heading} — regional uptake"
    paths.append(regions_figure(folder / "regions.png", tables["regions"], agreement, name, **named))
    name = f"{heading} — planted lesions"
    paths.append(lesions_figure(folder / "lesions.png", summary, _mean_changes(folds), grid, name, **named))
    shown = _shown(folds, tables["zmaps"])
    if shown:
        name = f"{heading} — deviation from normal"
        paths.append(zmaps_figure(folder / "zmaps.png", shown, grid, name, **named))
    else:
        (folder / "zmaps.png").unlink(missing_ok=True)
    context = DiseaseContext(
        title=title, is_phantom=is_phantom, protocol=protocol, num_folds=len(folds),
        norm_counts=tuple(fold.norm_count for fold in folds), shown=tuple(label for label, _, _ in shown),
    )  # fmt: skip
    write_text(folder / "disease.md", disease_page(agreement, summary, tables["zmaps"], context))
    return [*paths, folder / "disease.md"]


def _joined(folds: Sequence[FoldFindings], name: str) -> "pd.DataFrame":
    import pandas as pd

    if not folds:
        raise ValueError("folds: expected the findings of at least one fold, found none.")
    return pd.concat([getattr(fold, name).assign(fold=i) for i, fold in enumerate(folds)], ignore_index=True)


def _check(folds: Sequence[FoldFindings], regions: "pd.DataFrame") -> None:
    sizes = sorted({fold.size for fold in folds})
    if len(sizes) > 1:
        raise ValueError(f"folds: expected one grid, found {', '.join(f'{size}^3' for size in sizes)}.")
    in_folds = regions.groupby("participant_id")["fold"].nunique()
    twice = sorted(in_folds.index[in_folds > 1])
    if twice:
        raise ValueError(f"folds: expected each participant in one, found {len(twice)} in several ({twice[0]}).")


def _mean_changes(folds: Sequence[FoldFindings]) -> dict[str, np.ndarray]:
    """Mean over the subjects of all folds."""
    counts = [fold.num_subjects for fold in folds]
    return {
        key: sum(count * fold.changes[key] for count, fold in zip(counts, folds, strict=True)) / sum(counts)
        for key in folds[0].changes
    }


def _shown(folds: Sequence[FoldFindings], zmaps: "pd.DataFrame") -> list[tuple[str, dict[str, np.ndarray], int]]:
    """Label, slices and row in them of each subject that the figure of z-maps shows."""
    own = zmaps[zmaps["predictor"] == "model"].reset_index(drop=True)
    within = own.groupby("fold").cumcount()
    shown = []
    for why, row in shown_rows(own).items():
        who = own.iloc[row]
        name = " ".join(part for part in (who["participant_id"], who["session_id"]) if part)
        shown.append((f"{why}\n{name}, r = {who['z_correlation']:.2f}", folds[who["fold"]].slices, int(within[row])))
    return shown
