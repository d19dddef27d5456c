"""Data order: a function of (seed, epoch), each subject at most once an epoch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcsa_jax.data.batches import epoch_batches
from pcsa_jax.errors import UserError


@given(st.data())
def test_each_row_is_used_at_most_once_an_epoch(data):
    num_subjects = data.draw(st.integers(1, 60))
    batch_size = data.draw(st.integers(1, num_subjects))
    seed, epoch = data.draw(st.integers(0, 2**31)), data.draw(st.integers(0, 10_000))
    batches = epoch_batches(num_subjects, batch_size=batch_size, seed=seed, epoch=epoch)
    assert batches.shape == (num_subjects // batch_size, batch_size)
    assert len(set(batches.flat)) == batches.size
    assert set(batches.flat) <= set(range(num_subjects))
    np.testing.assert_array_equal(batches, epoch_batches(num_subjects, batch_size=batch_size, seed=seed, epoch=epoch))


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = {
        tuple(epoch_batches(20, batch_size=4, seed=seed, epoch=epoch).flat) for seed in range(3) for epoch in range(10)
    }
    assert len(orders) == 30


def test_those_that_sit_out_change_with_the_epoch():
    left_out = [set(range(7)) - set(epoch_batches(7, batch_size=3, seed=0, epoch=epoch).flat) for epoch in range(40)]
    assert set.union(*left_out) == set(range(7))


def test_too_few_subjects_are_told():
    with pytest.raises(UserError) as caught:
        epoch_batches(3, batch_size=4, seed=0, epoch=0)
    assert str(caught.value) == (
        "batch_size: expected at most the 3 training subjects, found 4. Set --config.batch_size lower."
    )
