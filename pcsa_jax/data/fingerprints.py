"""What tells one scan from another by its content, whatever it is kept in; and one file from another by its bytes."""

import hashlib
from pathlib import Path

import nibabel as nib
import numpy as np

from pcsa_jax.data.files import check_plain

GRID_DECIMALS = 3
"""Decimals of the affine (mm) that count: writers round differently."""


def volume_hash(voxels: np.ndarray, affine: np.ndarray) -> str:
    """SHA-256 of a volume's voxels and grid in a canonical form, 64 hexadecimal digits.

    Two volumes have the same hash exactly if their canonical forms are the same. That form is, one after the other:

    1. the axes turned to the closest of RAS+, without interpolation (:func:`nibabel.as_closest_canonical`),
    2. the shape as ASCII, ``"64x64x64"``,
    3. the affine of the turned voxels (upper three rows, mm), rounded to :data:`GRID_DECIMALS` decimals, as
       little-endian float64 in C order,
    4. the voxels as little-endian float32 in C order, with -0 as 0.

    So the file's name, header, compression and byte order do not count, nor does the number type where float32 holds
    the values. A volume that has been resampled, smoothed or rescaled is another one: no hash can tell that it is the
    same person's.

    Args:
      voxels: x y z, in the file's unit (after the scale of its header).
      affine: 4x4, voxel to world, mm.
    """
    turn = nib.io_orientation(affine)
    turned = nib.orientations.apply_orientation(np.asarray(voxels, np.float32), turn)
    grid = np.round(affine @ nib.orientations.inv_ornt_aff(turn, voxels.shape), GRID_DECIMALS)
    digest = hashlib.sha256("x".join(map(str, turned.shape)).encode("ascii"))
    digest.update((grid[:3] + 0.0).astype("<f8").tobytes())  # + 0: no -0, which has other bytes than 0
    digest.update((turned + np.float32(0)).astype("<f4").tobytes())
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits.

    Raises:
      UserError: if it is a device, pipe or socket.
    """
    check_plain(path)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
