"""Reading one NIfTI volume and refusing what would poison a training."""

import gzip
import zlib
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from pcsa_jax.errors import UserError

AFFINE_TOLERANCE_MM = 1e-3
"""Two affines closer than this are the same grid: writers round differently."""

MAX_BYTES = 2**31
"""A volume that declares more is refused from its header alone (a decompression bomb, or not a brain on this grid)."""

READ_ERRORS = (
    ImageFileError, HeaderDataError, OSError, EOFError, ValueError, OverflowError, MemoryError, zlib.error,
)  # fmt: skip
"""What nibabel raises on damaged files."""


class Volume(NamedTuple):
    """One 3-D array (float32, axes as stored) with its voxel-to-world affine (mm, RAS+)."""

    data: np.ndarray
    affine: np.ndarray


def read_volume(path: Path, *, subject: str) -> Volume:
    """Reads a NIfTI volume with finite voxels.

    Args:
      path: a ``.nii`` or ``.nii.gz`` file.
      subject: who and what it is ("sub-0001: PET"), the beginning of every message.

    Raises:
      UserError: if the file is missing, unreadable, not 3-D, or holds NaN or infinite voxels.
    """
    if not path.is_file():
        raise UserError(f"{subject}: expected a file at {path}, found none. Restore it or remove the subject.")
    try:
        image = nib.load(path)
        if int(np.prod(image.shape, dtype=np.float64)) * 4 > MAX_BYTES:
            raise ValueError(f"declares {image.shape} voxels, more than {MAX_BYTES / 2**30:g} GiB")
        if image.get_data_dtype().kind not in "iuf":
            raise ValueError(f"holds {image.get_data_dtype()} voxels, not real numbers")
        data = np.asarray(image.dataobj, np.float32)
        if path.suffix == ".gz":
            _check_stream(path)
    except READ_ERRORS as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{subject}: expected a readable NIfTI file, found {path} ({reason}). Make it again."
        ) from error
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    if data.ndim != 3 or 0 in data.shape:
        raise UserError(
            f"{subject}: expected one 3-D volume, found shape {data.shape} in {path}. Average dynamic frames."
        )
    if not np.isfinite(data).all():
        count = int((~np.isfinite(data)).sum())
        raise UserError(
            f"{subject}: expected finite voxels, found {count} NaN or infinite in {path}. Mend or exclude the scan."
        )
    return Volume(data, image.affine)


def _check_stream(path: Path) -> None:
    """Reads a gzip stream to its end, where its checksum is: nibabel stops at the last voxel and never looks."""
    count = 0
    with gzip.open(path) as stream:
        while block := stream.read(2**20):
            count += len(block)
            if count > 2 * MAX_BYTES:
                raise ValueError(f"more than {2 * MAX_BYTES / 2**30:g} GiB in the stream")


def check_grid(volume: Volume, *, shape: tuple[int, int, int], affine: np.ndarray, subject: str) -> None:
    """Raises UserError unless ``volume`` lies on the grid given by ``shape`` and ``affine``."""
    if volume.data.shape != shape:
        raise UserError(
            f"{subject}: has shape {volume.data.shape}, expected {shape}. All volumes of a cohort lie on one grid: "
            "resample it, or set --config.data.size to the cohort's."
        )
    if not np.allclose(volume.affine, affine, atol=AFFINE_TOLERANCE_MM):
        raise UserError(
            f"{subject}: has affine {np.round(volume.affine, 3).tolist()}, expected "
            f"{np.round(affine, 3).tolist()}. Resample it to the cohort's grid."
        )
