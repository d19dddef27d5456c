"""Numbers that tell a good preprocessing from a bad one."""

import numpy as np
import pytest

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.preprocessing.quality import MEASURES, measure, template_grey_matter, warnings

GRID = Grid(64)
GOOD = {"gm_correlation": 0.93, "brain_ml": 1400.0, "gm_outside": 0.02}


def test_the_template_agrees_with_itself():
    grey = template_grey_matter(GRID)
    found = measure(grey, 1000 * grey, 1400.0, GRID)
    assert found["gm_correlation"] == pytest.approx(1)
    assert found["pet_gm_correlation"] == pytest.approx(1)
    assert found["brain_ml"] == 1400
    assert found["gm_outside"] < 0.05
    assert warnings([found]) == [{}]
    assert found.keys() == MEASURES.keys()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda grey: grey[:, ::-1],
        lambda grey: grey[:, :, ::-1],
        lambda grey: np.rot90(grey, axes=(1, 2)),
        lambda grey: np.roll(grey, 5, axis=1),
        lambda grey: np.ones_like(grey),
        np.zeros_like,
    ],
    ids=["front-back", "upside-down", "turned", "15 mm off", "constant", "empty"],
)
def test_a_map_that_is_not_where_it_belongs_is_marked(spoil):
    found = measure(spoil(template_grey_matter(GRID)), None, 1400.0, GRID)
    assert "gm_correlation" in warnings([found])[0]
    assert "pet_contrast" not in found


def test_a_pet_that_is_not_where_it_belongs_is_marked():
    grey = template_grey_matter(GRID)
    found = measure(grey, np.roll(grey, 12, axis=1), 1400.0, GRID)
    assert set(warnings([found])[0]) == {"pet_gm_correlation"}


def test_fixed_limits_are_said():
    marks = warnings([GOOD | {"brain_ml": 300.0}, GOOD | {"brain_ml": 2600.0}, GOOD])
    assert marks == [{"brain_ml": "below 950"}, {"brain_ml": "above 2000"}, {}]


def test_outliers_need_a_cohort():
    cohort = [GOOD | {"gm_correlation": 0.93 + 0.001 * n} for n in range(9)]
    odd = GOOD | {"gm_correlation": 0.80}
    assert warnings([*cohort, odd])[-1]["gm_correlation"].startswith("far from the median 0.93")
    assert warnings([*cohort[:3], odd])[-1] == {}
    assert warnings([*cohort, odd])[:9] == [{}] * 9
