"""Data order: a function of (seed, epoch), each subject at most once an epoch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcsa_jax.data.batches import batch_order, epoch_batches, padded, with_mirrored
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


@pytest.mark.parametrize("start", [0, 1, 4, 5, 11])
def test_the_order_of_steps_goes_on_from_any_step(start):
    whole = list(batch_order(11, batch_size=4, seed=3, start=0, stop=12))
    assert [step for step, _ in whole] == list(range(1, 13))
    for step, rows in whole:
        epoch, index = divmod(step - 1, 2)
        np.testing.assert_array_equal(rows, epoch_batches(11, batch_size=4, seed=3, epoch=epoch)[index])
    for (step, rows), (other, expected) in zip(
        batch_order(11, batch_size=4, seed=3, start=start, stop=12), whole[start:], strict=True
    ):
        assert step == other
        np.testing.assert_array_equal(rows, expected)


@pytest.mark.parametrize(("multiple", "length"), [(1, 3), (2, 4), (3, 3), (8, 8)])
def test_fillers_have_no_weight(multiple, length):
    rows, weight = padded(np.array([5, 2, 7], np.int32), multiple)
    assert rows.dtype == np.int32 and weight.dtype == np.float32
    assert rows.tolist() == [5, 2, 7] + [0] * (length - 3)
    assert weight.tolist() == [1, 1, 1] + [0] * (length - 3)


def mirrored_order(*, start=0, probability=0.5, seed=0):
    order = batch_order(9, batch_size=3, seed=seed, start=start, stop=60)
    return dict(with_mirrored(order, 9, probability=probability, seed=seed))


def test_mirror_images_are_chosen_by_seed_and_step_alone():
    whole, resumed = mirrored_order(), mirrored_order(start=7)
    for step, rows in resumed.items():
        np.testing.assert_array_equal(rows, whole[step])
    plain = dict(batch_order(9, batch_size=3, seed=0, start=0, stop=60))
    for step, rows in whole.items():
        np.testing.assert_array_equal(rows % 9, plain[step])
    share = np.mean([rows >= 9 for rows in whole.values()])
    assert 0.35 < share < 0.65
    assert any((rows != whole[step]).any() for step, rows in mirrored_order(seed=1).items())


@pytest.mark.parametrize(("probability", "share"), [(0.0, 0), (1.0, 1)])
def test_never_and_always(probability, share):
    assert np.mean([rows >= 9 for rows in mirrored_order(probability=probability).values()]) == share
