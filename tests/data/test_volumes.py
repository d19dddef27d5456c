"""Reading one volume: every kind of damage is refused in one line that names subject and file."""

import gzip
import os
import struct
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsa_jax.data import volumes
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.volumes import examine_volume, read_volume
from pcsa_jax.errors import UserError
from tests.conftest import ROOT
from tests.data.damaged_files import DIM, HEADER_DAMAGE, QFORM_CODE, SCL_SLOPE, STREAM_DAMAGE, VOXEL_DAMAGE, fields

SHAPE = (16, 12, 20)
WHO = "sub-0001: PET"
EVERY_DAMAGE = {**HEADER_DAMAGE, **STREAM_DAMAGE, **VOXEL_DAMAGE}


def content(data=None, affine=None) -> bytes:
    data = np.random.default_rng(0).random(SHAPE, np.float32) if data is None else data
    image = nib.Nifti1Image(data, np.eye(4) if affine is None else affine)
    image.set_qform(image.affine, code=2)
    return image.to_bytes()


def refusal(path) -> str:
    with pytest.raises(UserError) as caught:
        read_volume(path, subject=WHO)
    message = str(caught.value)
    assert message.startswith(f"{WHO}: expected ") and str(path) in message and "\n" not in message
    return message


def test_data_and_affine_arrive_as_written(tmp_path):
    path, affine = tmp_path / "pet.nii.gz", Grid(48).affine
    data = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    path.write_bytes(gzip.compress(content(data, affine)))
    found = read_volume(path, subject=WHO)
    assert found.data.dtype == np.float32
    np.testing.assert_array_equal(found.data, data)
    np.testing.assert_allclose(found.affine, affine)


def test_a_missing_file(tmp_path):
    path = tmp_path / "none.nii.gz"
    assert refusal(path) == (f"sub-0001: PET: expected a file, found none: {path}. Restore it or remove the subject.")


def test_a_folder_in_the_place_of_a_file(tmp_path):
    assert "expected a file, found a folder: " in refusal(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pet.nii.gz")
    assert "expected a file, found a device, socket or pipe: " in refusal(tmp_path / "pet.nii.gz")


def test_a_link_to_nothing_is_annexed(tmp_path):
    path = tmp_path / "pet.nii.gz"
    path.symlink_to(".git/annex/objects/MD5E-s1--0.nii.gz")
    message = refusal(path)
    assert "found a link to one that is not there (annexed, not fetched?)" in message and "datalad get" in message


def test_a_link_to_a_file_is_followed(tmp_path):
    (tmp_path / "object").write_bytes(content())
    (tmp_path / "pet.nii").symlink_to("object")
    assert read_volume(tmp_path / "pet.nii", subject=WHO).data.shape == SHAPE


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "pet.nii"
    path.write_bytes(content())
    path.chmod(0)
    assert "found no permission to read it" in refusal(path)


def test_what_the_disk_refuses(tmp_path, monkeypatch):
    path = tmp_path / "pet.nii"
    path.write_bytes(content())
    for error, told in (
        (PermissionError(13, "Permission denied"), "found no permission to read it"),
        (OSError(5, "Input/output error"), "found a damaged one ([Errno 5] Input/output error)"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(volumes, "_read_content", lambda path, error=error: (_ for _ in ()).throw(error))
            assert told in refusal(path)


@pytest.mark.parametrize("name", EVERY_DAMAGE)
def test_a_damaged_file(tmp_path, name):
    spoil, expected = EVERY_DAMAGE[name]
    path = tmp_path / "pet.nii.gz"
    path.write_bytes(spoil(content()))
    told = [finding.found for finding in examine_volume(path).findings if not finding.is_note]
    if name == "constant":  # can be read; who reads judges the contrast
        assert told == []
        return
    assert any(expected in found for found in told)
    assert told[0] in refusal(path)


@pytest.mark.parametrize(
    ("name", "damaged", "reason"),
    [
        ("empty.nii", b"", "found an empty file"),
        ("text.nii", b"participant_id\tdiagnosis\n" * 20, "found sizeof_hdr 1953653104 instead of 348 or 540"),
        ("compressed.nii", gzip.compress(content()), "Rename it to .nii.gz"),
        ("half.nii", content()[:8000], "found 8000 of its 15712 bytes (truncated)"),
        ("long.nii", content() + b"0", "found more than the 15712 bytes that its header declares"),
    ],
    ids=["empty", "text", "compressed", "half", "long"],
)
def test_damage_without_compression(tmp_path, name, damaged, reason):
    path = tmp_path / name
    path.write_bytes(damaged)
    assert refusal(path).startswith(f"{WHO}: expected a readable NIfTI file, found ")
    assert reason in refusal(path)


def test_header_and_voxels_are_both_told(tmp_path):
    path, data = tmp_path / "pet.nii", np.ones(SHAPE, np.float32)
    data[0, 0, 0] = np.nan
    spoilt = bytearray(content(data))
    struct.pack_into("<2h", spoilt, QFORM_CODE, 0, 0)
    path.write_bytes(spoilt)
    found = [finding.found for finding in examine_volume(path).findings]
    assert len(found) == 2 and "expected an orientation" in found[0] and "expected finite voxels" in found[1]


def test_no_file_is_decompressed_further_than_it_declares(tmp_path, monkeypatch):
    path, asked = tmp_path / "pet.nii.gz", []
    path.write_bytes(gzip.compress(content()) + gzip.compress(bytes(2**24)))
    read = gzip.GzipFile.read
    monkeypatch.setattr(gzip.GzipFile, "read", lambda self, size=-1: asked.append(size) or read(self, size))
    assert "found more than" in refusal(path)
    assert min(asked) > 0 and sum(asked) <= len(content()) + 1


LIMITED = """
import resource, sys, time
from pathlib import Path
import pcsa_jax.data.volumes as volumes
limit = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + 2**28
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
start = time.monotonic()
for path in sys.argv[1:]:
    print(volumes.examine_volume(Path(path)).findings[0].found)
assert time.monotonic() - start < 5
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and a limit on the address space")
def test_bombs_under_a_limit_of_memory(tmp_path):
    """With 256 MiB left: 32767^3 voxels declared, a tail of 2 GiB, a gigabyte that is not there, one that is."""
    tail = gzip.compress(bytes(2**26)) * 32
    giga = (DIM, "4h", 3, 640, 640, 640)
    files = {
        "header.nii.gz": HEADER_DAMAGE["a bomb by its header"][0](content()),
        "tail.nii.gz": gzip.compress(content()) + tail,
        "absent.nii.gz": fields(giga)(content()),
        "memory.nii.gz": fields(giga)(content()[:352]) + tail,
    }
    for name, written in files.items():
        (tmp_path / name).write_bytes(written)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *(tmp_path / name for name in files)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert "declares (32767, 32767, 32767) voxels" in told[0]
    assert "found more than the 15712 bytes" in told[1]
    assert "(truncated)" in told[2]
    assert "not enough memory for it" in told[3]


@settings(max_examples=150, deadline=None)
@given(edits=st.lists(st.tuples(st.integers(0, 359), st.integers(0, 255)), min_size=1, max_size=4))
def test_random_edits_are_told_or_read(edits):
    """A header with bytes changed is refused in one line or gives a finite volume of three axes."""
    spoilt = bytearray(content(np.random.default_rng(0).random((6, 5, 7), np.float32)))
    for place, value in edits:
        spoilt[place] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pet.nii")
        path.write_bytes(spoilt)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                volume = read_volume(path, subject=WHO)
        except UserError as error:
            assert "\n" not in str(error) and str(path) in str(error)
        else:
            assert volume.data.ndim == 3 and np.isfinite(volume.data).all() and np.isfinite(volume.affine).all()


def test_dynamic_pet_of_one_frame_is_a_volume(tmp_path):
    path, data = tmp_path / "pet.nii", np.random.default_rng(0).random((4, 5, 6, 1), np.float32)
    path.write_bytes(content(data))
    np.testing.assert_array_equal(read_volume(path, subject=WHO).data, data[..., 0])


def test_nan_and_infinite_voxels_are_counted(tmp_path):
    path, data = tmp_path / "pet.nii", np.ones(SHAPE, np.float32)
    data[0, :2, 0], data[3, 4, 5] = np.nan, -np.inf
    path.write_bytes(content(data))
    assert refusal(path) == (
        f"sub-0001: PET: expected finite voxels, found 1 of 3840 infinite and 2 NaN: {path}. "
        "Make it again or exclude the scan."
    )


@pytest.mark.parametrize("place", ["edge", "brain"])
def test_nan_outside_the_brain_is_read_as_0(tmp_path, place):
    path, data = tmp_path / "pet.nii", np.ones((16, 16, 16), np.float32)
    data[:2] = np.nan
    data[8, 8, 8] = np.nan if place == "brain" else 1
    path.write_bytes(content(data, Grid(16).affine))
    if place == "brain":
        assert refusal(path) == (
            f"sub-0001: PET: expected finite voxels, found 513 of 4096 NaN, 1 of them in the brain: {path}. "
            "Make it again from its source, or exclude the scan: only NaN outside the brain is read as 0."
        )
        return
    found = read_volume(path, subject=WHO)
    np.testing.assert_array_equal(found.data, np.where(np.isnan(data), 0, data))
    assert found.steps == ("512 NaN outside the brain read as 0",)
    with pytest.raises(UserError, match="found 512 of 4096 NaN: .* Write 0 outside the brain if the tool left NaN"):
        read_volume(path, subject=WHO, is_in_mni152=False)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("intercept", [0.0, 7.0, np.nan])
def test_a_slope_of_0_means_unscaled_whatever_the_type_and_the_intercept(tmp_path, dtype, intercept):
    path, data = tmp_path / "pet.nii", np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(dtype)
    spoilt = bytearray(content(data))
    struct.pack_into("<2f", spoilt, SCL_SLOPE, 0.0, intercept)
    path.write_bytes(spoilt)
    np.testing.assert_array_equal(read_volume(path, subject=WHO).data, data)
    (note,) = examine_volume(path).findings
    assert note.is_note and note.found == "scl_slope 0: voxels taken as they are, as NIfTI has it"
