"""Reading one volume: every kind of damage is refused in one line that names subject and file."""

import gzip
import struct

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data.files import write_volume
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.volumes import Volume, check_grid, read_volume
from pcsa_jax.errors import UserError

SHAPE = (16, 12, 20)
WHO = "sub-0001: PET"
DIM, DATATYPE = 40, 70  # byte offsets in a NIfTI-1 header


def content(data=None, affine=None) -> bytearray:
    data = np.random.default_rng(0).random(SHAPE, np.float32) if data is None else data
    return bytearray(nib.Nifti1Image(data, np.eye(4) if affine is None else affine).to_bytes())


def with_dim(*dim: int) -> bytes:
    damaged = content()
    struct.pack_into(f"<{len(dim)}h", damaged, DIM, *dim)
    return gzip.compress(bytes(damaged))


def with_datatype(code: int) -> bytes:
    damaged = content()
    struct.pack_into("<h", damaged, DATATYPE, code)
    return gzip.compress(bytes(damaged))


def refusal(path) -> str:
    with pytest.raises(UserError) as caught:
        read_volume(path, subject=WHO)
    message = str(caught.value)
    assert message.startswith(f"{WHO}: expected ") and str(path) in message and "\n" not in message
    return message


def test_data_and_affine_arrive_as_written(tmp_path):
    path, affine = tmp_path / "pet.nii.gz", Grid(48).affine
    data = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    path.write_bytes(gzip.compress(bytes(content(data, affine))))
    found = read_volume(path, subject=WHO)
    assert found.data.dtype == np.float32
    np.testing.assert_array_equal(found.data, data)
    np.testing.assert_allclose(found.affine, affine)


def test_a_missing_file_or_a_folder(tmp_path):
    for path in (tmp_path / "none.nii.gz", tmp_path):
        assert refusal(path) == (
            f"sub-0001: PET: expected a file at {path}, found none. Restore it or remove the subject."
        )


@pytest.mark.parametrize(
    ("name", "damaged", "reason"),
    [
        ("empty.nii.gz", b"", "Empty file"),
        ("text.nii.gz", b"participant_id\tdiagnosis\n", "is not a gzip file"),
        ("text.nii", b"participant_id\tdiagnosis\n" * 20, "Cannot work out file type"),
        ("plain.nii.gz", bytes(content()), "is not a gzip file"),
        ("half.nii.gz", gzip.compress(bytes(content()))[:8000], "ended before the end-of-stream marker"),
        ("half.nii", bytes(content())[:8000], "could the file be damaged?"),
        ("negative.nii.gz", with_dim(3, -16, 12, 20), "negative count"),
        ("bomb.nii.gz", with_dim(3, 32767, 32767, 32767), "declares (32767, 32767, 32767) voxels, more than 2 GiB"),
        ("unknown.nii.gz", with_datatype(9999), "9999 not recognized"),
        ("complex.nii.gz", gzip.compress(bytes(content(np.ones(SHAPE, np.complex64)))), "holds complex64 voxels"),
        ("rgb.nii.gz", with_datatype(128), "not real numbers"),
    ],
)
def test_a_damaged_file(tmp_path, name, damaged, reason):
    path = tmp_path / name
    path.write_bytes(damaged)
    message = refusal(path)
    assert message.startswith(f"{WHO}: expected a readable NIfTI file, found {path} (")
    assert reason in message and message.endswith("). Make it again.")


@pytest.mark.parametrize(
    ("data", "shape"), [(np.ones((4, 5, 6, 3), np.float32), "(4, 5, 6, 3)"), (np.ones((4, 5), np.float32), "(4, 5)")]
)
def test_what_is_not_one_volume(tmp_path, data, shape):
    path = tmp_path / "pet.nii"
    path.write_bytes(content(data))
    assert refusal(path) == (
        f"sub-0001: PET: expected one 3-D volume, found shape {shape} in {path}. Average dynamic frames."
    )


def test_a_volume_without_voxels(tmp_path):
    path = tmp_path / "pet.nii.gz"
    path.write_bytes(with_dim(3, 0, 12, 20))
    assert "expected one 3-D volume, found shape (0,)" in refusal(path)


def test_dynamic_pet_of_one_frame_is_a_volume(tmp_path):
    path, data = tmp_path / "pet.nii", np.random.default_rng(0).random((4, 5, 6, 1), np.float32)
    path.write_bytes(content(data))
    np.testing.assert_array_equal(read_volume(path, subject=WHO).data, data[..., 0])


def test_nan_and_infinite_voxels_are_counted(tmp_path):
    path, data = tmp_path / "pet.nii", np.ones(SHAPE, np.float32)
    data[0, :2, 0], data[3, 4, 5] = np.nan, -np.inf
    path.write_bytes(content(data))
    assert refusal(path) == (
        f"sub-0001: PET: expected finite voxels, found 3 NaN or infinite in {path}. Mend or exclude the scan."
    )


def test_another_shape_is_told():
    volume = Volume(np.zeros((91, 109, 91)), Grid(64).affine)
    with pytest.raises(UserError) as caught:
        check_grid(volume, shape=(64, 64, 64), affine=Grid(64).affine, subject=WHO)
    assert str(caught.value) == (
        "sub-0001: PET: has shape (91, 109, 91), expected (64, 64, 64). All volumes of a cohort lie on one grid: "
        "resample it, or set --config.data.size to the cohort's."
    )


def test_another_affine_is_told_with_both():
    grid = Grid(16)
    flipped = np.diag([-1.0, 1, 1, 1]) @ grid.affine
    with pytest.raises(UserError, match="Resample it to the cohort's grid") as caught:
        check_grid(Volume(np.zeros(grid.shape), flipped), shape=grid.shape, affine=grid.affine, subject=WHO)
    assert "has affine [[-12.0, " in str(caught.value) and "expected [[12.0, " in str(caught.value)


@pytest.mark.parametrize(("shift_mm", "fits"), [(5e-4, True), (0.5, False)])
def test_rounding_of_an_affine_is_forgiven(shift_mm, fits):
    grid = Grid(16)
    affine = grid.affine.copy()
    affine[1, 3] += shift_mm
    volume = Volume(np.zeros(grid.shape), affine)
    if fits:
        check_grid(volume, shape=grid.shape, affine=grid.affine, subject=WHO)
    else:
        with pytest.raises(UserError, match="has affine"):
            check_grid(volume, shape=grid.shape, affine=grid.affine, subject=WHO)


def test_an_affine_of_nan_fits_no_grid():
    grid = Grid(16)
    with pytest.raises(UserError, match="has affine"):
        check_grid(
            Volume(np.zeros(grid.shape), np.full((4, 4), np.nan)), shape=grid.shape, affine=grid.affine, subject=WHO
        )


def test_flipped_bit_in_a_gzip_stream_is_found(tmp_path):
    path = tmp_path / "volume.nii.gz"
    rng = np.random.default_rng(0)
    write_volume(path, rng.normal(size=(16, 16, 16)), np.eye(4))
    content = bytearray(path.read_bytes())
    content[-6] ^= 1  # in the checksum itself: every voxel still reads
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"sub-01: PET: expected a readable NIfTI file, found .*CRC check failed"):
        read_volume(path, subject="sub-01: PET")
