"""Whose PET it is: chance is exactly a half, the own PET is found, visits of one person are no others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsa_jax.evaluation.identification import identify, squared_distances

SHAPE = (5, 7, 9)
MASK = np.random.default_rng(9).random(SHAPE) > 0.4


def volumes(n, seed=0):
    return np.random.default_rng(seed).random((n, *SHAPE)).astype(np.float32)


def identified(predicted, real, people):
    return identify(squared_distances(predicted, real, MASK), people)


def test_distances_against_their_definition():
    predicted, real = volumes(3), volumes(4, seed=1)
    expected = [[np.square(p[MASK].astype(float) - r[MASK]).mean() for r in real] for p in predicted]
    found = squared_distances(predicted, real, MASK)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_distances_of_many_voxels_are_summed_over_all_blocks():
    rng = np.random.default_rng(0)
    predicted, real = (rng.random((2, 20, 30, 40)).astype(np.float32) for _ in range(2))
    everywhere = np.ones((20, 30, 40), bool)
    expected = [[np.square(p.astype(float) - r).mean() for r in real] for p in predicted]
    np.testing.assert_allclose(squared_distances(predicted, real, everywhere), expected, rtol=1e-9)


def test_the_own_pet_is_recognised():
    real = volumes(6)
    found = identified(np.clip(real + 0.01, 0, 1), real, list("abcdef"))
    np.testing.assert_array_equal(found["identification_rank"], 1)
    np.testing.assert_array_equal(found["identification"], 1)


def test_the_pet_of_somebody_else_is_not():
    real = volumes(3)
    found = identified(real[[1, 2, 0]], real, list("abc"))
    assert (found["identification_rank"] > 1).all() and (found["identification"] <= 0.5).all()


def test_ranks_by_hand():
    """Own distances on the diagonal: nobody is nearer, one is, both are."""
    found = identify(np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]), list("abc"))
    assert found["identification_rank"].tolist() == [1, 2, 3]
    assert found["identification"].tolist() == [1, 0.5, 0]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    people=st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=20).filter(lambda ids: len(set(ids)) > 1),
    seed=st.integers(0, 2**16),
    levels=st.sampled_from([2, 5, 10_000]),
)
def test_one_volume_for_everybody_scores_chance(people, seed, levels):
    """However many visits each has, and with ties: the mean over participants is a half."""
    rng = np.random.default_rng(seed)
    real = np.round(levels * rng.random((len(people), *SHAPE))).astype(np.float32) / levels
    real[rng.integers(len(people))] = real[0]  # two equal PETs
    same = np.broadcast_to(real.mean(axis=0), real.shape)
    found = identified(same, real, people)
    own = np.asarray(people)
    shares = [found["identification"][own == name].mean() for name in sorted(set(people))]
    ranks = [found["identification_rank"][own == name].mean() for name in sorted(set(people))]
    assert np.mean(shares) == pytest.approx(0.5, abs=1e-12)
    assert np.mean(ranks) == pytest.approx(1 + (len(shares) - 1) / 2, abs=1e-12)


def test_identical_volumes_count_half():
    real = np.repeat(volumes(1), 4, axis=0)
    found = identified(real, real, list("abcd"))
    assert found["identification"].tolist() == [0.5] * 4 and found["identification_rank"].tolist() == [2.5] * 4


def test_another_visit_of_the_same_person_is_nobody_else():
    real = volumes(3)
    real[1] = real[0]  # both visits of a
    assert identified(real, real, ["a", "a", "b"])["identification"].tolist() == [1, 1, 1]


def test_visits_of_another_person_are_one_other():
    distances = np.array([[2.0, 1.0, 3.0, 4.0]] + [[1.0, 9.0, 9.0, 9.0]] * 3)
    found = identify(distances, ["a", "b", "b", "c"])
    # Half of b is nearer, half farther; c is farther.
    assert found["identification_rank"][0] == 1.5 and found["identification"][0] == 0.75


def test_the_order_of_visits_does_not_matter():
    people, order = ["a", "b", "b", "c", "d"], [3, 1, 4, 0, 2]
    predicted, real = volumes(5), volumes(5, seed=1)
    first = identified(predicted, real, people)
    other = identified(predicted[order], real[order], [people[i] for i in order])
    for key, values in first.items():
        np.testing.assert_allclose(values[order], other[key], rtol=1e-12)


@pytest.mark.parametrize("people", [["a"], ["a", "a"]])
def test_one_participant_has_nobody_to_be_told_from(people):
    real = volumes(len(people))
    found = identified(real, real, people)
    assert list(found) == ["identification_rank", "identification"]
    assert all(len(values) == len(people) and np.isnan(values).all() for values in found.values())
