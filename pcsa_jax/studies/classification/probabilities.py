"""The table that every result of the classification starts from: P(AD) of each visit under each arm."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pcsa_jax.data.subjects import DIAGNOSES
from pcsa_jax.presentation.tables import read_table, write_table
from pcsa_jax.studies.classification.visits import MRI_ONLY, PAIRS

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

COLUMNS = (
    "arm", "pet", "part", "participant_id", "session_id", "diagnosis", "probability", "threshold",
)  # fmt: skip

PART_LABELS = {PAIRS: "test fold", MRI_ONLY: "MRI-only subjects"}
PET_LABELS = {"none": "", "real": "real", "synthetic": "synthetic", "mean": "mean", "mri": "the MRI again"}


def write_probabilities(path: Path, table: "pd.DataFrame") -> None:
    """Writes ``probabilities.tsv``, whole or not at all; nine digits, so that nobody changes sides of a threshold."""
    shown = table.assign(session_id=table.session_id.replace("", "n/a"))
    write_table(path, shown, COLUMNS, float_format="%.9g")


def read_probabilities(path: Path) -> "pd.DataFrame":
    """Reads ``probabilities.tsv``; a visit without a session has the session_id ""."""
    table = read_table(path, COLUMNS, COLUMNS[:6])
    return table.assign(session_id=table.session_id.replace("n/a", ""))


def summary_table(table: "pd.DataFrame") -> "Table":
    """Balanced accuracy and AUC of each arm and part for the terminal."""
    from rich.table import Table

    shown = Table(title="AD or CN at each arm's threshold of the validation part", title_justify="left")
    for heading in ("arm", "PET given", "scored on"):
        shown.add_column(heading)
    for heading in ("BACC", "AUC"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for (arm, pet, part), cells in _scores(table):
        shown.add_row(arm, PET_LABELS[pet], PART_LABELS[part], *cells)
    people = table.drop_duplicates(["part", "participant_id", "session_id"])
    shown.caption = "; ".join(
        f"{label}: {', '.join(f'{(diagnoses == name).sum()} {name}' for name in DIAGNOSES)}"
        for part, label in PART_LABELS.items()
        if len(diagnoses := people.diagnosis[people.part == part])
    )
    return shown


def _scores(table: "pd.DataFrame") -> Iterator[tuple[tuple[str, str, str], tuple[str, str]]]:
    """(arm, pet, part) -> balanced accuracy and AUC in words; n/a where only one diagnosis occurs."""
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score

    for key, rows in table.groupby(["arm", "pet", "part"], sort=False):
        is_ad = rows.diagnosis == "AD"
        if is_ad.nunique() < 2:
            yield key, ("n/a", "n/a")
            continue
        accuracy = balanced_accuracy_score(is_ad, rows.probability >= rows.threshold)
        yield key, (f"{accuracy:.3f}", f"{roc_auc_score(is_ad, rows.probability):.3f}")
