"""Reading one NIfTI volume, whole and once, and refusing what would poison a training."""

import gzip
import io
import stat
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from nibabel.arrayproxy import ArrayProxy
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from pcsa_jax.data.foreign_formats import judge_foreign, judge_place
from pcsa_jax.data.headers import HEADER_BYTES, MAKE_AGAIN, READABLE, Finding, Header, read_header
from pcsa_jax.data.nan_outside import describe_filled, fill_outside
from pcsa_jax.data.synthetic_mark import judge_origin
from pcsa_jax.errors import UserError

BLOCK_BYTES = 2**20

READ_ERRORS = (
    ImageFileError, HeaderDataError, OSError, EOFError, ValueError, OverflowError, MemoryError, zlib.error,
    np.linalg.LinAlgError,
)  # fmt: skip
"""What gzip, nibabel and the disk raise on damaged files."""


class Volume(NamedTuple):
    """One 3-D array (float32, axes as stored) with its voxel-to-world affine (mm, RAS+).

    ``steps`` says what reading has changed, if anything.
    """

    data: np.ndarray
    affine: np.ndarray
    steps: tuple[str, ...] = ()


class Examined(NamedTuple):
    """What a file holds and what is wrong with it.

    Attributes:
      data: voxels x y z, float32, finite or not; None if they cannot be read.
      affine: voxel to world (mm, RAS+); None if the header does not place the voxels.
      findings: problems and notes, those of the header first.
      num_nan: voxels outside the brain that were NaN and are 0 in ``data``.
    """

    data: np.ndarray | None
    affine: np.ndarray | None
    findings: tuple[Finding, ...]
    num_nan: int = 0

    @property
    def steps(self) -> tuple[str, ...]:
        """What reading has changed, for the record of the volume."""
        return describe_filled(self.num_nan)


def examine_volume(path: Path, *, is_in_mni152: bool = True) -> Examined:
    """Reads a file to its end (where a gzip stream has its checksum) and tells all that is wrong with it.

    A file that declares more than :data:`~pcsa_jax.data.headers.MAX_BYTES` is not read, and no file is decompressed
    further than it declares.

    Args:
      path: a ``.nii`` or ``.nii.gz`` file.
      is_in_mni152: False for a scan in its own space: of its NaN nobody can say that they lie outside the brain.
    """
    try:
        missing = _look_for(path)
        if missing:
            return Examined(None, None, (missing,))
        content, header, damage = _read_content(path)
        synthetic = judge_origin(content[: _voxels_begin(header)], path)
        found = (*([synthetic] if synthetic else []), *header.findings)
        if damage or header.nifti is None:
            return Examined(None, header.affine, (*found, *damage))
        with np.errstate(all="ignore"):  # a scale of 1e38 overflows: judged by the values
            data = np.asarray(ArrayProxy(io.BytesIO(content), header.nifti), np.float32)
    except READ_ERRORS as error:
        return Examined(None, None, (_damage(error),))
    data = data.reshape(data.shape[:3], order="F")
    filled = fill_outside(data, header.affine if is_in_mni152 else None)
    return Examined(filled.data, header.affine, (*found, *filled.findings), filled.num_nan)


def read_volume(path: Path, *, subject: str, is_in_mni152: bool = True) -> Volume:
    """Reads a NIfTI volume with finite voxels; NaN outside the brain is read as 0.

    Args:
      path: a ``.nii`` or ``.nii.gz`` file.
      subject: who and what it is ("sub-0001: PET"), the beginning of every message.
      is_in_mni152: as for :func:`examine_volume`.

    Raises:
      UserError: for the first problem that :func:`examine_volume` finds: the file is missing, unreadable, not 3-D,
        without a certain orientation, or holds infinite voxels, or NaN in the brain.
    """
    examined = examine_volume(Path(path), is_in_mni152=is_in_mni152)
    refuse(examined.findings, subject=subject, path=path)
    return Volume(examined.data, examined.affine, examined.steps)


def refuse(findings: Iterable[Finding], *, subject: str, path: Path | None) -> None:
    """Raises UserError for the first problem among ``findings``; ``path`` is None for a volume that has no file."""
    for finding in findings:
        if not finding.is_note:
            where = "" if path is None else f": {path}"
            raise UserError(f"{subject}: {finding.found}{where}. {finding.remedy}.")


def _look_for(path: Path) -> Finding | None:
    """Says what is in the place of a NIfTI file that is missing; None if it may be there."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            return Finding(
                "expected a file, found a link to one that is not there (annexed, not fetched?)",
                "Fetch it (datalad get, or git annex get), or mend the link",
            )
        return Finding("expected a file, found none", "Restore it or remove the subject")
    if stat.S_ISDIR(mode):
        return judge_place(path) or Finding(
            "expected a file, found a folder", "Put the file in its place or remove the folder"
        )
    if not stat.S_ISREG(mode):
        return Finding("expected a file, found a device, socket or pipe", "Put the file in its place")
    return judge_place(path)


def _read_content(path: Path) -> tuple[bytes, Header, tuple[Finding, ...]]:
    """The decompressed bytes that the header declares, the header, and damage that shows in reading."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
        start = stream.read(HEADER_BYTES)
        if foreign := judge_foreign(path.name, start):  # of a renamed file that is compressed in both formats
            return b"", Header(None, None, None, ()), (foreign,)
        header = read_header(start)
        if header.num_bytes is None:
            return b"", header, ()
        try:
            content, damage = _read_rest(stream, start, header.num_bytes)
        except READ_ERRORS as error:
            content, damage = b"", (_damage(error),)
        return content, header, damage


def _voxels_begin(header: Header) -> int:
    return 0 if header.nifti is None else int(header.nifti["vox_offset"])


def _read_rest(stream: BinaryIO, start: bytes, num_bytes: int) -> tuple[bytes, tuple[Finding, ...]]:
    """Reads on after ``start`` up to ``num_bytes`` bytes, and one more to see the end, where the checksum is."""
    blocks, found = [start], len(start)
    # In blocks: a damaged header may declare a gigabyte that is not there.
    while found < num_bytes and (block := stream.read(min(BLOCK_BYTES, num_bytes - found))):
        blocks.append(block)
        found += len(block)
    if found < num_bytes:
        return b"", (Finding(f"{READABLE}, found {found} of its {num_bytes} bytes (truncated)", MAKE_AGAIN),)
    if found > num_bytes or stream.read(1):
        return b"", (
            Finding(f"{READABLE}, found more than the {num_bytes} bytes that its header declares", MAKE_AGAIN),
        )
    return b"".join(blocks), ()


def _damage(error: Exception) -> Finding:
    if isinstance(error, PermissionError):
        return Finding(f"{READABLE}, found no permission to read it", "Change the permissions of the file or folder")
    reason = "not enough memory for it" if isinstance(error, MemoryError) else " ".join(str(error).split())
    return Finding(f"{READABLE}, found a damaged one ({reason or type(error).__name__})", MAKE_AGAIN)
