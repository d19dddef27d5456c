"""Nobody's prediction has seen its own person."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcsa_jax.data.predictors.cross_fitting import assign_folds, cross_fitted
from pcsa_jax.data.predictors.registry import TRIVIAL_PREDICTORS
from pcsa_jax.errors import UserError

NAMES = tuple(TRIVIAL_PREDICTORS)


def volumes(n, seed=0):
    return np.random.default_rng(seed).uniform(0.2, 0.8, (n, 3, 4, 5)).astype(np.float32)


@given(
    visits=st.lists(st.integers(0, 12), min_size=8, max_size=40), num_folds=st.integers(2, 5), seed=st.integers(0, 9)
)
def test_all_visits_of_a_person_are_in_one_fold_and_folds_are_even(visits, num_folds, seed):
    people = [f"sub-{number}" for number in visits]
    if len(set(people)) < num_folds:
        with pytest.raises(UserError, match=rf"expected at most the {len(set(people))} training participants, found"):
            assign_folds(people, num_folds=num_folds, seed=seed)
        return
    folds = assign_folds(people, num_folds=num_folds, seed=seed)
    of_person = {person: {folds[row] for row, own in enumerate(people) if own == person} for person in people}
    assert all(len(own) == 1 for own in of_person.values())
    sizes = np.bincount([next(iter(own)) for own in of_person.values()], minlength=num_folds)
    assert sizes.max() - sizes.min() <= 1


def test_a_rows_prediction_is_the_same_whatever_its_own_fold_holds():
    mri, pet = volumes(12), volumes(12, seed=1)
    folds = assign_folds([f"sub-{row // 2}" for row in range(12)], num_folds=3, seed=0)
    found, other = (np.full((*mri.shape, len(NAMES)), np.nan, np.float32) for _ in range(2))
    cross_fitted(NAMES, mri, pet, folds, out=found)
    changed = pet.copy()
    changed[folds == 1] = volumes(int((folds == 1).sum()), seed=2)
    cross_fitted(NAMES, mri, changed, folds, out=other)
    np.testing.assert_array_equal(found[folds == 1], other[folds == 1])
    assert (found[folds != 1] != other[folds != 1]).any(axis=(1, 2, 3)).all()


def test_each_channel_is_its_predictor_on_the_other_folds():
    mri, pet = volumes(9), volumes(9, seed=1)
    folds = np.arange(9) % 3
    out = np.empty((*mri.shape, len(NAMES)), np.float32)
    calls = []
    cross_fitted(NAMES, mri, pet, folds, out=out, progress=lambda *done: calls.append(done))
    rest = folds != 2
    for channel, name in enumerate(NAMES):
        predictor = TRIVIAL_PREDICTORS[name].fit(mri[rest], pet[rest])
        np.testing.assert_array_equal(out[5, ..., channel], predictor.predict(mri[5:6], clipped=False)[0])
    assert calls == [(1, 3), (2, 3), (3, 3)]
