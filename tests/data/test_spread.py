"""Outputs without spread within or between people are told, those of a weak generator are not."""

import numpy as np
import pytest

from pcsa_jax.data.spread import BETWEEN, LEAST_SHARE, WITHIN, Spread, judge_spread, spread_of

REAL = np.random.default_rng(0).random((6, 5, 7, 9), np.float32)
MASK = np.random.default_rng(1).random((5, 7, 9)) > 0.4


def test_the_spread_is_that_of_the_definition():
    found, inside = spread_of(REAL, MASK), REAL[:, MASK].astype(np.float64)
    assert found.within == pytest.approx(inside.std(axis=1).mean())
    assert found.between == pytest.approx(np.sqrt(inside.var(axis=0).mean()))
    assert spread_of(REAL[:1], MASK).between == 0


@pytest.mark.parametrize(
    ("made", "lacking"),
    [
        (np.full_like(REAL, 0.5), {WITHIN, BETWEEN}),
        (np.broadcast_to(REAL[:1], REAL.shape), {BETWEEN}),
        (np.broadcast_to(REAL.mean(axis=(1, 2, 3), keepdims=True) * 9, REAL.shape), {WITHIN}),
        (REAL.mean(axis=0) + 0.1 * (REAL - REAL.mean(axis=0)), set()),
        (REAL, set()),
    ],
    ids=["one constant for all", "one volume for all", "a constant each", "a tenth of the truth", "the truth"],
)
def test_what_is_lacking(made, lacking):
    assert set(judge_spread(spread_of(made, MASK), spread_of(REAL, MASK))) == lacking


def test_the_sentences():
    told = judge_spread(Spread(0.004, 0.001), Spread(0.2, 0.1))
    assert told == {
        WITHIN: "the generator's output is nearly constant in the brain: expected an SD of at least 0.01 (real PET: "
        "0.2), found 0.004",
        BETWEEN: "the generator gives nearly the same volume to everybody: expected an SD of at least 0.005 (real PET: "
        "0.1), found 0.001",
    }
    assert judge_spread(Spread(LEAST_SHARE, 0.0), Spread(1.0, 0.0)) == {}, "one volume has nobody to differ from"
