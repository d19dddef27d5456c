"""Who is shown, and that slices are cut and put back in the same place."""

import numpy as np
import pandas as pd
import pytest

from pcsa_jax.data.norms import Norm
from pcsa_jax.data.regions import brain_mask, region_masks
from pcsa_jax.presentation.figures import SLICES_MM, take_slice
from pcsa_jax.studies.disease.zmaps import Z_MEASURES, cut_planes, shown_rows, volume_of_planes, z_row
from tests.evaluation.evaluation_data import GRID


def rows(*people):
    return pd.DataFrame(people, columns=["diagnosis", "severity_real", "z_correlation"])


def test_shown_by_a_rule():
    table = rows(("AD", -3, 0.9), ("CN", 0.1, 0.1), ("AD", -1, 0.2), ("AD", -2, 0.8), ("CN", 0.3, 0.5))
    assert shown_rows(table) == {"AD, median severity": 3, "CN, median severity": 1, "AD, least agreement": 2}


@pytest.mark.parametrize(
    ("table", "expected"),
    [(rows(("AD", -1, 0.3)), {"AD, median severity": 0}),
     (rows(("CN", 0, 0.3), ("CN", 1, 0.2)), {"CN, median severity": 0, "least agreement": 1}),
     (rows(("", 0, 0.3)), {"least agreement": 0}),
     (rows(("AD", -1, np.nan)), {"AD, median severity": 0}),
     (rows(("AD", np.nan, np.nan)), {})],
)  # fmt: skip
def test_small_groups_show_whom_there_is(table, expected):
    assert shown_rows(table) == expected


def test_slices_return_to_their_place():
    pet = np.random.default_rng(0).uniform(size=GRID.shape).astype(np.float32)
    norm = Norm(np.zeros(GRID.shape, np.float32), np.ones(GRID.shape, np.float32), 3)
    slices = {key: plane[None] for key, plane in cut_planes(pet, 2 * pet, norm, GRID).items()}
    for name, factor in (("real", 1), ("synthetic", 2)):
        volume = volume_of_planes(slices, name, 0, GRID)
        for plane in SLICES_MM:
            expected = take_slice(factor * pet, GRID, plane).pixels
            np.testing.assert_allclose(take_slice(volume, GRID, plane).pixels, expected, rtol=1e-3)
    assert cut_planes(pet, pet, None, GRID) == {}


def test_measures_of_a_known_pair():
    norm = Norm(np.zeros(GRID.shape, np.float32), np.ones(GRID.shape, np.float32), 3)
    brain, regions = brain_mask(GRID), region_masks(GRID)
    real = np.where(regions["hippocampus"], -4, 0).astype(np.float32)
    found = z_row(real, real / 4, norm, regions, brain)
    assert set(found) == set(Z_MEASURES)
    assert found["z_correlation"] == pytest.approx(1)
    assert found["dice"] == 0, "a quarter of the depth is below no threshold"
    assert found["low_real"] == pytest.approx(regions["hippocampus"].sum() / brain.sum())
    assert found["std_synthetic"] == pytest.approx(found["std_real"] / 4)
    assert found["severity_real"] == pytest.approx(4 * found["severity_synthetic"])
    assert found["severity_real"] == pytest.approx(-1), "one of four regions, each counting once"
