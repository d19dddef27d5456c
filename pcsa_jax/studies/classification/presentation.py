"""Table 3 and Fig. 6 from the probabilities of all classifiers: tables, figures and the page that explains them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcsa_jax.data.files import write_text
from pcsa_jax.presentation.tables import write_table
from pcsa_jax.studies.classification.aggregation import Estimate
from pcsa_jax.studies.classification.bars import measures_figure
from pcsa_jax.studies.classification.comparison import DROP_IN, REAL, PairedTest, agreement
from pcsa_jax.studies.classification.context import ClassificationContext
from pcsa_jax.studies.classification.lines import read_lines
from pcsa_jax.studies.classification.measures import MEASURES
from pcsa_jax.studies.classification.page import write_page
from pcsa_jax.studies.classification.results import PartResults, evaluate_part
from pcsa_jax.studies.classification.roc import roc_figure

if TYPE_CHECKING:
    import pandas as pd

ESTIMATE_COLUMNS = ("value", "ci95_low", "ci95_high", "reason")
TEST_COLUMNS = (
    "part", "arm", "pet", "other_arm", "other_pet", "measure", *ESTIMATE_COLUMNS, "p_method", "p", "p_holm",
    "num_comparisons", "right_more_often", "other_right_more_often", "verdict", "verdict_after_correction",
)  # fmt: skip
"""``value`` is the difference of the fractions, the arm minus the other."""


def present_classification(
    folder: Path, probabilities: "pd.DataFrame", *, context: ClassificationContext
) -> list[Path]:
    """Writes Table 3, its tests, agreement and confusion counts as TSV, both figures, and the page.

    Args:
      folder: to write to; made if it is not there.
      probabilities: one line per seed, fold, arm, second input, participant and session (``lines.COLUMNS``).
      context: of the experiment.

    Returns:
      The files; ``table3_agreement.tsv`` only if classifiers trained with real PET scored pairs with both kinds of PET.

    Raises:
      UserError: if the probabilities are not complete or not probabilities (``read_lines``).
    """
    import pandas as pd

    parts = {part: evaluate_part(lines) for part, lines in read_lines(probabilities).items()}
    pairs = parts["pairs"].lines if "pairs" in parts else {}
    agreed = agreement(pairs[REAL], pairs[DROP_IN]) if REAL in pairs and DROP_IN in pairs else None
    tests = [_test_row(test) for results in parts.values() for test in results.tests]
    written = [
        write_table(folder / "table3.tsv", pd.DataFrame(_estimate_rows(parts))),
        write_table(folder / "table3_tests.tsv", pd.DataFrame(tests, columns=list(TEST_COLUMNS))),
        write_table(folder / "table3_confusion.tsv", pd.concat([part.classifiers for part in parts.values()])),
    ]
    if agreed:
        rows = [{"agreement": name, **_cells(entry)} for name, entry in agreed.items()]
        written.append(write_table(folder / "table3_agreement.tsv", pd.DataFrame(rows)))
    written += [
        roc_figure(folder / "table3_roc.png", parts, is_phantom=context.is_phantom),
        measures_figure(folder / "fig6.png", parts, is_phantom=context.is_phantom),
    ]
    write_text(folder / "table3.md", write_page(parts, agreed, context))
    return [*written, folder / "table3.md"]


def _cells(entry: Estimate) -> dict[str, Any]:
    low, high = entry.ci95 or (None, None)
    return dict(zip(ESTIMATE_COLUMNS, (entry.value, low, high, entry.reason or None), strict=True))


def _estimate_rows(parts: Mapping[str, PartResults]) -> list[dict[str, Any]]:
    """Long: one row per part, line and measure; fractions, not %."""
    rows = []
    for part, results in parts.items():
        for key, line in results.lines.items():
            n_ad = int(line.is_ad.sum())
            who = {"part": part, "arm": key[0], "pet": key[1], "n_ad": n_ad, "n_cn": len(line.is_ad) - n_ad}
            for name in MEASURES:
                mean, std = results.spread(key, name)
                spread = {"num_classifiers": len(line.models), "mean_over_folds": mean, "std_over_folds": std}
                rows.append({**who, "measure": name, **_cells(results.found[key][name]), **spread})
    return rows


def _test_row(test: PairedTest) -> Sequence[Any]:
    """In the order of ``TEST_COLUMNS``."""
    method = "McNemar exact" if test.measure == "acc" else "paired bootstrap"
    return (
        test.part, *test.first, *test.second, test.measure, *_cells(test.difference).values(), method, test.p,
        test.p_holm, test.num_comparisons, test.first_right, test.second_right, test.verdict, test.corrected_verdict,
    )  # fmt: skip
