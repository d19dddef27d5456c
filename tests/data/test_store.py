"""Volumes in files: the same bits as in memory, written once, whole or not at all."""

import os

import numpy as np
import pytest

from pcsa_jax.data import store
from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.pairs import load_pairs
from pcsa_jax.data.store import open_store, write_store
from pcsa_jax.errors import UserError
from tests.conftest import SIZE

HOW = {"size": SIZE, "normalisation": "minmax"}


@pytest.fixture
def subjects(copy_of_cohort):
    return read_cohort(copy_of_cohort).pairs


def test_a_store_holds_the_bits_of_the_pairs_in_memory(subjects, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "AT_ONCE", 5)  # twelve subjects in parts, the last one smaller
    seen = []
    write_store(tmp_path / "arrays", subjects, **HOW, progress=lambda done, total: seen.append((done, total)))
    pairs = load_pairs(subjects, **HOW)
    for mapped, array in zip(open_store(tmp_path / "arrays"), (pairs.mri, pairs.pet), strict=True):
        assert isinstance(mapped, np.memmap) and mapped.dtype == np.float32
        np.testing.assert_array_equal(mapped, array)
    assert seen == [(done, 12) for done in range(1, 13)]
    assert {path.name for path in tmp_path.glob("*arrays*")} == {"arrays"}


def test_a_store_is_written_again_only_if_its_sources_change(subjects, tmp_path):
    folder, writes = tmp_path / "arrays", []

    def write(chosen=subjects, **how):
        write_store(
            folder, chosen, **HOW | how, progress=lambda done, total: writes.append(done) if done == 1 else None
        )
        return len(writes)

    assert (write(), write()) == (1, 1)
    found = os.stat(subjects[3].pet)
    copied = subjects[3].pet.read_bytes()
    subjects[3].pet.unlink()
    subjects[3].pet.write_bytes(copied)
    os.utime(subjects[3].pet, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert write() == 1
    os.utime(subjects[3].pet, ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    assert (write(), write()) == (2, 2)
    assert write(subjects[1:]) == 3
    assert len(open_store(folder)[0]) == 11
    assert write(subjects[1:], normalisation="percentile") == 4


def test_a_damaged_subject_leaves_no_store(subjects, overwrite, tmp_path):
    overwrite(subjects[7].mri, "not a volume")
    with pytest.raises(UserError, match=f"{subjects[7].name}: MRI: expected a readable NIfTI file"):
        write_store(tmp_path / "arrays", subjects, **HOW)
    assert not list(tmp_path.glob("*arrays*"))


def test_a_full_disk_is_told(subjects, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "_write_header", full)
    with pytest.raises(UserError) as caught:
        write_store(tmp_path / "arrays", subjects, **HOW)
    assert str(caught.value) == (
        f"{tmp_path / 'arrays'}: expected room for 0.4 MiB of volumes, found No space left on device. Free some space, "
        "choose another --workdir, or raise data.resident_gib if the cohort fits into memory."
    )
    assert not list(tmp_path.glob("*arrays*"))


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: b"", lambda raw: raw[:60], lambda raw: raw[:-4], lambda raw: raw.replace(b"<f4", b"<f8"),
        lambda raw: raw.replace(b"'shape'", b"'shade'"), lambda raw: raw.replace(b"{'descr'", b"{{descr'"),
        lambda raw: raw.replace(b"(2, ", b"(9, "), lambda raw: raw.replace(b"(2, ", b"(-2,"),
        lambda raw: b"\x93NUMPY\x09\x00" + raw[8:],
    ],
)  # fmt: skip
def test_damaged_arrays_are_told_in_one_line(tmp_path, change):
    for name in ("mri", "pet"):
        np.save(tmp_path / f"{name}.npy", np.zeros((2, 3, 4, 5), np.float32))
    assert [array.shape for array in open_store(tmp_path)] == [(2, 3, 4, 5)] * 2
    path = tmp_path / "pet.npy"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(UserError) as caught:
        open_store(tmp_path)
    told = str(caught.value)
    assert told.startswith(f"{tmp_path}: expected the run's volumes as two arrays, found ") and "\n" not in told
    assert told.endswith(". Remove the folder; the same command writes it again.")
