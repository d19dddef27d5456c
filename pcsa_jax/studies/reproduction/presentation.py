"""The folder of a row set: tables, page and figures from the long table of scores."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.presentation.origin import name_origin, phantom_mark
from pcsa_jax.studies.reproduction.page import Context, Figure, write_page
from pcsa_jax.studies.reproduction.rowsets import RowSet
from pcsa_jax.studies.reproduction.statistics import compute_statistics
from pcsa_jax.studies.reproduction.tables import write_scores, write_tests

if TYPE_CHECKING:
    import pandas as pd


class Panel(NamedTuple):
    """One subject, synthesised by every row in a run that was not trained on it.

    Attributes:
      participant: ``participant_id``.
      diagnosis: AD, CN, or empty.
      mri: grey-matter map, x y z in [0, 1].
      pet: real PET, same grid, in [0, 1].
      synthetic: row -> its PET; clipped to [0, 1] here, as evaluation does.
      grid: of all of them.
    """

    participant: str
    diagnosis: str
    mri: np.ndarray
    pet: np.ndarray
    synthetic: Mapping[str, np.ndarray]
    grid: Grid


def present(
    folder: Path, rowset: RowSet, scores: "pd.DataFrame", *, panel: Panel | None, context: Context
) -> list[Path]:
    """Writes ``NAME.tsv``, ``NAME_tests.tsv``, ``NAME_scores.png``, ``NAME_subject.png`` and, last, ``NAME.md``.

    Args:
      folder: to write into; files of these names are replaced.
      rowset: what to present; NAME is its name.
      scores: the long table (see ``statistics``); rows of other row sets may be in it.
      panel: the subject to show; None leaves the picture out.
      context: what the page says about the runs.

    Returns:
      The files written.

    Raises:
      UserError: if no row of the set was scored.
    """
    from pcsa_jax.studies.reproduction.bars import score_figure

    statistics = compute_statistics(rowset, scores)
    mark = phantom_mark(is_phantom=context.is_phantom)
    folder = Path(folder)
    path = score_figure(folder / f"{rowset.name}_scores.png", rowset, scores, statistics, mark=mark)
    figures = [Figure(path, f"{mark}{_SCORES_CAPTION}")]
    subject = folder / f"{rowset.name}_subject.png"
    if panel is None:
        subject.unlink(missing_ok=True)  # of a former presentation, with other numbers
    else:
        figures.append(_draw_panel(subject, rowset, panel, is_phantom=context.is_phantom))
    tables = [
        write_scores(folder / f"{rowset.name}.tsv", rowset, statistics),
        write_tests(folder / f"{rowset.name}_tests.tsv", statistics),
    ]
    page = write_page(folder / f"{rowset.name}.md", rowset, statistics, figures, context)
    return [*tables, *(figure.path for figure in figures), page]


_SCORES_CAPTION = (
    "Scores of the test subjects (dots; a participant's sessions and seeds averaged), their mean and its 95 % "
    "bootstrap interval. An arrow gives the mean of a system that lies off the scale. Vertical lines: means of the "
    "predictors that need no network and, on the phantom, the ceiling."
)


def _draw_panel(path: Path, rowset: RowSet, panel: Panel, *, is_phantom: bool) -> Figure:
    from pcsa_jax.data.regions import brain_mask
    from pcsa_jax.studies.reproduction.panels import systems_panel

    mark = phantom_mark(is_phantom=is_phantom)
    who = f"{panel.participant} ({panel.diagnosis})" if panel.diagnosis else panel.participant
    systems_panel(
        path,
        mri=panel.mri,
        pet=panel.pet,
        synthetic={
            rowset.labels[row]: np.clip(panel.synthetic[row], 0, 1) for row in rowset.rows if row in panel.synthetic
        },
        mask=brain_mask(panel.grid),
        grid=panel.grid,
        title=f"{mark}{who}, test subject ({rowset.paper})",
        is_phantom=is_phantom,
    )
    caption = name_origin(
        "as every system sees it. Neurological orientation, MNI152 coordinates; MAE in the brain; below each system "
        "its error (synthetic − real), all on one scale.",
        is_phantom=is_phantom,
    )
    return Figure(path, f"{mark}{who} {caption}")
