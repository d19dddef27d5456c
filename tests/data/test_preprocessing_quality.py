"""Numbers that tell a good preprocessing from a bad one."""

import numpy as np
import pytest
from scipy import ndimage

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.mni152 import load_brain
from pcsa_jax.data.preprocessing.quality import MEASURES, measure, template_grey_matter, warnings
from pcsa_jax.data.regions import brain_mask

GRID = Grid(64)
SOUND = {"brain_ml": 1400.0, "t1_coverage": 1.0}
GOOD = {"gm_correlation": 0.93, "brain_ml": 1400.0, "gm_outside": 0.02}


def test_the_template_agrees_with_itself():
    grey = template_grey_matter(GRID)
    found = measure(grey, 1000 * grey, GRID, brain_ml=1400.0, t1_coverage=1.0, pet_coverage=1.0)
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
    found = measure(spoil(template_grey_matter(GRID)), None, GRID, **SOUND)
    assert "gm_correlation" in warnings([found])[0]
    assert not {"pet_contrast", "pet_coverage"} & found.keys()


def test_a_pet_that_is_not_where_it_belongs_is_marked():
    grey = template_grey_matter(GRID)
    found = measure(grey, np.roll(grey, 12, axis=1), GRID, **SOUND)
    assert set(warnings([found])[0]) == {"pet_gm_correlation"}


@pytest.mark.parametrize("mm", [20, 30])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_pet_that_is_off_by_more_than_its_resolution_is_marked(mm, axis):
    """The template as its own PET correlates better than people's do: what is marked here is marked in them too."""
    grey = template_grey_matter(GRID)
    pet = ndimage.shift(grey, np.eye(3)[axis] * mm / GRID.voxel_size_mm, order=1)
    assert "pet_gm_correlation" in warnings([measure(grey, pet, GRID, **SOUND)])[0]


def test_noise_in_place_of_a_pet_is_marked():
    grey = template_grey_matter(GRID)
    noise = np.where(brain_mask(GRID), np.random.default_rng(0).permutation(grey.ravel()).reshape(GRID.shape), 0)
    pet = ndimage.gaussian_filter(noise, 8 / 2.355 / GRID.voxel_size_mm)
    assert "pet_gm_correlation" in warnings([measure(grey, pet, GRID, **SOUND)])[0]


def test_a_head_that_was_scaled_to_mni152_is_not_too_large():
    mask, affine = load_brain()
    millilitres = mask.sum() * abs(np.linalg.det(affine[:3, :3])) / 1000
    assert millilitres > 1800 and 1.1 * millilitres < MEASURES["brain_ml"].high


@pytest.mark.parametrize(("key", "value"), [("t1_coverage", 0.985), ("pet_coverage", 0.97)])
def test_a_brain_that_is_cut_is_marked(key, value):
    assert key in warnings([GOOD | {key: value}])[0]
    assert warnings([GOOD | {key: 0.999}]) == [{}]


def test_fixed_limits_are_said():
    marks = warnings([GOOD | {"brain_ml": 300.0}, GOOD | {"brain_ml": 2600.0}, GOOD])
    assert marks == [{"brain_ml": "below 950"}, {"brain_ml": "above 2200"}, {}]


def test_outliers_need_a_cohort():
    cohort = [GOOD | {"gm_correlation": 0.93 + 0.001 * n} for n in range(11)]
    odd = GOOD | {"gm_correlation": 0.80}
    assert warnings([*cohort, odd])[-1]["gm_correlation"].startswith("far from the median 0.93")
    assert warnings([*cohort[:10], odd])[-1] == {}
    assert warnings([*cohort, odd])[:11] == [{}] * 11
