"""Coverage of intervals: counted where it is known beforehand."""

import numpy as np
import pytest

from pcsa_jax.data.regional_values import all_values, value_names
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.data.trust.intervals import Intervals
from pcsa_jax.evaluation.coverage import KINDS, measure_coverage, summarise_coverage
from tests.evaluation.evaluation_data import GRID

MASK = brain_mask(GRID)
COUNT = len(value_names())


def intervals(half_width, people=19):
    """From errors that fill -half_width .. half_width evenly: of 19 people 90 % lie between the first and the last."""
    steps = np.linspace(-1, 1, people, dtype=np.float32)
    errors = steps[:, None, None, None] * np.broadcast_to(half_width, GRID.shape).astype(np.float32)
    return Intervals.fit(errors, np.tile(steps[:, None], (1, COUNT)))


def synthetic(people=4):
    return np.full((people, *GRID.shape), 0.5, np.float32)


def test_a_real_pet_within_its_interval_is_covered_and_one_without_is_not():
    made = synthetic()
    real = made.copy()
    real[1] += 0.05  # just inside: the ends are the first and the last error, -0.1 and 0.1
    real[2] += 0.2
    real[3][MASK & (np.arange(GRID.size) < GRID.size // 2)] -= 0.2
    found = measure_coverage(intervals(0.1), made, real, GRID)
    part = 1 - (MASK & (np.arange(GRID.size) < GRID.size // 2)).sum() / MASK.sum()
    np.testing.assert_allclose(found.people, [1, 1, 0, part], rtol=1e-6)
    assert found.width == pytest.approx(0.2, rel=1e-3)
    inside = found.volume[MASK]
    np.testing.assert_allclose(np.unique(inside), [0.5, 0.75], rtol=1e-6)
    assert inside.mean() == pytest.approx(found.people.mean())


def test_quarters_go_from_the_narrowest_to_the_widest():
    width = np.full(GRID.shape, 0.01, np.float32)
    first = np.flatnonzero(MASK.ravel())
    order = np.array_split(first, 4)
    for rank, own in enumerate(order):
        width.ravel()[own] = 0.02 * (rank + 1)
    made = synthetic(2)
    found = measure_coverage(intervals(width), made, made + 0.05, GRID)
    assert found.quarters == (0, 0, 1, 1)


def test_an_ensemble_s_sd_widens_its_intervals():
    errors = np.linspace(-0.1, 0.1, 20, dtype=np.float32)[:, None, None, None] * np.ones(GRID.shape, np.float32)
    scaled = Intervals.fit(errors, np.zeros((20, COUNT)), np.full_like(errors, 0.01))
    made = synthetic(1)
    narrow, wide = (
        measure_coverage(scaled, made, made, GRID, np.full_like(made, std)).width for std in (0.01, 0.03)
    )  # fmt: skip
    assert wide == pytest.approx(2 * narrow, rel=1e-3)


def test_regional_values_are_counted_by_their_kind():
    made = synthetic(3) * MASK
    real = made.copy()
    real[0] *= 0.5  # uptake falls, ratios and asymmetry stay
    own = intervals(0.1)
    found = measure_coverage(own, made, real * MASK, GRID)
    summary = summarise_coverage(own, found, GRID)
    assert found.regional.shape == (3, COUNT)
    assert summary["regional"]["uptake"]["mean"] == pytest.approx(1), "errors of regions reach to 1 on both sides"
    narrow = Intervals.fit(
        np.zeros((20, *GRID.shape), np.float32), np.linspace(-0.01, 0.01, 20)[:, None].repeat(COUNT, 1)
    )
    summary = summarise_coverage(narrow, measure_coverage(narrow, made, real, GRID), GRID)
    assert summary["regional"]["uptake"]["mean"] == pytest.approx(2 / 3)
    assert {summary["regional"][kind]["mean"] for kind in KINDS if kind != "uptake"} == {1.0}
    assert set(summary["regional"]) == set(KINDS)


def test_exact_intervals_hold_what_they_say():
    """Errors of one kind in calibration and test: coverage is nominal within chance."""
    rng = np.random.default_rng(0)
    errors = rng.normal(0, 0.05, (59, *GRID.shape)).astype(np.float32)
    own = Intervals.fit(errors, rng.normal(0, 0.05, (59, COUNT)))
    made = synthetic(10)
    found = measure_coverage(own, made, made + rng.normal(0, 0.05, made.shape).astype(np.float32), GRID)
    summary = summarise_coverage(own, found, GRID)
    assert summary["level"] == 0.9 and summary["calibration_people"] == 59 and not summary["is_scaled"]
    assert summary["people"]["mean"] == pytest.approx(0.9, abs=0.01)
    assert summary["people_percentiles_5_50_95"][1] == pytest.approx(np.median(found.people))
    assert np.mean(summary["by_width"]) == pytest.approx(summary["people"]["mean"], abs=1e-3)
    assert summary["by_width"] == sorted(summary["by_width"]), "what is narrow by chance holds less"
    assert summary["people"]["ci95"][0] < summary["people"]["mean"] < summary["people"]["ci95"][1]
    assert "59 people, whom the generator has not learnt from" in summary["promise"]


def test_a_value_that_the_real_pet_does_not_have_is_not_counted():
    """Without uptake in the reference regions nobody can say whether a ratio lies in its interval."""
    made = synthetic(4) * MASK
    real = made.copy()
    names = value_names()
    real[0] = 0
    assert np.isnan(all_values(real[:1], GRID)[0, names.index("hippocampus.left_to_pons")])
    own = intervals(0.1)
    found = measure_coverage(own, made, real, GRID)
    entry = summarise_coverage(own, found, GRID)["regional"]["to pons"]
    assert entry["mean"] == 1 and entry["n"] == 3
