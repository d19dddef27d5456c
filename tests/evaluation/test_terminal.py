"""The tables of the terminal: eighty columns, the best predictor bold, a phantom named."""

import pytest
from rich.console import Console

from pcsa_jax.evaluation.terminal import individual_table, summary_table
from tests.evaluation.evaluation_data import printed


def test_terminal_table_fits_eighty_columns(evaluated):
    table = printed(evaluated[1])
    assert "…" not in table
    for text in ("voxel-wise linear", "PSNR (dB)", "in the brain", "whole volume", "6 test subjects, mean ± SD"):
        assert text in table
    assert len([line for line in table.splitlines() if "range not known" in line]) == 2, "not wrapped"
    people = printed(evaluated[1], individual_table)
    assert "…" not in people and "0.5 is chance" in people and "ceiling, range not known" in people


def test_terminal_table_has_the_best_predictor_bold(evaluated):
    """The generator of this test is half the ceiling: it is the best; a poor one is not."""
    summary = evaluated[1]
    poor = {**summary, "predictors": {**summary["predictors"], "model": summary["predictors"]["mean_pet"]}}
    bold = {}
    for name, own in (("good", summary), ("poor", poor)):
        console = Console(width=100, force_terminal=True, color_system="standard")
        with console.capture() as capture:
            console.print(summary_table(own))
        lines = [line for line in capture.get().splitlines() if "±" in line and "\x1b[1m" in line]
        bold[name] = {line.replace("\x1b[0m", "").split("│")[1].strip() for line in lines}
    assert bold == {"good": {"generator"}, "poor": {"voxel-wise linear", "whole-brain ridge"}}


@pytest.mark.parametrize(
    ("is_phantom", "trained_on_phantom", "start"),
    [(True, True, "PHANTOM: 6"), (False, True, "PHANTOM-trained generator: 6"), (False, False, "6 test")],
)
def test_terminal_table_says_what_is_a_phantom(evaluated, is_phantom, trained_on_phantom, start):
    summary = {**evaluated[1], "is_phantom": is_phantom, "trained_on_phantom": trained_on_phantom}
    assert printed(summary).startswith(start)
