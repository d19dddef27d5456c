"""The same scan has the same hash however it is stored, and any change of a voxel or of the grid another one."""

import hashlib

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data.fingerprints import volume_hash
from pcsa_jax.data.volumes import read_volume

AFFINE = np.array([[3.0, 0, 0, -90], [0, 4, 0, -126], [0, 0, 5, -72], [0, 0, 0, 1]])


@pytest.fixture
def voxels():
    return np.random.default_rng(0).random((4, 5, 6)).astype(np.float32)


def hash_of(image, path):
    image.to_filename(path)
    volume = read_volume(path, subject="x")
    return volume_hash(volume.data, volume.affine)


def test_the_canonical_form_is_the_documented_one(voxels):
    content = b"4x5x6" + AFFINE[:3].astype("<f8").tobytes() + voxels.astype("<f4").tobytes()
    assert volume_hash(voxels, AFFINE) == hashlib.sha256(content).hexdigest()


def test_how_a_scan_is_stored_does_not_count(voxels, tmp_path):
    expected = volume_hash(voxels, AFFINE)
    assert hash_of(nib.Nifti1Image(voxels, AFFINE), tmp_path / "a.nii") == expected
    assert hash_of(nib.Nifti1Image(voxels.astype(np.float64), AFFINE), tmp_path / "other_name.nii.gz") == expected
    assert hash_of(nib.Nifti2Image(voxels, AFFINE), tmp_path / "c.nii.gz") == expected
    swapped = nib.Nifti1Image(voxels.astype(">f4"), AFFINE, nib.Nifti1Header(endianness=">"))
    assert hash_of(swapped, tmp_path / "d.nii") == expected
    assert volume_hash(np.asfortranarray(voxels), AFFINE + 1e-5 * np.eye(4)) == expected


@pytest.mark.parametrize("codes", ["LAS", "PIR", "SLA"])
def test_the_order_of_axes_does_not_count(voxels, codes):
    image = nib.Nifti1Image(voxels, AFFINE)
    turn = nib.orientations.ornt_transform(nib.io_orientation(AFFINE), nib.orientations.axcodes2ornt(codes))
    turned = image.as_reoriented(turn)
    assert turned.shape != image.shape or codes == "LAS"
    assert volume_hash(np.asarray(turned.dataobj), turned.affine) == volume_hash(voxels, AFFINE)


def test_zero_has_one_sign(voxels):
    voxels[0, 0, 0] = 0.0
    negative = voxels.copy()
    negative[0, 0, 0] = -0.0
    moved = AFFINE.copy()
    moved[0, 1] = -0.0
    assert volume_hash(negative, moved) == volume_hash(voxels, AFFINE)


def test_any_change_counts(voxels):
    hashes = {volume_hash(voxels, AFFINE)}
    changed = voxels.copy()
    changed[1, 2, 3] = np.nextafter(changed[1, 2, 3], np.float32(2))
    hashes.add(volume_hash(changed, AFFINE))
    hashes.add(volume_hash(voxels[::-1], AFFINE))
    hashes.add(volume_hash(voxels.reshape(5, 4, 6), AFFINE))
    moved = AFFINE.copy()
    moved[2, 3] += 0.01
    hashes.add(volume_hash(voxels, moved))
    assert len(hashes) == 5
