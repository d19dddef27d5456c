"""An evaluation's scores for the terminal."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pcsa_jax.evaluation.ranking import best_predictors
from pcsa_jax.evaluation.summary import INDIVIDUAL_METRICS, METRICS, predictor_labels
from pcsa_jax.presentation.origin import phantom_mark

if TYPE_CHECKING:
    from rich.table import Table


def summary_table(summary: Mapping[str, Any]) -> "Table":
    """The predictors' scores for the terminal: mean +- SD over the test subjects, the best of each column bold."""
    from rich.table import Table
    from rich.text import Text

    split = summary.get("split", "test")
    mark = phantom_mark(
        is_phantom=summary.get("is_phantom", False), trained_on_phantom=summary.get("trained_on_phantom", False)
    )
    title = f"{mark}{summary['n_subjects']} {split} subjects, mean ± SD over them; bold: best predictor"
    table = Table(title=title, title_justify="left")
    best = best_predictors(summary["predictors"])
    table.add_column("predictor")
    for title in ("MAE", "PSNR (dB)", "SSIM"):
        table.add_column(title, justify="right", no_wrap=True)
    for region in ("brain", "whole volume"):
        keys = [key for key, metric in METRICS.items() if metric.region == region]
        table.add_row(f"in the {region}", style="dim italic")
        for name, scores in summary["predictors"].items():
            cells = [
                Text(format_spread(scores[key], METRICS[key].digits), style="bold" if name in best[key] else "")
                for key in keys
            ]
            table.add_row(f" {predictor_labels()[name]}", *cells)
        table.add_section()
    return table


def individual_table(summary: Mapping[str, Any]) -> "Table":
    """Whether the PET shows its own person, for the terminal: mean +- SD over the test subjects."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Whose brain is it? Identification: 0.5 is chance, 1 always right", title_justify="left")
    best = best_predictors(summary["predictors"], INDIVIDUAL_METRICS)
    table.add_column("predictor")
    for title in ("matched PSNR", "identification", "asymmetry error"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, scores in summary["predictors"].items():
        cells = [
            Text(format_spread(scores[key], metric.digits), style="bold" if name in best[key] else "")
            for key, metric in INDIVIDUAL_METRICS.items()
        ]
        table.add_row(predictor_labels()[name], *cells)
    return table


def format_spread(entry: Mapping[str, Any], digits: int) -> str:
    """``mean ± SD``, or the reason why there is none."""
    if entry["mean"] is None:
        return "not finite"
    spread = f" ± {entry['std']:.{digits}f}" if entry["std"] is not None else ""
    return f"{entry['mean']:.{digits}f}{spread}"
