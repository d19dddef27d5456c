"""A person's tissues drawn from average ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from pcsa_jax.data.phantom import folding

SIZE = 16


def draw(seed, grey, csf, amplitude=0.4, spread=0.0):
    rng = np.random.default_rng(seed)
    folds, score = folding.draw_folds(rng, SIZE, amplitude), rng.standard_normal()
    return folding.cut(grey, csf, np.ones((SIZE,) * 3), folds, score, amplitude=amplitude, spread=np.float64(spread))


@settings(max_examples=40, deadline=None)
@given(
    grey=st.floats(0, 1), csf=st.floats(0, 1), brain=st.floats(0, 1), amplitude=st.floats(0.01, 0.5),
    spread=st.floats(0, 0.8), seed=st.integers(0, 99),
)  # fmt: skip
def test_tissues_are_fractions_of_the_brain(grey, csf, brain, amplitude, spread, seed):
    grey, csf = (np.full((4,) * 3, value * brain / 2) for value in (grey, csf))
    rng = np.random.default_rng(seed)
    folds, score = rng.normal(0, amplitude, (4,) * 3), rng.standard_normal()
    parts = folding.cut(
        grey, csf, np.full((4,) * 3, brain), folds, score, amplitude=amplitude, spread=np.float64(spread)
    )
    assert min(part.min() for part in parts) >= 0
    np.testing.assert_allclose(sum(parts), brain, atol=1e-12)


@pytest.mark.parametrize("spread", [0.0, 0.3, 0.88])
@pytest.mark.parametrize(("grey", "csf"), [(0.5, 0.25), (0.05, 0.01), (0.047, 0.2), (0.8, 0.15)])
def test_the_mean_over_people_is_the_average_map(grey, csf, spread):
    """Over equally probable fields and scores: 41 of each in place of a sample."""
    quantiles = (np.arange(41) + 0.5) / 41
    folds, score = np.meshgrid(0.4 * ndtri(quantiles), ndtri(quantiles), indexing="ij")
    average = np.full(folds.shape, grey), np.full(folds.shape, csf)
    parts = folding.cut(*average, np.ones(folds.shape), folds, score, amplitude=0.4, spread=np.float64(spread))
    assert parts[0].mean() == pytest.approx(grey, rel=0.03)
    assert parts[2].mean() == pytest.approx(csf, rel=0.03)


def test_folds_are_where_the_map_is_undecided():
    certain, undecided = (draw(0, np.full((SIZE,) * 3, g), np.full((SIZE,) * 3, 0.0))[0] for g in (0.999, 0.5))
    assert certain.std() < 0.01 and undecided.std() > 0.1


def test_a_score_moves_grey_to_white_and_leaves_csf():
    average = np.full((4,) * 3, 0.5), np.full((4,) * 3, 0.2)
    kept = {"amplitude": 0.4, "spread": np.float64(0.5)}
    low, high = (folding.cut(*average, np.ones((4,) * 3), np.zeros((4,) * 3), by, **kept) for by in (-1.0, 1.0))
    assert (low[0] > high[0]).all() and (low[1] < high[1]).all()
    np.testing.assert_array_equal(low[2], high[2])
