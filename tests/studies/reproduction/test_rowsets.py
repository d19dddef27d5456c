"""The paper's numbers, as printed."""

import pytest

from pcsa_jax.evaluation.summary import METRICS
from pcsa_jax.experiment.config import parse_config
from pcsa_jax.studies.reproduction.rowsets import why_not_comparable
from tests.studies.reproduction.reproduction_data import row_set


@pytest.mark.parametrize("name", ["fig3", "table1", "table2", "table2_weights", "fig5"])
def test_every_row_has_a_label_and_the_reference_is_one(name):
    rowset = row_set(name)
    assert rowset.name == name
    assert set(rowset.labels) == set(rowset.rows)
    assert rowset.reference in rowset.rows
    assert set(rowset.published) <= set(rowset.rows)
    assert all(set(numbers) == {"mae", "psnr_db", "ssim"} <= set(METRICS) for numbers in rowset.published.values())


def test_numbers_of_the_tables():
    assert row_set("table1").published["sa16"] == {
        "ssim": (0.9346, 0.0031),
        "psnr_db": (28.75, 0.21),
        "mae": (0.0218, 0.0011),
    }
    assert row_set("table2").published["adversarial"]["psnr_db"] == (28.07, 0.08)
    assert row_set("table1").published["pcsa"] == row_set("table2").published["pcsa"]
    assert set(row_set("table2").published) == set(row_set("table2").rows)


def test_the_second_table_2_differs_in_the_row_of_ms_ssim_alone():
    literal, second = row_set("table2"), row_set("table2_weights")
    other = {"ms_ssim": "ms_ssim_alone"}
    assert second.rows == tuple(other.get(row, row) for row in literal.rows)
    assert second.published["ms_ssim_alone"] == literal.published["ms_ssim"]
    loss = parse_config(["--config=pcsa:ms_ssim_alone"]).loss
    assert loss.l1 == 0 and loss.ms_ssim > parse_config(["--config=pcsa:ms_ssim"]).loss.ms_ssim


@pytest.mark.parametrize("name", ["fig3", "fig5"])
def test_figures_have_no_numbers_but_those_of_the_text(name):
    numbers = {"ssim": (0.9486, None), "psnr_db": (29.65, None), "mae": (0.0194, None)}
    assert row_set(name).published == {"pcsa": numbers}


def test_why_not_comparable_names_the_cohort():
    assert "built-in phantom (demo), simulated" in why_not_comparable(True, "demo")
    assert "Ours come from ADNI-3: other subjects" in why_not_comparable(False, "ADNI-3")
    assert "\n" not in why_not_comparable(True, "demo") + why_not_comparable(False, "demo")
