"""A person's tissues drawn from average ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsa_jax.data.phantom import folding

SIZE = 16


def draw(seed, grey, csf, amplitude=0.4, spread=0.0):
    rng = np.random.default_rng(seed)
    folds = folding.draw_folds(rng, SIZE, amplitude)
    shift = spread * rng.standard_normal()
    return folding.cut(grey, csf, np.ones((SIZE,) * 3), folds, shift, amplitude=amplitude, spread=np.float64(spread))


@settings(max_examples=40, deadline=None)
@given(
    grey=st.floats(0, 1), csf=st.floats(0, 1), brain=st.floats(0, 1), amplitude=st.floats(0.01, 0.5),
    spread=st.floats(0, 0.8), seed=st.integers(0, 99),
)  # fmt: skip
def test_tissues_are_fractions_of_the_brain(grey, csf, brain, amplitude, spread, seed):
    grey, csf = (np.full((4,) * 3, value * brain / 2) for value in (grey, csf))
    rng = np.random.default_rng(seed)
    folds, shift = rng.normal(0, amplitude, (4,) * 3), rng.normal(0, spread)
    parts = folding.cut(
        grey, csf, np.full((4,) * 3, brain), folds, shift, amplitude=amplitude, spread=np.float64(spread)
    )
    assert min(part.min() for part in parts) >= 0
    np.testing.assert_allclose(sum(parts), brain, atol=1e-12)


@pytest.mark.parametrize("spread", [0.0, 0.7])
@pytest.mark.parametrize(("grey", "csf"), [(0.5, 0.25), (0.05, 0.01), (0.8, 0.15)])
def test_the_mean_over_people_is_the_average_map(grey, csf, spread):
    average = (np.full((SIZE,) * 3, grey), np.full((SIZE,) * 3, csf))
    people = np.array([draw(seed, *average, spread=spread) for seed in range(300)])
    means = people.mean(axis=(0, 2, 3, 4))
    np.testing.assert_allclose(means[0], grey, atol=0.02)
    np.testing.assert_allclose(means[2], csf, atol=0.01)


def test_folds_are_where_the_map_is_undecided():
    certain, undecided = (draw(0, np.full((SIZE,) * 3, g), np.full((SIZE,) * 3, 0.0))[0] for g in (0.999, 0.5))
    assert certain.std() < 0.01 and undecided.std() > 0.1


def test_a_shift_moves_grey_to_white_and_leaves_csf():
    average = np.full((4,) * 3, 0.5), np.full((4,) * 3, 0.2)
    kept = {"amplitude": 0.4, "spread": np.float64(0.5)}
    low, high = (folding.cut(*average, np.ones((4,) * 3), np.zeros((4,) * 3), by, **kept) for by in (-1.0, 1.0))
    assert (low[0] > high[0]).all() and (low[1] < high[1]).all()
    np.testing.assert_array_equal(low[2], high[2])
