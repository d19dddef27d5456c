"""Intervals cover what they say, of people who are like those that they come from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsa_jax.data.trust.intervals import ENOUGH_FOR_GUARANTEE, Intervals, by_width, covered, level_for

SHAPE = (5, 6, 7)


def errors(count, seed=0, scale=1.0):
    return np.random.default_rng(seed).gamma(2, scale, (count, *SHAPE)).astype(np.float32)


@pytest.mark.parametrize(("count", "level"), [(8, None), (9, 0.8), (18, 0.8), (19, 0.9), (500, 0.9)])
def test_the_level_is_what_the_number_of_people_allows(count, level):
    assert level_for(count) == level
    found = Intervals.fit(errors(count), np.zeros((count, 1)))
    assert (found is None) == (level is None)
    assert found is None or found.level == level


@pytest.mark.parametrize("count", [9, 19, 40])
def test_coverage_of_new_people_is_the_nominal_one_on_average(count):
    """Over many voxels whose errors are independent: the expectation of split conformal, k / (n + 1)."""
    found = Intervals.fit(errors(count), np.zeros((count, 1)))
    new = errors(400, seed=1)
    low, high = found.low, found.high
    inside = ((new >= low) & (new <= high)).mean()
    assert abs(inside - found.level) < 0.015


def test_regional_intervals_cover_at_least_the_level():
    """Exactly 1 - 2 k / (n + 1) for continuous errors, averaged over calibrations."""
    inside = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        own = rng.normal(size=(30, 2))
        found = Intervals.fit(errors(30), own)
        ends = found.regionally([10.0, 20.0])
        real = np.array([10.0, 20.0]) + rng.normal(size=(20, 2))
        inside += [end.low <= value <= end.high for row in real for end, value in zip(ends, row, strict=True)]
    assert abs(np.mean(inside) - (1 - 2 / 31)) < 0.015


def test_an_ensembles_spread_makes_intervals_wider_where_it_is_large():
    spreads = np.full((20, *SHAPE), 0.5, np.float32)
    found = Intervals.fit(errors(20), np.zeros((20, 1)), spreads)
    pet = np.full(SHAPE, 50, np.float32)
    usual, doubled = (np.subtract(*found.around(pet, np.full(SHAPE, std, np.float32))[::-1]) for std in (0.5, 1.5))
    np.testing.assert_allclose(doubled, 2 * usual, rtol=1e-4)
    assert found.is_scaled
    assert not Intervals.fit(errors(20), np.zeros((20, 1))).is_scaled


def test_uptake_is_not_below_0():
    found = Intervals.fit(errors(20) - 5, np.zeros((20, 1)))
    low, high = found.around(np.zeros(SHAPE, np.float32))
    assert low.min() == 0
    assert (high >= low).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(9, 60), st.integers(0, 1000))
def test_the_calibration_people_themselves_are_covered(count, seed):
    own = errors(count, seed)
    found = Intervals.fit(own, np.zeros((count, 1)))
    inside = covered(own, found.low[None], found.high[None]).mean(axis=0)
    assert (inside >= found.level - 2 / count - 1e-6).all()


def test_no_word_of_guarantee_below_120_people():
    few = Intervals.fit(errors(ENOUGH_FOR_GUARANTEE - 1), np.zeros((ENOUGH_FOR_GUARANTEE - 1, 1))).describe()
    enough = Intervals.fit(errors(ENOUGH_FOR_GUARANTEE), np.zeros((ENOUGH_FOR_GUARANTEE, 1))).describe()
    assert few.endswith("that is an estimate and no guarantee")
    assert "so will that of at least 90 % of people who are drawn like them" in enough


def test_coverage_by_quarters_of_the_width():
    width = np.arange(8.0)
    assert by_width(width >= 4, width) == [0, 0, 1, 1]
