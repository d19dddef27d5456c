"""Batches from memory and from files: the same bits, ready before they are asked for, no way back to the host."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcsa_jax.data.batches import batch_order
from pcsa_jax.machine.devices import Devices
from pcsa_jax.training import feed
from pcsa_jax.training.feed import Feed, InformedVolumes, Volumes, resident, streamed


@pytest.fixture
def devices():
    return Devices.of(jax.devices())


@pytest.fixture
def volumes(tmp_path):
    rng = np.random.default_rng(0)
    mapped = []
    for name in ("mri", "pet"):
        np.save(tmp_path / name, rng.random((7, 2, 3, 4), np.float32))
        mapped.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r", allow_pickle=False))
    return Volumes(*mapped)


@pytest.mark.parametrize("multiple", [1, 4])
def test_both_sources_give_the_same_bits(devices, volumes, multiple):
    loads = [source(volumes, devices, multiple=multiple) for source in (resident, streamed)]
    for _, rows in batch_order(7, batch_size=3, seed=1, start=0, stop=4):
        found, expected = (load(rows) for load in loads)
        for left, right in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
            assert left.dtype == right.dtype == jnp.float32 and left.sharding.is_equivalent_to(
                right.sharding, left.ndim
            )
            np.testing.assert_array_equal(left, right)
        np.testing.assert_array_equal(found.mri[:3, ..., 0], volumes.mri[rows])
        np.testing.assert_array_equal(found.pet[:3, ..., 0], volumes.pet[rows])
        assert found.weight.tolist() == [1, 1, 1] + [0] * (-3 % multiple)


@pytest.mark.parametrize("source", [resident, streamed])
def test_a_mirrored_row_is_mirrored_in_all_its_volumes_and_no_other_row_is(devices, volumes, source):
    known = np.random.default_rng(1).random((7, 2, 3, 4, 5), np.float32)
    batch = source(
        InformedVolumes(*volumes, known), devices, multiple=4,
        batch=lambda mri, pet, known, weight: (mri, pet, known, weight),
    )(np.array([2, 2 + 7, 6]))  # fmt: skip
    for found, array in zip(batch, (volumes.mri[..., None], volumes.pet[..., None], known), strict=False):
        np.testing.assert_array_equal(found[0], array[2])
        np.testing.assert_array_equal(found[1], array[2][::-1])
        np.testing.assert_array_equal(found[2], array[6])
        assert (found[0] != found[1]).any()
    assert batch[-1].tolist() == [1, 1, 1, 0]
    np.testing.assert_array_equal(volumes.mri, np.load(volumes.mri.filename))  # the cohort itself is left as it is


def test_a_streamed_batch_reads_only_its_rows(devices, volumes):
    class Watched(np.ndarray):
        def __getitem__(self, rows):
            seen.append(np.asarray(rows).tolist())
            return np.asarray(self)[rows]

    seen = []
    streamed(Volumes(*(v.view(Watched) for v in volumes)), devices, multiple=2)(np.array([6, 0, 3]))
    assert seen == [[6, 0, 3, 0]] * 2


def test_batches_come_in_order_and_waiting_is_measured():
    def load(rows):
        time.sleep(0.1)
        return rows

    with Feed(load, [(step, step * 10) for step in range(1, 6)]) as found:
        time.sleep(0.4)
        batches = iter(found)
        assert [next(batches), next(batches)] == [(1, 10), (2, 20)]
        assert found.waited_s < 0.05
        assert list(batches) == [(3, 30), (4, 40), (5, 50)]
        assert 0.1 < found.waited_s < 1


def test_no_more_than_a_few_batches_are_held():
    loaded = []
    with Feed(lambda rows: loaded.append(rows), [(step, step) for step in range(100)]) as found:
        batches = iter(found)
        next(batches)
        next(batches)
        time.sleep(0.1)
        assert len(loaded) <= 2 + feed.AHEAD


def test_an_error_while_reading_arrives_where_the_batch_is_asked_for():
    def load(rows):
        raise OSError("the disk is gone")

    with Feed(load, [(1, np.arange(2))]) as found, pytest.raises(OSError, match="the disk is gone"):
        list(found)
